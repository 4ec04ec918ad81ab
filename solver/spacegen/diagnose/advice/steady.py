"""The steady state of a launch: when it was at full load, and what its batches averaged then.

The guide's advice is about that state. While a benchmark fills the server, and while its last requests
finish, batches are small and the queue is short whatever the arguments are: these intervals are no evidence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spacegen.diagnose.advice.guide import FULL_LOAD, JUST_ARRIVED, LEAST_SECONDS, STEPS_A_LINE
from spacegen.diagnose.advice.said import argument
from spacegen.diagnose.launch import Launch
from spacegen.diagnose.series import Column, Floats, Series

__all__ = ["Steady", "steady", "stretches"]

_Mask = NDArray[np.bool_]

_USUAL: Final = 0.95
"""The usual maximum is this quantile of the running requests: a momentary peak is no load."""
_CLIMB: Final = 0.05
"""A server is still filling while its token usage is this far below its later level."""
_PAUSE: Final = 30.0
"""Seconds: after this long without a line of decoding the server had nothing to do, and a stretch ends."""
_CLOCK: Final = re.compile(r"\[\d\d:\d\d:\d\d\b")
"""How releases before 0.4 write their times, which go on for no longer than a day."""
_FALL: Final = 0.9
"""Requests run out where this share of those that ran before is left, or less."""


@dataclass(frozen=True, slots=True)
class Steady:
    """What lines of decoding at full load average, for each data-parallel rank."""

    lines: int
    share: float
    """How many of all lines of decoding these are: for how much of the time the load was full."""
    seconds: float
    busy: float
    """The share of `seconds` that decode steps took; 1 where that is not known."""
    timed: bool
    """Whether `seconds` come from the times of lines; else they are the time that the decode steps took."""
    ranks: int
    running: float
    queue: float
    usage: float
    rate: float
    """Tokens a second."""
    empty_queue: float
    """The share of lines with an empty queue; the next two are shares of lines, too."""
    unfilled: float
    no_graph: float
    uneven: float
    """The share of lines of ranks with an empty queue while many requests waited for others. All lines count
    from the first to the last at full load: a rank without requests is not at full load itself."""
    most_running: float
    most_without_graph: float
    usual_without_graph: float
    """A size that is rarely exceeded; the largest may be a momentary peak."""
    retractions: float
    retracted: float
    prefills: float
    """Lines of prefill for each line of decoding."""
    prefilled: float
    """Tokens that a prefill computes, on average."""
    accepted: float
    """Tokens that a request gets in a step of speculative decoding; 0 without speculative decoding."""

    @property
    def waiting(self) -> float:
        """How long a request waits, as a multiple of the time that it takes to serve."""
        return self.queue / self.running

    @property
    def kept_waiting(self) -> bool:
        """Whether more requests wait than have just arrived."""
        return self.waiting >= JUST_ARRIVED

    @property
    def per_minute(self) -> float:
        """Retractions a minute of one rank."""
        return self.retractions / self.ranks / self.seconds * 60 if self.seconds else 0.0

    @property
    def full(self) -> float:
        """How many requests would run with a token usage of 1, each holding what it holds now."""
        return self.running / self.usage if self.usage else 0.0


def steady(launch: Launch) -> Steady | None:
    """The steady state; None where there is no decoding, or too little of it to say anything.

    Lines with neither dates nor times of day, and without a start of the server, are an excerpt that somebody
    chose: it is evidence however short it is.
    """
    series = launch.series
    columns = _columns(series)
    if not columns[Column.DECODES].any():
        return None
    chosen = _full_load(series)
    if not chosen.any():
        return None
    found = _averages(launch, columns, chosen)
    excerpt = not (series.timed or launch.ready or (launch.busiest and _CLOCK.match(launch.busiest.text)))
    return found if excerpt or found.seconds >= LEAST_SECONDS else None


def stretches(series: Series) -> list[tuple[int, int]]:
    """When the load was full: for each stretch its first interval and the one after its last."""
    lines = series.column(Column.DECODES)
    if not lines.any():
        return []
    return _spells(_full_load(series), lines > 0, _pause(series, lines))


def _columns(series: Series) -> dict[Column, Floats]:
    return {name: series.column(name) for name in Column}


def _pause(series: Series, lines: Floats) -> int:
    """How many intervals without a line of decoding a stretch may contain in a row."""
    places = np.flatnonzero(lines)
    usual = float(np.median(np.diff(places))) if series.sampled and len(places) > 1 else 0.0
    return int(max(_PAUSE / series.width, 3 * usual))


def _full_load(series: Series) -> _Mask:
    """Which intervals are at full load."""
    lines, empty = series.column(Column.DECODES), series.column(Column.EMPTY_QUEUE)
    running, usage = (np.nan_to_num(series.means(name)) for name in (Column.RUNNING, Column.USAGE))
    full = (running > 0) & (running >= FULL_LOAD * _quantile(running, lines, _USUAL))
    for first, end in _spells(full, lines > 0, _pause(series, lines)):
        here = slice(first, end)
        full[here] &= _filled(usage[here], lines[here])
        full[here] &= ~_draining(lines[here], empty[here], running[here])
    return full


def _quantile(values: Floats, weights: Floats, share: float) -> float:
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, share * reached[-1])])


def _spells(full: _Mask, busy: _Mask, pause: int) -> list[tuple[int, int]]:
    """Stretches at full load, as first and end; a few intervals without a line of decoding do not end one."""
    places = np.flatnonzero(full)
    if not len(places):
        return []
    # Between two of one stretch there is no busy interval that is not at full load.
    lulls = np.cumsum(busy & ~full)
    apart = (np.diff(lulls[places]) > 0) | (np.diff(places) - 1 > pause)
    cuts = np.flatnonzero(apart) + 1
    return [(int(part[0]), int(part[-1]) + 1) for part in np.split(places, cuts)]


def _filled(usage: Floats, lines: Floats) -> _Mask:
    """The intervals since token usage reached its level: requests that have just begun hold few tokens."""
    level = _quantile(usage, lines, 0.5) - _CLIMB
    first = int(np.argmax((lines > 0) & (usage >= level)))
    return np.arange(len(usage)) >= first


def _draining(lines: Floats, empty: Floats, running: Floats) -> _Mask:
    """The end of a stretch: since no request waits any more, if some did before, and fewer and fewer run."""
    waiting = np.flatnonzero(lines > empty)
    if not len(waiting):
        return np.zeros(len(lines), bool)
    last = waiting[-1]
    end: _Mask = np.arange(len(lines)) > last
    level = running[end & (lines > 0)]
    third = -(-len(level) // 3)
    # Of fewer than three nobody can say whether they fall.
    falls = len(level) < 3 or bool(level[-third:].mean() <= _FALL * level[:third].mean())
    runs_out = falls or bool(2 * empty.sum() <= lines.sum())
    if runs_out:
        # Where intervals are wide, the last in which somebody waited is one of both.
        end[last] = empty[last] > 0
        return end
    return np.zeros(len(lines), bool)


def _averages(launch: Launch, columns: dict[Column, Floats], chosen: _Mask) -> Steady:
    sums = {name: float(values[chosen].sum()) for name, values in columns.items()}
    largest = {name: float(values[chosen].max(initial=0.0)) for name, values in columns.items()}
    lines = sums[Column.DECODES]
    around = _around(chosen, columns[Column.DECODES], _pause(launch.series, columns[Column.DECODES]))
    prefills = float(columns[Column.PREFILLS][around].sum())
    steps = _step_seconds(launch, sums)
    stamped = float(around.sum()) * launch.series.width
    # The metrics of a simulated server are asked for by the clock on the wall, and it may be much faster.
    timed = launch.series.timed and not (launch.simulated and steps > stamped)
    seconds = stamped if timed else steps
    return Steady(
        lines=int(lines),
        share=lines / float(columns[Column.DECODES].sum()),
        seconds=seconds,
        busy=min(steps / seconds, 1.0) if steps and seconds and not launch.series.sampled else 1.0,
        timed=timed,
        ranks=launch.series.ranks,
        running=sums[Column.RUNNING] / lines,
        queue=sums[Column.QUEUE] / lines,
        usage=sums[Column.USAGE] / lines,
        rate=sums[Column.RATE] / lines,
        empty_queue=sums[Column.EMPTY_QUEUE] / lines,
        unfilled=sums[Column.UNFILLED] / lines,
        no_graph=sums[Column.NO_GRAPH] / lines,
        uneven=_uneven(columns, chosen),
        most_running=largest[Column.MOST_RUNNING],
        most_without_graph=largest[Column.MOST_WITHOUT_GRAPH],
        usual_without_graph=_usually(columns, chosen),
        retractions=float(columns[Column.RETRACTIONS][around].sum()),
        retracted=float(columns[Column.RETRACTED][around].sum()),
        prefills=prefills / lines,
        prefilled=float(columns[Column.NEW_TOKENS][around].sum()) / prefills if prefills else 0.0,
        accepted=sums[Column.ACCEPTED] / lines,
    )


def _uneven(columns: dict[Column, Floats], chosen: _Mask) -> float:
    places = np.flatnonzero(chosen)
    since = slice(places[0], places[-1] + 1)
    return float(columns[Column.UNEVEN][since].sum() / columns[Column.DECODES][since].sum())


def _usually(columns: dict[Column, Floats], chosen: _Mask) -> float:
    """The largest batches without a graph, except for those of a few intervals."""
    lines = columns[Column.NO_GRAPH][chosen]
    return _quantile(columns[Column.MOST_WITHOUT_GRAPH][chosen], lines, _USUAL) if lines.any() else 0.0


def _around(chosen: _Mask, lines: Floats, pause: int) -> _Mask:
    """The chosen intervals, and those between them that have no line of decoding."""
    around = chosen.copy()
    for first, end in _spells(chosen, lines > 0, pause):
        around[first:end] = True
    return around


def _step_seconds(launch: Launch, sums: dict[Column, float]) -> float:
    """The time that the decode steps behind one rank's lines took, from their batches and throughput."""
    told = argument(launch, "decode_log_interval")
    steps = told if isinstance(told, int) and told > 0 else STEPS_A_LINE
    if not sums[Column.RATE]:
        return 0.0
    tokens = max(sums[Column.ACCEPTED] / sums[Column.DECODES], 1.0)
    each = steps * tokens * sums[Column.RUNNING] / sums[Column.RATE]
    return each * sums[Column.DECODES] / launch.series.ranks
