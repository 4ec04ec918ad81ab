"""Numbers over time as one line of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

__all__ = ["ASCII", "BLOCKS", "blocks_for", "spark"]

BLOCKS: Final = "▁▂▃▄▅▆▇█"
ASCII: Final = "_.-=+*#@"


def blocks_for(encoding: str | None) -> str:
    """The characters from low to high that a stream of that encoding can write."""
    try:
        BLOCKS.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS


def spark(values: Sequence[float | None], blocks: str, *, top: float | None = None) -> str:
    """A character for each value, from 0 to the `top` (the largest value, unless given); a space for None."""
    known = [value for value in values if value is not None]
    high = max(known, default=0.0) if top is None else top
    last = len(blocks) - 1
    return "".join(
        " " if value is None else blocks[round(last * min(max(value / high, 0.0), 1.0)) if high > 0 else 0]
        for value in values
    )
