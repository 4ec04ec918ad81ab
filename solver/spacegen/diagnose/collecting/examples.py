"""Lines that show what findings say of batches: of each kind the one with the most running requests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spacegen.diagnose.collecting.intervals import decode_masks
from spacegen.diagnose.launch import Line
from spacegen.diagnose.reading.fields import Field
from spacegen.diagnose.reading.stamps import Integers
from spacegen.diagnose.series import Column

__all__ = ["Examples"]


class Examples:
    """Remembers one line of decoding for each column that counts such lines."""

    def __init__(self) -> None:
        self._most: dict[Column, int] = {}
        self.lines: dict[Column, Line] = {}

    def take(self, fields: Integers, line: Callable[[int], Line]) -> None:
        """Looks at batches, a column of `fields` for each; `line` gives the line of a batch by its column."""
        for column, counted in decode_masks(fields).items():
            places = np.flatnonzero(counted)
            if not len(places):
                continue
            running = fields[Field.RUNNING, places]
            at = int(running.argmax())
            if running[at] > self._most.get(column, -1):
                self._most[column] = int(running[at])
                self.lines[column] = line(int(places[at]))
