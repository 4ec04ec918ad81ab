"""Whether requests wait for some data-parallel ranks while the queues of others are empty."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spacegen.diagnose.advice.guide import MANY_WAITING
from spacegen.diagnose.reading.fields import Field, LineKind
from spacegen.diagnose.reading.stamps import Integers

__all__ = ["Queues"]


class Queues:
    """How many requests wait for each data-parallel rank, as its last line of decoding says."""

    def __init__(self) -> None:
        self._last = np.empty(0, np.int64)
        """By rank, -1 for one that logged nothing yet."""
        self._waiting = 0
        self._ranks = 0

    def uneven(self, fields: Integers) -> NDArray[np.bool_]:
        """Which lines are of a rank with an empty queue while many requests wait for others."""
        found = np.zeros(fields.shape[1], bool)
        places = np.flatnonzero(fields[Field.KIND] == LineKind.DECODE)
        if not len(places):
            return found
        ranks, queues = fields[Field.REPLICA, places], fields[Field.QUEUE, places]
        before = self._before(ranks, queues)
        waiting = self._waiting + np.cumsum(queues - np.maximum(before, 0))
        known = self._ranks + np.cumsum(before < 0)
        self._waiting, self._ranks = int(waiting[-1]), int(known[-1])
        found[places] = (queues == 0) & (known > 1) & (waiting >= MANY_WAITING * known)
        return found

    def _before(self, ranks: Integers, queues: Integers) -> Integers:
        """For each line, the queue in the line that its rank logged before; -1 for its first."""
        missing = int(ranks.max()) + 1 - len(self._last)
        if missing > 0:
            self._last = np.append(self._last, np.full(missing, -1))
        order = np.argsort(ranks, kind="stable")
        of, told = ranks[order], queues[order]
        before = np.empty_like(told)
        before[1:] = told[:-1]
        firsts = np.concatenate(([True], of[1:] != of[:-1]))
        before[firsts] = self._last[of[firsts]]
        lasts = np.append(firsts[1:], True)
        self._last[of[lasts]] = told[lasts]
        found = np.empty_like(before)
        found[order] = before
        return found
