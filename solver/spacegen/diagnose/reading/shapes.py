"""Many lines of one shape read at once: from one to the next only digits change.

A shape is learnt from one line, by its keys. In each other line its numbers stand where the widths of those
before put them, and these are measured for all lines together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from spacegen.diagnose.reading.digits import TENS, digits
from spacegen.diagnose.reading.fields import (
    DECIMALS,
    MOST_DIGITS,
    SCALE,
    SCALED,
    Batch,
    Field,
    Found,
    found,
)
from spacegen.diagnose.reading.stamps import STAMP_WIDTH, Integers, Words, peer, times

__all__ = ["Shape"]

_RUN: Final = re.compile(rb"\d+")
_MOST_OF_RANKS: Final = 6


@dataclass(frozen=True, slots=True)
class _Run:
    """Digits, or a whole stamp, so many bytes behind what stands before; `of` is what they are part of."""

    gap: int
    of: Field | bytes | None = None
    """A field, the name of a rank, or None where they only take their place."""
    fraction: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """Lines that are equal but for their digits."""

    kind: Batch
    graph: int
    runs: tuple[_Run, ...]
    rest: int
    """Bytes behind the last run."""

    @classmethod
    def of(cls, line: bytes) -> Self | None:
        """The shape of a line, None where it is none of a batch, or not a whole one."""
        where = found(line)
        if where is None or not where.whole:
            return None
        parts = _parts(where)
        runs, end = [], 0
        for start, stop in _spans(line, where.stamp):
            of, fraction = parts.get(start, (None, False))
            runs.append(_Run(start - end, of, fraction))
            end = stop
        return cls(where.kind, where.graph, tuple(runs), len(line) - end)

    def read(self, words: Words, starts: Integers, ends: Integers) -> tuple[Integers, NDArray[np.bool_]]:
        """The fields of lines from `starts` to `ends`, and which of them are of this shape: where all but the
        digits is the same, these may stand elsewhere."""
        fields = np.zeros((len(Field), len(starts)), np.int64)
        fields[Field.KIND], fields[Field.GRAPH], fields[Field.TIME] = self.kind, self.graph, -1
        numbers: list[tuple[Field, Integers]] = []
        ranks: dict[bytes, Integers] = {}
        good, at, last = np.ones(len(starts), bool), starts, int(ends.max())
        for run in self.runs:
            # What is of another shape may seem to go on behind its line.
            at = np.minimum(at + run.gap, last)
            if run.of is Field.TIME:
                fields[Field.TIME], stamps = times(words, at)
                good &= stamps
                at = at + STAMP_WIDTH
                continue
            width, number = digits(words, at)
            good &= (width > 0) & (width <= _most(run))
            at = at + width
            match run.of:
                case Field() if run.fraction:
                    numbers[-1][1][:] += _fraction(number, width) if run.of in SCALED else 0
                case Field():
                    numbers.append((run.of, number * SCALE if run.of in SCALED else number))
                case bytes() as rank:
                    ranks[rank] = number
        for field, number in numbers:
            np.maximum(fields[field], number, out=fields[field])
        fields[Field.REPLICA], fields[Field.PEER] = ranks.get(b"DP", 0), peer(ranks)
        return fields, good & (at + self.rest == ends)


def _most(run: _Run) -> int:
    """The most digits with which `found` takes a number for one."""
    match run.of:
        case Field():
            return MOST_DIGITS
        case bytes():
            return _MOST_OF_RANKS
        case _:
            return 2**31


def _fraction(number: Integers, width: Integers) -> Integers:
    """Digits behind the point as parts of SCALE, cut where they are finer."""
    lacking = np.clip(DECIMALS - width, 0, DECIMALS)
    beyond = np.clip(width - DECIMALS, 0, len(TENS) - 1)
    return number * TENS[lacking] // TENS[beyond]


def _parts(where: Found) -> dict[int, tuple[Field | bytes, bool]]:
    """What the digits are part of that start at a place."""
    parts: dict[int, tuple[Field | bytes, bool]] = {}
    if where.stamp is not None:
        parts[where.stamp] = Field.TIME, False
    for rank, (start, _) in where.ranks.items():
        parts[start] = rank, False
    for field, (start, _), (point, _) in where.numbers:
        parts[start] = field, False
        if point >= 0:
            parts[point] = field, True
    return parts


def _spans(line: bytes, stamp: int | None) -> list[tuple[int, int]]:
    """Where the runs of digits stand, those of the stamp as one."""
    spans = [run.span() for run in _RUN.finditer(line)]
    if stamp is None:
        return spans
    end = stamp + STAMP_WIDTH
    around = [(start, stop) for start, stop in spans if stop <= stamp or start >= end]
    return sorted([*around, (stamp, end)])
