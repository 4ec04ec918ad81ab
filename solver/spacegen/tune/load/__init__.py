"""What puts load on a server: workloads from files, load generators and how their results are read."""
