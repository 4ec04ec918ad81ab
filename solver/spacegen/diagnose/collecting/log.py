"""A log taken in a piece at a time, as the launches that it tells of."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from spacegen.diagnose.collecting.ended import Ended
from spacegen.diagnose.collecting.examples import Examples
from spacegen.diagnose.collecting.intervals import Intervals
from spacegen.diagnose.collecting.startup import Startup
from spacegen.diagnose.launch import Launch, Line
from spacegen.diagnose.reading.batches import Batches, BatchReader
from spacegen.diagnose.reading.chunks import WholeLines
from spacegen.diagnose.reading.events import Event, events
from spacegen.diagnose.reading.fields import Field, LineKind
from spacegen.diagnose.reading.stamps import Integers
from spacegen.diagnose.reading.text import line_of, plain
from spacegen.diagnose.series import Column

__all__ = ["LogReader"]

_WORKING: Final = {LineKind.DECODE: "decode", LineKind.PREFILL: "prefill"}


class LogReader:
    """Reads one log of any length in constant memory, behind so many `lines`; pieces may end anywhere."""

    def __init__(self, name: str, lines: int = 0) -> None:
        self._name = name
        self._whole = WholeLines()
        self._batches = BatchReader()
        self._lines = lines
        self._ended = Ended()
        self._current = _Current(name)

    @property
    def lines(self) -> int:
        """How many lines there are until now."""
        return self._lines

    def take(self, chunk: bytes) -> None:
        """Takes in what comes next; a line counts once it has ended."""
        if lines := self._whole.take(chunk):
            self.take_lines(lines)

    def close(self) -> None:
        """Takes in a last line that never ended."""
        if rest := self._whole.close():
            self.take_lines(rest)

    def move_on(self, name: str) -> None:
        """What comes next stands in another file, which goes on where this one ended."""
        self.close()
        self._name, self._lines = name, 0
        self._current.move_on(name)

    @property
    def launches(self) -> tuple[Launch, ...]:
        """The launches until now, the last as far as it is."""
        return (*self._ended.launches, *self._current.launches())

    def take_lines(self, text: bytes) -> None:
        """Takes in what comes next, all of it whole lines, or the last one of the log."""
        batches = self._batches.read(text)
        taken = 0
        for number in batches.others:
            said = plain(batches.line(number))
            for event in events(said):
                self._current.serve(batches, taken, number, self._lines)
                self._hear(event, line_of(self._name, self._lines + number + 1, said))
                taken = number
        self._current.serve(batches, taken, len(batches.ends), self._lines)
        self._lines += len(batches.ends)

    def _hear(self, event: Event, line: Line) -> None:
        if self._current.startup.over(event):
            self._ended.extend(self._current.launches())
            self._current = _Current(self._name)
        self._current.startup.take(event, line, self._current.batch)


class _Current:
    """The launch that a log is in the middle of; `batch` is what its last was, `prefill` or `decode`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._files = [name]
        self._intervals = Intervals()
        self._peers: dict[int, int] = {}
        self._examples = Examples()
        self._retraction: Line | None = None
        self._lines = 0
        self.startup = Startup()
        self.batch: str | None = None

    def launches(self) -> tuple[Launch, ...]:
        """What is known; nothing where no line was a server's."""
        series = self._intervals.series(len(self._peers))
        if not len(series) and not self.startup.begun:
            return ()
        examples = dict(self._examples.lines)
        launch = Launch(
            **self.startup.fields(examples.pop(Column.DECODES, None)),
            series=series,
            busiest=self._examples.lines.get(Column.DECODES),
            examples=examples,
            retraction=self._retraction,
            files=tuple(self._files),
            lines=self._lines,
        )
        return (launch,)

    def move_on(self, name: str) -> None:
        """What it says next stands in another file."""
        self._name = name
        if not self.launches():
            self._files, self._lines = [], 0
        if name not in self._files:
            self._files.append(name)

    def serve(self, batches: Batches, first: int, end: int, before: int) -> None:
        """Takes in the lines from `first` to `end` of a piece, with so many lines `before` it."""
        self._lines += end - first
        start, stop = np.searchsorted(batches.lines, (first, end)).tolist()
        if start == stop:
            return
        fields, lines = batches.fields[:, start:stop], batches.lines[start:stop]
        heard = self._heard(fields)
        if not heard.all():
            fields, lines = fields[:, heard], lines[heard]
        self._intervals.add(fields)
        self._remember(fields, lines, batches, before)
        counts = np.bincount(fields[Field.REPLICA])
        self.startup.serving({rank: int(counts[rank]) for rank in np.flatnonzero(counts).tolist()})

    def _heard(self, fields: Integers) -> NDArray[np.bool_]:
        """Which lines count: of schedulers that share a data-parallel rank, and so their requests, one is
        heard, that which spoke first."""
        replicas, peers = fields[Field.REPLICA], fields[Field.PEER]
        heard = np.empty(len(replicas), bool)
        for replica in np.flatnonzero(np.bincount(replicas)).tolist():
            own = replicas == replica
            first = self._peers.setdefault(replica, int(peers[own.argmax()]))
            heard[own] = peers[own] == first
        return heard

    def _remember(self, fields: Integers, lines: Integers, batches: Batches, before: int) -> None:
        kinds = fields[Field.KIND]
        self._examples.take(fields, lambda at: self._line(batches, int(lines[at]), before))
        retractions = np.flatnonzero(kinds == LineKind.RETRACTION)
        if self._retraction is None and len(retractions):
            self._retraction = self._line(batches, int(lines[retractions[0]]), before)
        if len(working := kinds[kinds != LineKind.RETRACTION]):
            self.batch = _WORKING[LineKind(int(working[-1]))]

    def _line(self, batches: Batches, number: int, before: int) -> Line:
        return line_of(self._name, before + number + 1, plain(batches.line(number)))
