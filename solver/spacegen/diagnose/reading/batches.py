"""The batches of a piece of a log, as columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spacegen.diagnose.reading.chunks import shortened
from spacegen.diagnose.reading.fields import Field, batch
from spacegen.diagnose.reading.stamps import Integers

__all__ = ["BatchReader", "Batches"]


@dataclass(frozen=True, slots=True)
class Batches:
    """A piece of a log: `fields` has a row for each `Field`, `lines` the number of the line (from 0) of each
    column, rising. `others` are the lines of no batch; `ends` where each line ends."""

    text: bytes
    lines: Integers
    fields: Integers
    others: list[int]
    ends: list[int]

    def line(self, number: int) -> bytes:
        """The line, without its end, shortened where it is very long."""
        start = self.ends[number - 1] + 1 if number else 0
        return shortened(self.text[start : self.ends[number]])


class BatchReader:
    """Reads pieces of whole lines."""

    def read(self, text: bytes) -> Batches:
        """The batches among the lines of a piece."""
        lines = text.split(b"\n")
        if not lines[-1]:
            lines.pop()
        ends, at = [], -1
        rows, numbers, others = [], [], []
        for number, line in enumerate(lines):
            at += len(line) + 1
            ends.append(at)
            row = batch(shortened(line))
            if row is None:
                others.append(number)
            else:
                rows.append(row)
                numbers.append(number)
        fields = np.array(rows, np.int64).reshape(-1, len(Field)).T
        return Batches(text, np.array(numbers, np.int64), fields, others, ends)
