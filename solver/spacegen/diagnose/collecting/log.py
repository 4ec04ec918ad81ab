"""A log taken in a piece at a time, as the launches that it tells of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spacegen.diagnose.collecting.intervals import Intervals
from spacegen.diagnose.launch import Launch, Line
from spacegen.diagnose.reading.batches import Batches, BatchReader
from spacegen.diagnose.reading.chunks import WholeLines
from spacegen.diagnose.reading.fields import Batch, Field
from spacegen.diagnose.reading.stamps import Integers
from spacegen.diagnose.reading.text import SHOWN, plain

__all__ = ["LogReader"]


class LogReader:
    """Reads one log of any length in constant memory; pieces may end anywhere."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._whole = WholeLines()
        self._batches = BatchReader()
        self._lines = 0
        self._ended: list[Launch] = []
        self._current = _Current(name)

    def take(self, chunk: bytes) -> None:
        """Takes in what comes next; a line counts once it has ended."""
        if lines := self._whole.take(chunk):
            self._read(lines)

    def close(self) -> None:
        """Takes in a last line that never ended."""
        if rest := self._whole.close():
            self._read(rest)

    @property
    def launches(self) -> tuple[Launch, ...]:
        """The launches until now, the last as far as it is."""
        last = self._current.launch()
        return (*self._ended, last) if last is not None else tuple(self._ended)

    def _read(self, text: bytes) -> None:
        batches = self._batches.read(text)
        self._current.serve(batches, slice(0, len(batches.lines)), self._lines)
        self._current.lines += len(batches.ends)
        self._lines += len(batches.ends)


class _Current:
    """The launch that a log is in the middle of."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._intervals = Intervals()
        self._peers: dict[int, int] = {}
        self._most = -1
        self.busiest: Line | None = None
        self.retraction: Line | None = None
        self.lines = 0

    def serve(self, batches: Batches, part: slice, before: int) -> None:
        """Takes in some of the batches of a piece, with so many lines before it."""
        fields, lines = batches.fields[:, part], batches.lines[part]
        heard = self._heard(fields)
        if not heard.all():
            fields, lines = fields[:, heard], lines[heard]
        self._intervals.add(fields)
        self._remember(fields, lines, batches, before)

    def _heard(self, fields: Integers) -> NDArray[np.bool_]:
        """Which lines count: of schedulers that share a data-parallel rank, and so their requests, one is
        heard, that which spoke first."""
        replicas, peers = fields[Field.REPLICA], fields[Field.PEER]
        heard = np.empty(len(replicas), bool)
        for replica in np.unique(replicas).tolist():
            own = replicas == replica
            first = self._peers.setdefault(replica, int(peers[own.argmax()]))
            heard[own] = peers[own] == first
        return heard

    def _remember(self, fields: Integers, lines: Integers, batches: Batches, before: int) -> None:
        decodes = np.flatnonzero(fields[Field.KIND] == Batch.DECODE)
        if len(decodes):
            at = int(decodes[fields[Field.RUNNING][decodes].argmax()])
            if (running := int(fields[Field.RUNNING][at])) > self._most:
                self._most, self.busiest = running, self._line(batches, int(lines[at]), before)
        if self.retraction is None:
            for at in np.flatnonzero(fields[Field.KIND] == Batch.RETRACTION)[:1].tolist():
                self.retraction = self._line(batches, int(lines[at]), before)

    def _line(self, batches: Batches, number: int, before: int) -> Line:
        text = plain(batches.line(number))[:SHOWN]
        return Line(file=self._name, number=before + number + 1, text=text)

    def launch(self) -> Launch | None:
        """What is known; None where no line was a server's."""
        series = self._intervals.series(len(self._peers))
        if not len(series):
            return None
        return Launch(
            series=series,
            busiest=self.busiest,
            retraction=self.retraction,
            files=(self._name,),
            lines=self.lines,
        )
