"""What batches tell over time, added up in constant memory."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from spacegen.diagnose.advice.guide import FULL
from spacegen.diagnose.collecting.clock import Clock
from spacegen.diagnose.collecting.queues import Queues
from spacegen.diagnose.reading.fields import MOST_DIGITS, SCALE, Field, LineKind
from spacegen.diagnose.reading.stamps import Integers
from spacegen.diagnose.series import Column, Series

__all__ = ["MOST_INTERVALS", "Intervals", "decode_masks"]

_Mask = NDArray[np.bool_]

MOST_INTERVALS: Final = 512
"""An even number: where there would be more, each two neighbours become one."""
_FULL_USAGE: Final = round(FULL * SCALE)
"""In parts of a whole: from this token usage on a cache is full."""

_SUMS: Final = (
    Column.DECODES,
    Column.RUNNING,
    Column.QUEUE,
    Column.USAGE,
    Column.RATE,
    Column.ACCEPTED,
    Column.EMPTY_QUEUE,
    Column.UNEVEN,
    Column.UNFILLED,
    Column.NO_GRAPH,
    Column.PREFILLS,
    Column.NEW_TOKENS,
    Column.CACHED_TOKENS,
    Column.RETRACTIONS,
    Column.RETRACTED,
)
_LARGEST: Final = (Column.MOST_RUNNING, Column.MOST_QUEUED, Column.MOST_USED, Column.MOST_WITHOUT_GRAPH)
_MOST: Final = 10**MOST_DIGITS
"""Larger numbers count as this one, so that sums of millions of lines do not overflow."""
_FRACTIONS: Final = {Column.USAGE, Column.RATE, Column.ACCEPTED, Column.MOST_USED}


class Intervals:
    """Adds up in whole numbers, so that sums are the same in whatever pieces the lines come."""

    def __init__(self) -> None:
        self._clock = Clock()
        self._queues = Queues()
        self._timed = True
        self._width = 1
        self._lines = 0
        self._used = 0
        self._sums = np.zeros((MOST_INTERVALS, len(_SUMS)), np.int64)
        self._largest = np.zeros((MOST_INTERVALS, len(_LARGEST)), np.int64)

    def add(self, fields: Integers) -> None:
        """Adds batches, one in each column of `fields`, in the order of the log."""
        count = fields.shape[1]
        if not count:
            return
        at = self._places(fields[Field.TIME])
        self._lines += count
        while (last := int(at.max()) // self._width) >= MOST_INTERVALS:
            self._double()
        self._used = max(self._used, last + 1)
        self._put(at // self._width, fields)

    def _places(self, times: Integers) -> Integers:
        """Seconds since the start for each line; lines since the start in a log without times."""
        if not self._lines:
            self._timed = bool(times[0] >= 0)
        return self._clock.since(times) if self._timed else np.arange(self._lines, self._lines + len(times))

    def _double(self) -> None:
        half = MOST_INTERVALS // 2
        for table, joined in (
            (self._sums, self._sums.reshape(half, 2, -1).sum(axis=1)),
            (self._largest, self._largest.reshape(half, 2, -1).max(axis=1)),
        ):
            table[:half], table[half:] = joined, 0
        self._width *= 2
        self._used = (self._used + 1) // 2

    def _put(self, at: Integers, fields: Integers) -> None:
        firsts = np.concatenate(([0], np.flatnonzero(at[1:] != at[:-1]) + 1))
        fields = np.minimum(fields, _MOST)
        sums, largest = _columns(fields, self._queues.uneven(fields))
        places = at[firsts]
        np.add.at(self._sums, places, np.add.reduceat(sums, firsts, axis=1).T)
        np.maximum.at(self._largest, places, np.maximum.reduceat(largest, firsts, axis=1).T)

    def series(self, ranks: int) -> Series:
        """All that was added until now."""
        columns = {}
        for names, table in ((_SUMS, self._sums), (_LARGEST, self._largest)):
            for name, values in zip(names, table[: self._used].T, strict=True):
                if values.any():
                    scale = SCALE if name in _FRACTIONS else 1
                    columns[name] = tuple((values / scale).tolist())
        return Series(
            timed=self._timed,
            start=float(self._clock.start or 0),
            width=float(self._width),
            ranks=max(ranks, 1),
            columns=columns,
        )


def decode_masks(fields: Integers) -> dict[Column, _Mask]:
    """Which lines the columns that count lines of decoding count."""
    decode = fields[Field.KIND] == LineKind.DECODE
    empty = fields[Field.QUEUE] == 0
    return {
        Column.DECODES: decode,
        Column.EMPTY_QUEUE: decode & empty,
        Column.UNFILLED: decode & ~empty & (fields[Field.USAGE] < _FULL_USAGE),
        Column.NO_GRAPH: decode & (fields[Field.GRAPH] == 0),
    }


def _columns(fields: Integers, uneven: _Mask) -> tuple[Integers, Integers]:
    """What each line adds to the sums, and what it is compared with."""
    counted = decode_masks(fields)
    decode, without = counted[Column.DECODES], counted[Column.NO_GRAPH]
    running, queue, usage = (fields[field] * decode for field in (Field.RUNNING, Field.QUEUE, Field.USAGE))
    sums = (
        decode,
        running,
        queue,
        usage,
        fields[Field.RATE] * decode,
        fields[Field.ACCEPTED] * decode,
        counted[Column.EMPTY_QUEUE],
        uneven,
        counted[Column.UNFILLED],
        without,
        fields[Field.KIND] == LineKind.PREFILL,
        fields[Field.NEW],
        fields[Field.CACHED],
        fields[Field.KIND] == LineKind.RETRACTION,
        fields[Field.RETRACTED],
    )
    return np.array(sums, np.int64), np.array((running, queue, usage, running * without), np.int64)
