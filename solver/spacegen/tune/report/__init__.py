"""What records come to as one page of HTML that needs nothing else."""
