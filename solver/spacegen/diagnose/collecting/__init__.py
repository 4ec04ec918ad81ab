"""What the lines of a log come to."""
