"""Times of a log as time that goes on, whatever the clocks that wrote them did."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from spacegen.diagnose.reading.stamps import Integers

__all__ = ["Clock"]

_APART: Final = 60
"""Seconds by which lines of a log may be out of order: ranks write each for itself."""
_DAY: Final = 86_400
"""Seconds that no pause lasts: what is written later than that is the doing of a clock."""
_CLOCKS: Final = 8


class Clock:
    """Seconds since the first line, for lines in their order.

    A clock that was set back goes on from where it was, and so does one that jumped by more than a day. Lines
    of several clocks, such as those of machines in other time zones, are told apart by their differences:
    each line is of the one that lets the least time pass.
    """

    def __init__(self) -> None:
        self._start: int | None = None
        self._said = 0
        self._added = 0
        self._known = deque([0], _CLOCKS)

    @property
    def start(self) -> int | None:
        """Seconds since 1970, in the time zone of the log; None before the first line."""
        return self._start

    def since(self, times: Integers) -> Integers:
        """Seconds since the first line; times of -1 are those of the line before."""
        if self._start is None:
            self._start = self._said = max(int(times[0]), 0)
        if (unsaid := times < 0).any():
            known = np.maximum.accumulate(np.where(unsaid, -1, np.arange(len(times))))
            times = np.where(known < 0, self._said, times[known])
        steps = np.diff(times, prepend=self._said)
        jumps = np.flatnonzero(np.abs(steps) > _APART)
        self._said = int(times[-1])
        added = [self._added]
        added += [self._jump(int(times[at] - steps[at]), int(times[at])) for at in jumps]
        lengths = np.diff(jumps, prepend=0, append=len(times))
        since: Integers = times + np.repeat(added, lengths) - self._start
        return np.maximum(since, 0)

    def _jump(self, before: int, now: int) -> int:
        """What is added to the times of a clock that does not follow the line before."""
        since = before + self._added
        passed = {now + added - since: added for added in self._known}
        step = min((step for step in passed if step >= -_APART), default=None)
        if step is not None and step <= _DAY:
            self._added = passed[step]
        else:
            self._added = since - now
            self._known.append(self._added)
        return self._added
