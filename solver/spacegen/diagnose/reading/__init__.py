"""Bytes of logs as lines, batches and events."""
