"""Logs read to their end."""

from __future__ import annotations

from spacegen.diagnose.collecting.log import LogReader
from spacegen.diagnose.launch import Launch

__all__ = ["launches_of"]


def launches_of(*pieces: bytes) -> tuple[Launch, ...]:
    """The launches of a log that comes in these pieces."""
    reader = LogReader("server.log")
    for piece in pieces:
        reader.take(piece)
    reader.close()
    return reader.launches
