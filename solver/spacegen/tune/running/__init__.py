"""Configs on servers: GPUs and ports to themselves, processes that end with their parent, workers."""
