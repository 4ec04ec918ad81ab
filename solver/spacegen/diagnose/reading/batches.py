"""The batches of a piece of a log, as columns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np

from spacegen.diagnose.reading.chunks import shortened
from spacegen.diagnose.reading.digits import words_of
from spacegen.diagnose.reading.events import LINES
from spacegen.diagnose.reading.fields import KIND, Field, batch
from spacegen.diagnose.reading.shapes import Shape
from spacegen.diagnose.reading.stamps import Integers

__all__ = ["NUMBERED", "BatchReader", "Batches"]

_DIGITS: Final = b"0123456789"
_MOST_SHAPES: Final = 256
_MOST_KNOWN: Final = 4096
_LONGEST: Final = 1024
"""Bytes of a line without its digits that is worth remembering."""
NUMBERED: Final = re.compile(rb"Errno|Allocating")
"""The words of `LINES` with a number behind: all else that it asks for is told without digits."""
_MANY: Final = 16
"""Lines of a shape from which on it is faster to read them together."""

# What stands in place of the number of a shape.
_OTHER, _DULL, _SINGLE, _NEW = -1, -2, -3, -4


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
        """The line, without its end, shortened where it is very long."""
        start = int(self.ends[number - 1]) + 1 if number else 0
        return shortened(self.text[start : int(self.ends[number])])


class _Known(dict[bytes, int]):
    """The number of the shape of lines, or why they have none, by their text without digits."""

    def __missing__(self, skeleton: bytes) -> int:
        return _NEW


class BatchReader:
    """Reads pieces of whole lines, and remembers the shapes of lines from piece to piece."""

    def __init__(self) -> None:
        self._known = _Known()
        self._shapes: list[Shape] = []

    def read(self, text: bytes) -> Batches:
        """The batches among the lines of a piece."""
        ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))
        if not text.endswith(b"\n"):
            ends = np.append(ends, len(text))
        read = _Piece(Batches(text, ends[:0], np.zeros((len(Field), 0), np.int64), [], ends))
        shapes = self._shapes_of(read.whole)
        for shape in np.unique(shapes).tolist():
            lines = np.flatnonzero(shapes == shape)
            if shape >= 0 and len(lines) >= _MANY:
                read.together(self._shapes[shape], lines)
            elif shape == _OTHER:
                read.others.append(lines)
            elif shape != _DULL:
                read.singly(lines)
        return read.result()

    def _shapes_of(self, piece: Batches) -> Integers:
        """The number of the shape of each line."""
        skeletons = piece.text.translate(None, _DIGITS).split(b"\n")
        count = len(piece.ends)
        shapes = np.fromiter(map(self._known.__getitem__, skeletons), np.int64, len(skeletons))[:count]
        for line in np.flatnonzero(shapes == _NEW).tolist():
            shapes[line] = self._shape(skeletons[line], piece, line)
        return shapes

    def _shape(self, skeleton: bytes, piece: Batches, line: int) -> int:
        if (known := self._known[skeleton]) != _NEW:
            return known
        if len(skeleton) > _LONGEST:
            return _SINGLE if KIND.search(skeleton) else _OTHER
        if len(self._known) >= _MOST_KNOWN:
            self._known = _Known({text: shape for text, shape in self._known.items() if shape >= 0})
        raw = piece.line(line)
        if KIND.search(skeleton):
            number = self._learnt(raw)
        else:
            number = _OTHER if NUMBERED.search(skeleton) or LINES.search(raw) else _DULL
        self._known[skeleton] = number
        return number

    def _learnt(self, line: bytes) -> int:
        shape = Shape.of(line) if len(self._shapes) < _MOST_SHAPES else None
        if shape is None:
            return _SINGLE
        self._shapes.append(shape)
        return len(self._shapes) - 1


class _Piece:
    """The batches of a piece as far as they are read."""

    def __init__(self, whole: Batches) -> None:
        self.whole = whole
        self.others: list[Integers] = []
        self._words = words_of(whole.text)
        self._starts = np.append(0, whole.ends[:-1] + 1)
        self._lines = [whole.lines]
        self._fields = [whole.fields]

    def together(self, shape: Shape, lines: Integers) -> None:
        fields, good = shape.read(self._words, self._starts[lines], self.whole.ends[lines])
        if not good.all():
            self.singly(lines[~good])
            fields, lines = fields[:, good], lines[good]
        self._lines.append(lines)
        self._fields.append(fields)

    def singly(self, lines: Integers) -> None:
        rows = [batch(self.whole.line(line)) for line in lines.tolist()]
        good = np.array([row is not None for row in rows], bool)
        self.others.append(lines[~good])
        self._lines.append(lines[good])
        found = [row for row in rows if row is not None]
        self._fields.append(np.array(found, np.int64).reshape(-1, len(Field)).T)

    def result(self) -> Batches:
        lines = np.concatenate(self._lines)
        order = np.argsort(lines, kind="stable")
        fields = np.concatenate(self._fields, axis=1)[:, order]
        others = np.sort(np.concatenate([self.whole.lines, *self.others])).tolist()
        return Batches(self.whole.text, lines[order], fields, others, self.whole.ends)
