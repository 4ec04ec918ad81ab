"""The text of a server's `/metrics`, once or over and over in one file, as scrapes of samples."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final

from spacegen.diagnose.reading.chunks import WholeLines
from spacegen.diagnose.reading.serverinfo import MARK
from spacegen.diagnose.reading.stamps import STAMP, seconds
from spacegen.extras import require

__all__ = ["WANTED", "Sample", "Scrape", "ScrapeReader", "looks_like_metrics"]

WANTED: Final = frozenset(
    (
        "num_running_reqs",
        "num_queue_reqs",
        "token_usage",
        "full_token_usage",
        "swa_token_usage",
        "mamba_usage",
        "gen_throughput",
        "num_retracted_reqs",
        "max_total_num_tokens",
        "weight_memory_usage_gb",
        "kv_cache_memory_usage_gb",
        "graph_memory_usage_gb",
        "startup_available_gpu_memory_gb",
        "context_len",
        "prompt_tokens_total",
        "cached_tokens_total",
        "generation_tokens_total",
        "realtime_tokens_total",
        "num_retracted_requests_total",
        "cuda_graph_passes_total",
    )
)
"""The metrics of sglang that are read, without its prefix (`sglang:`, or `sglang_` where a collector does not
take colons)."""

_LINE: Final = re.compile(
    rb"^(?:# (?:HELP|TYPE) (?P<family>\S+).*|#(?P<comment>.*)"
    rb"|sglang[:_](?P<name>" + b"|".join(sorted(name.encode() for name in WANTED)) + rb")(?=[{ \t]).*"
    rb"|(?P<stamp>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d).*|(?P<epoch>\d{10})(?:\.\d+)?\s*"
    rb"|[Dd]ate: (?P<date>.*))$",
    re.MULTILINE,
)
_METRICS: Final = re.compile(
    rb"^(?:# (?:HELP|TYPE) [A-Za-z_:][\w:]*(?: |$)"
    rb"|sglang[:_]\w+(?:\{[^}\n]*\})? [-+.\deEaINfn]+(?: \d+)?\s*$)",
    re.MULTILINE,
)


_LARGEST: Final = 1e12
_LATEST: Final = 1e10
"""Numbers, and seconds since 1970, that no server has."""
_HEAD: Final = 40
"""Lines before metrics, such as headers of HTTP."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A line with a value. `name` is without the prefix."""

    name: str
    labels: Mapping[str, str]
    value: float
    number: int
    raw: bytes


@dataclass(slots=True)
class Scrape:
    """What a server said at one time: seconds since 1970, -1 where nothing says it."""

    time: int = -1
    samples: list[Sample] = field(default_factory=list)
    simulated: bool = False
    info: tuple[int, bytes] | None = None
    """The line of a `/server_info` that stands before it, with its number."""


def looks_like_metrics(first: bytes) -> bool:
    """Whether this start of a text is that of metrics, and not of a log that somebody writes some into."""
    head = b"\n".join(first.split(b"\n", _HEAD)[:_HEAD])
    return _METRICS.search(head) is not None


class ScrapeReader:
    """Takes a text in a piece at a time; a scrape is given out once the next one begins, or at the end.

    Where one ends is seen by what comes again. The time of a scrape is that of its samples where they have
    one, else of a line before it: a comment or a line that begins with `2025-08-11 17:17:03`, seconds since
    1970, or the header `Date:`.
    """

    def __init__(self) -> None:
        self._whole = WholeLines()
        self._now = Scrape()
        self._seen: set[object] = set()
        self._simulated = False
        self.lines = 0

    def take(self, chunk: bytes) -> Iterator[Scrape]:
        """The scrapes that have ended."""
        if text := self._whole.take(chunk):
            yield from self._read(text)

    def close(self) -> Iterator[Scrape]:
        """The last ones."""
        if rest := self._whole.close():
            yield from self._read(rest)
        yield from self._end()

    def _read(self, text: bytes) -> Iterator[Scrape]:
        before = 0
        for line in _LINE.finditer(text):
            self.lines += text.count(b"\n", before, line.start())
            before = line.start()
            yield from self._line(line)
        self.lines += text.count(b"\n", before) + (not text.endswith(b"\n"))

    def _line(self, line: re.Match[bytes]) -> Iterator[Scrape]:
        if line["name"] is not None:
            yield from self._sample(line)
        elif (family := line["family"]) is not None:
            yield from self._new(line[0].split(None, 3)[:3])
            self._simulated |= b"SIMULATED" in line[0] and family.startswith(b"sglang")
        elif line[0].startswith(MARK):
            yield from self._end()
            self._now.info = self.lines + 1, line[0]
        elif (time := _time(line)) is not None:
            yield from self._end()
            self._now.time = time

    def _sample(self, line: re.Match[bytes]) -> Iterator[Scrape]:
        found = _sample(line[0], line["name"].decode(), self.lines + 1)
        if found is None:
            return
        sample, time = found
        yield from self._new((sample.name, tuple(sorted(sample.labels.items()))))
        if time is not None:
            self._now.time = time
        self._now.samples.append(sample)
        self._now.simulated = self._simulated

    def _new(self, what: object) -> Iterator[Scrape]:
        """The scrape before, where this was already said in it."""
        key = tuple(what) if isinstance(what, list) else what
        if key in self._seen:
            yield from self._end()
        self._seen.add(key)

    def _end(self) -> Iterator[Scrape]:
        if self._now.samples:
            now, self._now = self._now, Scrape()
            self._seen.clear()
            yield now


def _sample(raw: bytes, name: str, number: int) -> tuple[Sample, int | None] | None:
    """What a line says and when; None where it is cut off or says no number."""
    parser = require("prometheus_client.parser", "diagnose", "reading metrics")
    text = raw.decode("utf-8", errors="replace").rstrip()
    with suppress(ValueError, IndexError, KeyError):
        for family in parser.text_string_to_metric_families(text):
            for one in family.samples:
                if 0 <= one.value < _LARGEST:
                    time = None if one.timestamp is None else float(one.timestamp)
                    known = time is not None and 0 <= time < _LATEST
                    return Sample(name, one.labels, one.value, number, raw), int(time or 0) if known else None
    return None


def _time(line: re.Match[bytes]) -> int | None:
    if (text := line["comment"]) is not None:
        stamp = STAMP.search(text)
        return None if stamp is None else _known(seconds(stamp[0]))
    if (text := line["stamp"]) is not None:
        return _known(seconds(text))
    if (text := line["epoch"]) is not None:
        return int(text)
    with suppress(ValueError, TypeError):
        return int(parsedate_to_datetime(line["date"].decode("ascii", "replace")).timestamp())
    return None


def _known(time: int) -> int | None:
    return time if time >= 0 else None
