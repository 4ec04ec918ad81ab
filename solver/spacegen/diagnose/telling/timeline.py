"""What the script of the page draws: launches over time, with phases and findings where they happened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from spacegen.diagnose.advice.steady import stretches
from spacegen.diagnose.finding import Finding
from spacegen.diagnose.launch import Fact, Launch, Line, Phase
from spacegen.diagnose.reading.stamps import STAMP, seconds
from spacegen.diagnose.series import Column, Series

__all__ = ["memory", "timeline", "when"]

_MEANS: Final = (Column.RATE, Column.RUNNING, Column.QUEUE, Column.USAGE)
_PHASE_ENDS: Final = (
    (Phase.WEIGHTS, (Fact.AFTER_LOADING, Fact.WEIGHTS)),
    (Phase.KV_POOL, (Fact.POOL_TOKENS, Fact.POOL)),
    (Phase.GRAPHS, (Fact.GRAPHS, Fact.CAPTURE_SECONDS)),
)
_BARS: Final = 64
_SHARES: Final = (Fact.WEIGHTS, Fact.POOL, Fact.GRAPHS, Fact.LEFT)


def timeline(launch: Launch, findings: Sequence[tuple[int, Finding]]) -> dict[str, Any]:
    """A launch for the script, its findings with their rows in the table. Times are milliseconds since 1970;
    without times they are lines of batches."""
    series = launch.series
    unit = 1000 if series.timed else 1
    found: dict[str, Any] = {
        "timed": series.timed,
        "start": series.start * unit if series.timed else 0,
        "width": series.width * unit,
        "ranks": series.ranks,
        "columns": {str(column): _means(series, column) for column in _MEANS} if len(series) else {},
        "phases": list(_phases(launch)),
        "steady": [
            [(series.start * series.timed + place * series.width) * unit for place in stretch]
            for stretch in stretches(series)
        ],
        "findings": [
            {"row": row, "at": at} for row, finding in findings if (at := _at(launch, finding)) is not None
        ],
        "most": launch.figure(Fact.MOST_RUNNING),
        "memory": memory(launch),
    }
    if (retracted := series.column(Column.RETRACTIONS)).any():
        found["retractions"] = _rate(series, retracted)
    return found


def _rate(series: Series, retracted: Any) -> dict[str, Any]:
    """Retractions a minute (without times, in a hundred lines of batches), in few bars of at least that
    width: how many intervals each joins, and their heights."""
    per = 60 if series.timed else 100
    joined = max(-(-len(retracted) // _BARS), int(-(-per // series.width)))
    firsts = np.arange(0, len(retracted), joined)
    lengths = np.minimum(joined, len(retracted) - firsts)
    rates = np.add.reduceat(retracted, firsts) * per / np.maximum(lengths * series.width, per)
    return {"joined": joined, "values": [float(f"{value:.4g}") for value in rates.tolist()]}


def _means(series: Series, column: Column) -> list[float | None]:
    """Those of each interval, with digits enough to draw them."""
    return [None if np.isnan(value) else float(f"{value:.5g}") for value in series.means(column).tolist()]


def memory(launch: Launch) -> dict[str, float]:
    """What a GPU's memory went to, in GB as logs count them; what nobody names is `other`."""
    found = {str(fact): value for fact in _SHARES if (value := launch.figure(fact)) is not None}
    before = launch.figure(Fact.BEFORE_LOADING)
    if before is not None and Fact.LEFT in launch.figures and (rest := before - sum(found.values())) > 0.005:
        found["other"] = round(rest, 2)
    return found


def when(line: Line | None) -> int | None:
    """Milliseconds since 1970 in the log's own time zone; None where the line has no time."""
    stamp = None if line is None else STAMP.search(line.text.encode("utf-8", "replace"))
    time = -1 if stamp is None else seconds(stamp[0])
    return time * 1000 if time >= 0 else None


def _phases(launch: Launch) -> Iterator[dict[str, Any]]:
    """From when to when each phase went, as far as lines have times."""
    series = launch.series
    now = when(launch.arguments_line) or _first(launch)
    for phase, facts in _PHASE_ENDS:
        end = max((time for fact in facts if (time := _said(launch, fact)) is not None), default=None)
        if now is not None and end is not None and end >= now:
            yield {"phase": str(phase), "from": now, "to": end}
        now = end if end is not None else now
    ready = when(launch.ready)
    if now is not None and ready is not None and ready >= now:
        yield {"phase": str(Phase.WARM_UP), "from": now, "to": ready}
        now = ready
    last = (series.start + len(series) * series.width) * 1000
    # A batch that warms the server up comes before it is ready.
    begin = series.start * 1000 if now is None else now
    if series.timed and begin < last:
        yield {"phase": str(Phase.SERVING), "from": begin, "to": last}


def _first(launch: Launch) -> int | None:
    return _said(launch, Fact.BEFORE_LOADING)


def _said(launch: Launch, fact: Fact) -> int | None:
    figure = launch.figures.get(fact)
    return None if figure is None else when(figure.line)


def _at(launch: Launch, finding: Finding) -> float | None:
    """When the first line of evidence was written; a line without a time is placed by its number."""
    if not finding.evidence:
        return None
    line, series = finding.evidence[0], launch.series
    if (time := when(line)) is not None and (series.timed or not len(series)):
        return time
    known = sorted(_anchors(launch))
    if not known:
        return None
    numbers, times = zip(*known, strict=True)
    return float(np.interp(line.number, numbers, times))


def _anchors(launch: Launch) -> Iterator[tuple[int, float]]:
    """Lines whose times are known, by number."""
    series = launch.series
    unit = 1000 if series.timed else 1
    start = series.start * unit if series.timed else 0.0
    end = start + len(series) * series.width * unit
    lines = [figure.line for figure in launch.figures.values()]
    lines += [line for line in (launch.ready, launch.busiest, launch.retraction) if line is not None]
    stamped = [(line.number, time) for line in lines if (time := when(line)) is not None]
    if series.timed or not len(series):
        yield from stamped
    if len(series):
        if launch.ended is not None:
            yield launch.ended.lines[0].number, end
        if not stamped:
            yield from ((1, start), (launch.lines, end))
