"""The prompts that the cache of a SIMULATED server remembers, for others to share their beginnings."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any, Final, TypeAlias

__all__ = ["PER_TOKEN", "Beginnings", "Prefixes", "beginnings"]

PER_TOKEN: Final = 4
"""Characters of a prompt that are taken for a token."""
_BLOCK: Final = 16
"""Prompts share their beginnings in steps of so many tokens."""

Beginnings: TypeAlias = tuple[int, ...]
"""A number for each beginning of a prompt that is some blocks long, the shortest first."""


def beginnings(prompt: str | Sequence[Any]) -> Beginnings:
    """The beginnings of a prompt: text, or the numbers of its tokens."""
    step = _BLOCK * PER_TOKEN if isinstance(prompt, str) else _BLOCK
    found, before = [], 0
    for at in range(step, len(prompt) + 1, step):
        piece = prompt[at - step : at]
        before = hash((before, piece if isinstance(piece, str) else tuple(map(repr, piece))))
        found.append(before)
    return tuple(found)


class Prefixes:
    """The beginnings of prompts whose tokens are in the cache; those that were used last stay longest."""

    def __init__(self) -> None:
        self._known: dict[int, None] = {}

    def found(self, wanted: Beginnings) -> int:
        """How many tokens at the beginning of a prompt are known."""
        return _BLOCK * sum(1 for _ in takewhile(self._known.__contains__, wanted))

    def keep(self, seen: Beginnings, room: int) -> None:
        """Remembers a prompt, and forgets the oldest beyond `room` tokens."""
        # Longer beginnings are forgotten first: without the shorter ones they would be of no use.
        for one in reversed(seen):
            self._known.pop(one, None)
            self._known[one] = None
        for _ in range(len(self._known) - max(room, 0) // _BLOCK):
            del self._known[next(iter(self._known))]

    def clear(self) -> None:
        self._known.clear()
