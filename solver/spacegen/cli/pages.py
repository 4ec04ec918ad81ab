"""Where an HTML page may go."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Final

__all__ = ["refuse_page"]

_MARK: Final = b'<meta name="generator" content="spacegen">'
"""Near the start of every page, and of no other file."""


def refuse_page(output: str, what: str, hint: str) -> None:
    """Raises UsageError where no page can be written, and where a file that is no page of ours would be lost;
    `-` is stdout."""
    from spacegen.launch.files import refuse_foreign, refuse_unwritable

    if output != "-":
        refuse_unwritable(Path(output))
        refuse_foreign(Path(output), what, _is_page, hint)


def _is_page(stream: BinaryIO) -> bool:
    return _MARK in stream.read(1024)
