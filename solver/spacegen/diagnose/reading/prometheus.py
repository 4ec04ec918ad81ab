"""A server's `/metrics` over time as the launch that it tells of, like a log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from spacegen.diagnose.collecting.examples import Examples
from spacegen.diagnose.collecting.intervals import Intervals
from spacegen.diagnose.launch import Fact, Figure, Launch, Line, Phase
from spacegen.diagnose.reading.fields import SCALE, Field, LineKind
from spacegen.diagnose.reading.said import USAGES, Said
from spacegen.diagnose.reading.scrapes import Sample, Scrape, ScrapeReader
from spacegen.diagnose.reading.serverinfo import read_info
from spacegen.diagnose.reading.text import line_of, plain
from spacegen.diagnose.series import Column
from spacegen.diagnose.versions import NEWEST, OLDER

__all__ = ["MetricsReader"]

_FACTS: Final = {
    "weight_memory_usage_gb": Fact.WEIGHTS,
    "kv_cache_memory_usage_gb": Fact.POOL,
    "graph_memory_usage_gb": Fact.GRAPHS,
    "startup_available_gpu_memory_gb": Fact.LEFT,
    "max_total_num_tokens": Fact.POOL_TOKENS,
    "context_len": Fact.CONTEXT,
}
_NEWER: Final = frozenset(
    ("kv_cache_memory_usage_gb", "realtime_tokens_total", "num_retracted_requests_total", "full_token_usage")
)
"""What 0.5.6 does not say."""
_MOST_RETRACTIONS: Final = 10_000
"""Between two scrapes."""
_WITHOUT, _WITH = "decode_none", "decode_cuda_graph"
_SHOWN_BY: Final = {
    Column.EMPTY_QUEUE: "num_queue_reqs",
    Column.UNFILLED: "token_usage",
    Column.NO_GRAPH: f"cuda_graph_passes_total {_WITHOUT}",
}
"""The metrics that show what these columns count."""


class MetricsReader:
    """Reads scrapes of `/metrics` of any number in constant memory; pieces may end anywhere.

    Each scrape counts like a line of decoding for each data-parallel rank with running requests, unless
    nothing moved since the one before. Not every retraction is seen: 0.5.6 says how many requests the last
    one took back, and 0.5.23 how many there were in all, from which their number follows.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._scrapes = ScrapeReader()
        self._before = 0
        """Lines of earlier files."""
        self._ended: list[Launch] = []
        self._servers: dict[tuple[str, ...], _Server] = {}
        self._time = -1
        self._heard: set[tuple[str, ...]] = set()
        """Which servers said something since that time."""

    def take(self, chunk: bytes) -> None:
        """Takes in what comes next. Raises UsageError where the parser is not installed."""
        self._all(self._scrapes.take(chunk))

    def close(self) -> None:
        """Takes in the last scrape."""
        self._all(self._scrapes.close())

    def move_on(self, name: str) -> None:
        """What comes next stands in another file, which goes on where this one ended."""
        self._all(self._scrapes.close())
        self._name = name
        self._before += self._scrapes.lines
        self._scrapes.lines = 0
        for server in self._servers.values():
            server.move_on(name)

    @property
    def launches(self) -> tuple[Launch, ...]:
        """One for each server, and one more each time that its counters began anew."""
        last = (server.launch(self._lines) for server in self._servers.values())
        return (*self._ended, *last)

    @property
    def _lines(self) -> int:
        return self._before + self._scrapes.lines

    def _all(self, scrapes: Iterator[Scrape]) -> None:
        for scrape in scrapes:
            apart: dict[tuple[str, ...], list[Sample]] = {}
            for sample in scrape.samples:
                # Of several servers at once, as a Prometheus server passes them on.
                whose = tuple(sample.labels.get(label, "") for label in ("instance", "pod"))
                apart.setdefault(whose, []).append(sample)
            self._date(scrape, set(apart))
            for whose, samples in apart.items():
                self._one(whose, Said.of(samples), scrape)

    def _date(self, scrape: Scrape, servers: set[tuple[str, ...]]) -> None:
        """Gives a scrape the time that stands before those of other servers, where it has none of its own."""
        if scrape.time >= 0:
            self._time, self._heard = scrape.time, set()
        elif not self._heard & servers:
            scrape.time = self._time
        self._heard |= servers

    def _one(self, whose: tuple[str, ...], said: Said, scrape: Scrape) -> None:
        known = self._servers.get(whose)
        if known is not None and said.began_anew(known.before):
            self._ended.append(known.launch(self._lines))
            known = None
        if known is None:
            known = self._servers[whose] = _Server(self._name)
        known.take(said, scrape)


class _Server:
    """One launch in the making."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._files = [name]
        self._intervals = Intervals()
        self._figures: dict[Fact, Figure] = {}
        self._replicas: set[int] = set()
        self._usual = 0.0
        self._ready: Line | None = None
        self._examples = Examples()
        self._retraction: Line | None = None
        self._newer = False
        self._version: str | None = None
        self._arguments: dict[str, Any] = {}
        self._as_logged: dict[str, Any] = {}
        self._arguments_line: Line | None = None
        self._simulated = False
        self.before = Said()

    def take(self, said: Said, scrape: Scrape) -> None:
        """Takes in a scrape."""
        if scrape.info is not None:
            self._told(*scrape.info)
        if said.numbers == self.before.numbers:
            return
        rows = list(self._rows(said))
        for row in rows:
            row[Field.TIME] = scrape.time
        if rows:
            self._intervals.add(np.array(rows, np.int64).T)
        self._remember(said)
        self._newer |= any(name.split()[0] in _NEWER for name, _ in said.numbers)
        self._simulated |= scrape.simulated
        self.before = said

    def move_on(self, name: str) -> None:
        """What it says next stands in another file."""
        self._name = name
        if name not in self._files:
            self._files.append(name)

    def _rows(self, said: Said) -> Iterator[list[int]]:
        for (name, replica), running in said.numbers.items():
            if name == "num_running_reqs" and running > 0 and said.whole(replica):
                self._replicas.add(replica)
                yield self._decode(said, replica, running)
        yield from self._prefill(said)
        yield from self._retracted(said)

    def _decode(self, said: Said, replica: int, running: float) -> list[int]:
        numbers = said.numbers
        usage = max(numbers.get((name, replica), 0.0) for name in USAGES)
        without, with_graph = (
            self._since(said, f"cuda_graph_passes_total {mode}", replica) for mode in (_WITHOUT, _WITH)
        )
        row = _row(LineKind.DECODE)
        row[Field.REPLICA] = replica
        row[Field.RUNNING] = round(running)
        row[Field.QUEUE] = round(numbers.get(("num_queue_reqs", replica), 0.0))
        row[Field.USAGE] = round(usage * SCALE)
        row[Field.RATE] = round(numbers.get(("gen_throughput", replica), 0.0) * SCALE)
        # The gauge `is_cuda_graph` is no evidence: neither version ever sets it.
        row[Field.GRAPH] = -1 if without == with_graph else int(with_graph > without)
        self._show(said, replica, row)
        return row

    def _show(self, said: Said, replica: int, row: list[int]) -> None:
        """Remembers the lines of this scrape, where they show something best."""
        here = self._line(said, ("num_running_reqs", replica))
        self._examples.take(np.array([row], np.int64).T, lambda _: here)
        for column, name in _SHOWN_BY.items():
            if self._examples.lines.get(column) is here and (name, replica) in said.lines:
                self._examples.lines[column] = self._line(said, (name, replica))

    def _prefill(self, said: Said) -> Iterator[list[int]]:
        """What was computed and what was found in the cache since the scrape before, or since the start."""
        new = self._more(said, "realtime_tokens_total prefill_compute")
        cached = self._more(said, "realtime_tokens_total prefill_cache")
        if said.total("realtime_tokens_total prefill_compute") is None:
            cached = self._more(said, "cached_tokens_total")
            new = self._more(said, "prompt_tokens_total") - cached
        if new > 0 or cached > 0:
            row = _row(LineKind.PREFILL)
            row[Field.NEW], row[Field.CACHED] = max(round(new), 0), round(cached)
            yield row

    def _retracted(self, said: Said) -> Iterator[list[int]]:
        """As many as the requests since the scrape before make, if each is as large as the last known one."""
        name = "num_retracted_reqs"
        counted = last = said.total(name) or 0.0
        self._usual = last or self._usual
        if said.total("num_retracted_requests_total") is not None:
            name = "num_retracted_requests_total"
            # It is there from the first retraction on; before this text began there may have been some.
            counted = self._more(said, name) if self.before.numbers else 0.0
        if counted <= 0:
            return
        if self._retraction is None:
            key = max((key for key in said.numbers if key[0] == name), key=lambda key: said.numbers[key])
            self._retraction = self._line(said, key)
        times = min(max(round(counted / (self._usual or counted)), 1), _MOST_RETRACTIONS)
        for number in range(times):
            row = _row(LineKind.RETRACTION)
            row[Field.RETRACTED] = round(counted * (number + 1) / times) - round(counted * number / times)
            yield row

    def _since(self, said: Said, name: str, replica: int) -> float:
        key = (name, replica)
        return said.numbers.get(key, 0.0) - self.before.numbers.get(key, 0.0)

    def _more(self, said: Said, name: str) -> float:
        return (said.total(name) or 0.0) - (self.before.total(name) or 0.0)

    def _remember(self, said: Said) -> None:
        for key, value in said.numbers.items():
            name, _ = key
            if self._ready is None and name == "num_running_reqs":
                self._ready = self._line(said, key)
            fact = _FACTS.get(name)
            if fact is not None and fact not in self._figures and value > 0:
                self._figures[fact] = Figure(value=value, line=self._line(said, key))

    def _told(self, number: int, raw: bytes) -> None:
        """What the server runs with, and what its metrics may not say."""
        told = read_info(raw)
        if told is not None:
            line = self._shown(number, raw)
            self._version, self._arguments_line = told.version, line
            self._arguments, self._as_logged = told.arguments, told.as_logged
            for fact, value in told.figures.items():
                self._figures.setdefault(fact, Figure(value=value, line=line))

    def _line(self, said: Said, key: tuple[str, int]) -> Line:
        sample = said.lines[key]
        return self._shown(sample.number, sample.raw)

    def _shown(self, number: int, raw: bytes) -> Line:
        return line_of(self._name, number, plain(raw))

    def launch(self, lines: int) -> Launch:
        """What is known. A server that answers is ready."""
        examples = dict(self._examples.lines)
        return Launch(
            server="sglang",
            version=self._version or (NEWEST if self._newer else OLDER),
            version_guessed=self._version is None,
            arguments=self._arguments,
            as_logged=self._as_logged,
            arguments_line=self._arguments_line,
            phase=Phase.SERVING,
            ready=self._ready,
            figures=self._figures,
            retraction=self._retraction,
            busiest=examples.pop(Column.DECODES, None),
            examples=examples,
            series=self._intervals.series(len(self._replicas)).model_copy(update={"sampled": True}),
            files=tuple(self._files),
            lines=lines,
            simulated=self._simulated,
        )


def _row(kind: LineKind) -> list[int]:
    row = [0] * len(Field)
    row[Field.KIND], row[Field.GRAPH] = kind, -1
    return row
