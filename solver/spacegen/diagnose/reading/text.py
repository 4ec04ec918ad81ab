"""A line of a log as it is shown."""

from __future__ import annotations

from typing import Final

from spacegen.diagnose.launch import Line
from spacegen.diagnose.printable import printable
from spacegen.tune.secret import masked_text

__all__ = ["SHOWN", "line_of", "plain"]

SHOWN: Final = 500
"""Characters of a line that evidence shows."""


def plain(raw: bytes) -> str:
    """The text of a line without what terminals obey and without what a progress bar wrote over."""
    text = raw.decode("utf-8", errors="replace").rstrip("\0 \t\r\n\f\v")
    return printable(text.rsplit("\r", 1)[-1])


def line_of(file: str, number: int, text: str) -> Line:
    """A line as evidence, without secrets: what is kept of a launch is shown, written and sent around."""
    # What is cut off first may not be seen to be one.
    return Line(file=file, number=number, text=masked_text(text)[:SHOWN])
