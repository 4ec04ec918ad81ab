"""The lines that show what findings say of batches: of each kind the one with the most running requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spacegen.diagnose.collecting.intervals import GOOD_USAGE
from spacegen.diagnose.launch import Line
from spacegen.diagnose.reading.fields import Batch, Field
from spacegen.diagnose.reading.stamps import Integers
from spacegen.diagnose.series import Column

__all__ = ["Examples"]

_SHOWING: Final[dict[Column, Callable[[Integers], NDArray[np.bool_]]]] = {
    Column.DECODES: lambda decode: decode[Field.RUNNING] >= 0,
    Column.EMPTY_QUEUE: lambda decode: decode[Field.QUEUE] == 0,
    Column.UNFILLED: lambda decode: (decode[Field.QUEUE] > 0) & (decode[Field.USAGE] < GOOD_USAGE),
    Column.NO_GRAPH: lambda decode: decode[Field.GRAPH] == 0,
}


class Examples:
    """Remembers one line of decoding for each of these columns."""

    def __init__(self) -> None:
        self._most: dict[Column, int] = {}
        self.lines: dict[Column, Line] = {}

    def take(self, fields: Integers, line: Callable[[int], Line]) -> None:
        """Looks at batches; `line` gives the line of one by its place among them."""
        places = np.flatnonzero(fields[Field.KIND] == Batch.DECODE)
        decodes = fields[:, places]
        for column, shows in _SHOWING.items():
            # Those that do not show it are below every number of requests.
            running = np.where(shows(decodes), decodes[Field.RUNNING], -1)
            at = int(running.argmax()) if len(running) else -1
            if at >= 0 and running[at] > self._most.get(column, -1):
                self._most[column] = int(running[at])
                self.lines[column] = line(int(places[at]))
