"""The batches of a piece of a log, as columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from spacegen.diagnose.reading.candidates import Candidates, candidates, told
from spacegen.diagnose.reading.chunks import shortened
from spacegen.diagnose.reading.digits import words_of
from spacegen.diagnose.reading.fields import KIND, Field, batch
from spacegen.diagnose.reading.shapes import Shape
from spacegen.diagnose.reading.stamps import Integers

__all__ = ["BatchReader", "Batches"]

_DIGITS: Final = b"0123456789"
_MOST_SHAPES: Final = 256
_MOST_KNOWN: Final = 4096
_LONGEST: Final = 1024
"""Bytes of a line without its digits that is worth remembering."""
_AT_ONCE: Final = 8
"""Shapes, those that the most lines before had, that are tried before lines are told apart one by one."""
_FEW: Final = 4
"""One line in so many is left: then it is not worth looking at the whole text."""
_MANY: Final = 16
"""Lines of a shape from which on it is faster to read them together."""

# What stands in place of the number of a shape.
_OTHER, _SINGLE = -1, -2


@dataclass(frozen=True, slots=True)
class Batches:
    """A piece of a log: `fields` has a row for each `Field`, `lines` the number of the line (from 0) of each
    column, rising. `others` are the lines of no batch that may be events, rising as well; each line ends
    where `ends` says."""

    text: bytes
    lines: Integers
    fields: Integers
    others: list[int]
    ends: Integers

    def line(self, number: int) -> bytes:
        """The line, without its end and what a request says, shortened where it is very long."""
        return _line(self.text, self.ends, number)


class BatchReader:
    """Reads pieces of whole lines, and remembers the shapes of lines from piece to piece."""

    def __init__(self) -> None:
        self._shapes: list[Shape] = []
        self._frequent: list[int] = []
        self._known: dict[bytes, int] = {}
        """The number of the shape of lines, or why they have none, by their text without digits."""

    def read(self, text: bytes) -> Batches:
        """The batches among the lines of a piece."""
        ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))
        if not text.endswith(b"\n"):
            ends = np.append(ends, len(text))
        piece = _Piece(text, ends)
        counts: Counter[int] = Counter()
        for number in self._frequent:
            counts[number] += piece.likely(self._shapes[number])
        for number, lines in self._told_apart(piece).items():
            if number >= 0 and len(lines) >= _MANY:
                counts[number] += piece.together(self._shapes[number], np.array(lines))
            else:
                piece.singly(lines)
        self._frequent = [number for number, _ in counts.most_common(_AT_ONCE)]
        return piece.result()

    def _told_apart(self, piece: _Piece) -> dict[int, list[int]]:
        """The lines of batches that are left, by the numbers of their shapes. Others are no longer left."""
        found: dict[int, list[int]] = {}
        left = piece.candidates()
        piece.others.extend(left.others)
        for line, skeleton in piece.skeletons(left.batches):
            number = self._known.get(skeleton)
            if number is None:
                number = self._shape(skeleton, piece.line(line))
            found.setdefault(number, []).append(line)
        return found

    def _shape(self, skeleton: bytes, raw: bytes) -> int:
        """The number of the shape of a line, from now on known where the line is not too long."""
        number = self._learnt(raw) if KIND.search(skeleton) and len(skeleton) <= _LONGEST else _SINGLE
        # Other lines may have digits that tell more.
        if number != _SINGLE:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[skeleton] = number
        return number

    def _learnt(self, line: bytes) -> int:
        # So many come of lines with something else in front of each, which are read faster than learnt.
        shape = Shape.of(line) if len(self._shapes) < _MOST_SHAPES else None
        if shape is None:
            return _SINGLE
        if shape in self._shapes:
            return self._shapes.index(shape)
        self._shapes.append(shape)
        return len(self._shapes) - 1


def _line(text: bytes, ends: Integers, number: int) -> bytes:
    start = int(ends[number - 1]) + 1 if number else 0
    return told(shortened(text[start : int(ends[number])]))


class _Piece:
    """A piece of a log as far as it is read; `left` are the lines that nobody has looked at."""

    def __init__(self, text: bytes, ends: Integers) -> None:
        self._text, self._ends = text, ends
        self._starts = np.concatenate((np.zeros(1, np.int64), ends[:-1] + 1))[: len(ends)]
        self._words = words_of(text)
        self._read: list[tuple[Integers, Integers]] = []
        self.left = np.ones(len(ends), bool)
        self.others: list[int] = []

    def line(self, number: int) -> bytes:
        return _line(self._text, self._ends, number)

    def candidates(self) -> Candidates:
        """The lines that are left and may say something."""
        lines = np.flatnonzero(self.left)
        if len(lines) > len(self.left) // _FEW:
            return candidates(self._text, self._words, self._starts, self._ends, lines)
        # The search goes through a whole text.
        spans = zip(self._starts[lines].tolist(), self._ends[lines].tolist(), strict=True)
        parts = [self._text[start:end] for start, end in spans]
        ends = np.cumsum([len(part) + 1 for part in parts], dtype=np.int64) - 1
        starts, text = np.append(0, ends + 1)[: len(ends)], b"\n".join(parts)
        found = candidates(text, words_of(text), starts, ends, np.arange(len(lines)))
        return Candidates(lines[found.batches].tolist(), lines[found.others].tolist())

    def skeletons(self, lines: list[int]) -> Iterator[tuple[int, bytes]]:
        """Lines and their text without digits."""
        if len(lines) > len(self.left) // _FEW:
            whole = self._text.translate(None, _DIGITS).split(b"\n")
            yield from ((line, whole[line]) for line in lines)
        else:
            yield from ((line, self.line(line).translate(None, _DIGITS)) for line in lines)

    def likely(self, shape: Shape) -> int:
        """Reads those of the lines that are left that seem to have this shape; how many have it."""
        lines = np.flatnonzero(self.left & shape.likely(self._words, self._starts))
        return self._together(shape, lines) if len(lines) >= _MANY else 0

    def together(self, shape: Shape, lines: Integers) -> int:
        """Reads lines of a shape; how many have it indeed. The others are read one by one."""
        count = self._together(shape, lines)
        if count < len(lines):
            self.singly(lines[self.left[lines]].tolist())
        return count

    def _together(self, shape: Shape, lines: Integers) -> int:
        fields, good = shape.read(self._words, self._starts[lines], self._ends[lines])
        if not good.all():
            fields, lines = fields[:, good], lines[good]
        self._read.append((lines, fields))
        self.left[lines] = False
        return len(lines)

    def singly(self, lines: Sequence[int]) -> None:
        rows = [(line, batch(self.line(line))) for line in lines]
        self.others.extend(line for line, row in rows if row is None)
        found = [(line, row) for line, row in rows if row is not None]
        fields = np.array([row for _, row in found], np.int64).reshape(-1, len(Field)).T
        self._read.append((np.array([line for line, _ in found], np.int64), fields))

    def result(self) -> Batches:
        """All batches in the order of their lines."""
        place = np.zeros(len(self._ends), np.int64)
        for lines, _ in self._read:
            place[lines] = 1
        of_batches = np.flatnonzero(place)
        place[of_batches] = np.arange(len(of_batches))
        fields = np.empty((len(Field), len(of_batches)), np.int64)
        for lines, read in self._read:
            fields[:, place[lines]] = read
        return Batches(self._text, of_batches, fields, sorted(self.others), self._ends)
