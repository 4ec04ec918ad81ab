"""What batches told over time, in a bounded number of equal intervals."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spacegen.tune.values import Value

__all__ = ["Column", "Floats", "Series"]

Floats: TypeAlias = NDArray[np.float64]


class Column(StrEnum):
    """What is added up in each interval, over the ranks that log. DECODES and PREFILLS count lines."""

    DECODES = "decodes"
    RUNNING = "running"
    """Of lines of decoding, as QUEUE, USAGE, RATE and ACCEPTED: sums, to be divided by DECODES."""
    QUEUE = "queue"
    USAGE = "usage"
    RATE = "rate"
    """Tokens a second."""
    ACCEPTED = "accepted"
    """Tokens for each request in a step of speculative decoding; a sum like those before."""
    EMPTY_QUEUE = "empty queue"
    """Lines of decoding with no request waiting."""
    UNEVEN = "uneven"
    """Lines of decoding with no request waiting for their rank while many wait for others."""
    UNFILLED = "unfilled"
    """Lines of decoding with requests waiting and a cache that is not full."""
    NO_GRAPH = "no graph"
    """Lines of decoding without a CUDA graph."""
    MOST_RUNNING = "most running"
    """The largest, as the next three."""
    MOST_QUEUED = "most queued"
    MOST_USED = "most used"
    MOST_WITHOUT_GRAPH = "most running without a graph"
    PREFILLS = "prefills"
    NEW_TOKENS = "new tokens"
    CACHED_TOKENS = "cached tokens"
    RETRACTIONS = "retractions"
    """Lines."""
    RETRACTED = "retracted requests"


class Series(Value):
    """Intervals of `width` seconds from `start` (seconds since 1970, in the log's own time zone).

    A log without times has `timed` false; then an interval is `width` lines of batches. All columns have the
    same length; one that never had a value is absent and means zeros.
    """

    timed: bool = True
    start: float = 0.0
    width: float = 1.0
    ranks: int = 1
    """How many data-parallel schedulers logged: what they do adds up."""
    sampled: bool = False
    """Whether a line of decoding is a moment at which somebody asked, and not so many steps."""
    columns: dict[Column, tuple[float, ...]] = Field(default_factory=dict)

    def __len__(self) -> int:
        return max(map(len, self.columns.values()), default=0)

    def column(self, name: Column) -> Floats:
        """A number for each interval."""
        return np.asarray(self.columns.get(name) or [0.0] * len(self), np.float64)

    def means(self, name: Column, edges: Sequence[int] | NDArray[np.intp] | None = None) -> Floats:
        """What a line of decoding says on average, of all ranks together but for USAGE and ACCEPTED; NaN
        where there is none. One for each interval, or for all from one of the `edges` to the next."""
        sums, lines = self.column(name), self.column(Column.DECODES)
        if edges is not None:
            sums, lines = np.add.reduceat(sums, edges), np.add.reduceat(lines, edges)
        ranks = 1 if name in (Column.USAGE, Column.ACCEPTED) else self.ranks
        means: Floats = np.divide(sums * ranks, lines, out=np.full(len(lines), np.nan), where=lines > 0)
        return means
