"""The launches of a log that ended, in constant memory: a server may be started anew for days."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from spacegen.diagnose.launch import Launch

__all__ = ["FIRST", "LAST", "Ended"]

FIRST: Final = 64
LAST: Final = 192
"""How many are kept, of very many."""


class Ended:
    """Keeps the first and the last of them."""

    def __init__(self) -> None:
        self._first: list[Launch] = []
        self._last: deque[Launch] = deque(maxlen=LAST)
        self._folded = 0

    def extend(self, launches: Iterable[Launch]) -> None:
        """Takes in those that ended next."""
        for launch in launches:
            if len(self._first) < FIRST:
                self._first.append(launch)
                continue
            self._folded += len(self._last) == LAST
            self._last.append(launch)

    @property
    def launches(self) -> tuple[Launch, ...]:
        """Those that are kept; the one behind a gap says how many are not."""
        if not self._folded:
            return (*self._first, *self._last)
        after, *last = self._last
        return (*self._first, after.model_copy(update={"folded": self._folded}), *last)
