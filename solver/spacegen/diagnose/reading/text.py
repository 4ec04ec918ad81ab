"""A line of a log as it is shown."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["SHOWN", "plain"]

SHOWN: Final = 500
"""Characters of a line that evidence shows."""
_COLOURS: Final = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")


def plain(raw: bytes) -> str:
    """The text of a line without colours and without what a progress bar wrote over."""
    text = raw.replace(b"\0", b"").decode("utf-8", errors="replace").rstrip()
    return _COLOURS.sub("", text.rsplit("\r", 1)[-1])
