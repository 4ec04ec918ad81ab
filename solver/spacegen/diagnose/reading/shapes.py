"""Many lines of one shape read at once: only their digits differ, and whether there is a graph.

A shape is learnt from one line, by its keys. In each other line its parts stand where the widths of those
before put them; these are measured, and all text between compared, for all lines together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from spacegen.diagnose.reading.digits import LONGEST_RUN, PADDING, TENS, digits
from spacegen.diagnose.reading.fields import (
    DECIMALS,
    MOST_DIGITS,
    SCALE,
    SCALED,
    Field,
    Found,
    LineKind,
    found,
)
from spacegen.diagnose.reading.stamps import MOST_RANK, STAMP_WIDTH, TOLD_APART, Integers, Words, peer, times

__all__ = ["Shape"]

_RUN: Final = re.compile(rb"\d+")
_LIKE_STAMPS: Final = re.compile(rb"\d+-\d+-\d+[ T|]\d+:\d+:\d+")
_TOO_LONG: Final = re.compile(rb"\d{%d}" % (MOST_DIGITS + 1))
_NO_RANK: Final = re.compile(TOLD_APART + _TOO_LONG.pattern)
_MOST_RUNS: Final = 64
_LONGEST: Final = PADDING - (_MOST_RUNS + 1) * LONGEST_RUN
"""Bytes of the text between, so that no place behind a text is asked for that is not there."""
_WORD: Final = 8
_TRUE: Final = np.uint64(int.from_bytes(b"True", "little"))
_FALSE: Final = np.uint64(int.from_bytes(b"False", "little"))
_FOUR: Final = np.uint64(2**32 - 1)
_FIVE: Final = np.uint64(2**40 - 1)

Truths = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Text:
    """What is the same in all lines, as words that begin so many bytes behind its start, with what counts of
    each."""

    length: int
    words: tuple[tuple[int, int, int], ...]

    @classmethod
    def of(cls, text: bytes) -> Self:
        starts = [*range(0, len(text) - _WORD, _WORD), max(len(text) - _WORD, 0)] if text else []
        parts = [(start, text[start : start + _WORD]) for start in starts]
        words = [(at, 2 ** (8 * len(part)) - 1, int.from_bytes(part, "little")) for at, part in parts]
        return cls(len(text), tuple(words))

    def stands(self, words: Words, at: Integers) -> Truths | bool:
        """Whether it is what stands at each of the places."""
        same: Truths | bool = True
        for start, mask, word in self.words:
            here = words[at + start] if start else words[at]
            if mask < 2**64 - 1:
                here &= np.uint64(mask)
            same = (here == np.uint64(word)) & same
        return same


@dataclass(frozen=True, slots=True)
class _Run:
    """Digits, a whole stamp, or the word for a graph, behind a text; `of` is what they are part of."""

    text: _Text
    of: Field | bytes | None = None
    """A field, the name of a rank, or None where they only take their place."""
    fraction: bool = False

    @property
    def most(self) -> int:
        """The most digits with which `found` takes a number for one."""
        match self.of:
            case Field() | bytes():
                return MOST_DIGITS
            case _:
                return LONGEST_RUN


@dataclass(frozen=True, slots=True)
class Shape:
    """Lines that are equal but for their digits and the word for a graph."""

    kind: LineKind
    mark: int
    """How far behind its start the line that it was learnt from said its kind, as most others do."""
    runs: tuple[_Run, ...]
    rest: _Text

    @classmethod
    def of(cls, line: bytes) -> Self | None:
        """The shape of a line; None where it is none of a batch, not a whole one, too long, or unusual."""
        where = found(line)
        if where is None or not where.whole or _unusual(line, where):
            return None
        parts = _parts(where)
        runs, end = [], 0
        for start, stop in _spans(line, where):
            runs.append(_Run(_Text.of(line[end:start]), *parts.get(start, ())))
            end = stop
        if len(runs) > _MOST_RUNS or len(line) > _LONGEST:
            return None
        return cls(where.kind, where.start, tuple(runs), _Text.of(line[end:]))

    def likely(self, words: Words, starts: Integers) -> Truths:
        """Which of the lines say what this is where this says it."""
        likely: Truths = words[starts + self.mark] == _MARKS[self.kind]
        return likely

    def read(self, words: Words, starts: Integers, ends: Integers) -> tuple[Integers, Truths]:
        """The fields of lines from `starts` to `ends`, and which of them are of this shape."""
        fields = np.zeros((len(Field), len(starts)), np.int64)
        fields[Field.KIND], fields[Field.GRAPH], fields[Field.TIME] = self.kind, -1, -1
        ranks: dict[bytes, Integers] = {}
        numbers: list[tuple[Field, Integers]] = []
        good, at = np.ones(len(starts), bool), starts
        for run in self.runs:
            good &= run.text.stands(words, at)
            at = at + run.text.length
            match run.of:
                case Field.TIME:
                    fields[Field.TIME], right = times(words, at)
                    at = at + STAMP_WIDTH
                case Field.GRAPH:
                    fields[Field.GRAPH], right = _graphs(words, at)
                    at = at + 5 - fields[Field.GRAPH]
                case _:
                    width, number = digits(words, at, spelled=run.of is not None)
                    right = (width > 0) & (width <= run.most)
                    _keep(run, width, number, ranks, numbers)
                    at = at + width
            good &= right
        for field, number in numbers:
            np.maximum(fields[field], number, out=fields[field])
        fields[Field.REPLICA], fields[Field.PEER] = ranks.get(b"DP", 0), peer(ranks)
        good &= self.rest.stands(words, at)
        return fields, good & (at + self.rest.length == ends)


_MARKS: Final = {
    LineKind.DECODE: np.uint64(int.from_bytes(b"Decode b", "little")),
    LineKind.PREFILL: np.uint64(int.from_bytes(b"Prefill ", "little")),
    LineKind.RETRACTION: np.uint64(int.from_bytes(b"Retract ", "little")),
}


def _keep(
    run: _Run,
    width: Integers,
    number: Integers,
    ranks: dict[bytes, Integers],
    numbers: list[tuple[Field, Integers]],
) -> None:
    """Puts a number where it belongs."""
    match run.of:
        case bytes():
            ranks[run.of] = np.minimum(number, MOST_RANK)
        case Field() if not run.fraction:
            numbers.append((run.of, number * SCALE if run.of in SCALED else number))
        case Field() if run.of in SCALED:
            numbers[-1][1][:] += _fraction(number, width)


def _fraction(number: Integers, width: Integers) -> Integers:
    """Digits behind the point as parts of SCALE, cut where they are finer."""
    value = number * TENS[np.clip(DECIMALS - width, 0, DECIMALS)]
    finer = width > DECIMALS
    if finer.any():
        value[finer] //= TENS[np.minimum(width[finer] - DECIMALS, len(TENS) - 1)]
    return value


def _graphs(words: Words, at: Integers) -> tuple[Integers, Truths]:
    """1 where `True` stands, and where it is that or `False`."""
    here = words[at]
    yes = (here & _FOUR) == _TRUE
    return yes.astype(np.int64), yes | ((here & _FIVE) == _FALSE)


def _unusual(line: bytes, where: Found) -> bool:
    """Whether more may be found in a line that is the same but for the lengths of its numbers."""
    stamp = max((loose.end() for loose in _LIKE_STAMPS.finditer(line, 0, where.start)), default=None)
    sure = None if where.stamp is None else where.stamp + STAMP_WIDTH
    return (
        stamp != sure or _TOO_LONG.search(line, where.start) is not None or _NO_RANK.search(line) is not None
    )


def _parts(where: Found) -> dict[int, tuple[Field | bytes, bool]]:
    """What the digits and words are part of that start at a place."""
    parts: dict[int, tuple[Field | bytes, bool]] = {}
    if where.stamp is not None:
        parts[where.stamp] = Field.TIME, False
    if where.graph is not None:
        parts[where.graph[0]] = Field.GRAPH, False
    for rank, (start, _) in where.ranks.items():
        parts[start] = rank, False
    for field, (start, _), (point, _) in where.numbers:
        parts[start] = field, False
        if point >= 0:
            parts[point] = field, True
    return parts


def _spans(line: bytes, where: Found) -> list[tuple[int, int]]:
    """Where digits stand, those of the stamp as one, and the word for a graph."""
    spans = [run.span() for run in _RUN.finditer(line)]
    if where.stamp is not None:
        stamp = (where.stamp, where.stamp + STAMP_WIDTH)
        spans = [*(span for span in spans if span[1] <= stamp[0] or span[0] >= stamp[1]), stamp]
    if where.graph is not None:
        spans.append(where.graph)
    return sorted(spans)
