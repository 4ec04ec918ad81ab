"""A line of a log as it is shown."""

from __future__ import annotations

import re
from typing import Final

from spacegen.diagnose.launch import Line
from spacegen.tune.secret import masked_text

__all__ = ["SHOWN", "line_of", "plain"]

SHOWN: Final = 500
"""Characters of a line that evidence shows."""
_COLOURS: Final = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")


def plain(raw: bytes) -> str:
    """The text of a line without colours and without what a progress bar wrote over."""
    text = raw.replace(b"\0", b"").decode("utf-8", errors="replace").rstrip()
    return _COLOURS.sub("", text.rsplit("\r", 1)[-1])


def line_of(file: str, number: int, text: str) -> Line:
    """A line as evidence, without secrets: what is kept of a launch is shown, written and sent around."""
    # What is cut off first may not be seen to be one.
    return Line(file=file, number=number, text=masked_text(text)[:SHOWN])
