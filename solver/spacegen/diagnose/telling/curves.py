"""What a launch did over time, as few numbers as fit a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spacegen.diagnose.launch import Launch
from spacegen.diagnose.series import Column, Floats, Series

__all__ = ["Curve", "curves", "span", "telling"]


@dataclass(frozen=True, slots=True)
class Curve:
    """One quantity over time; None where nothing was logged."""

    name: str
    values: tuple[float | None, ...]
    top: float | None = None
    """Where its scale ends, unless at its largest value."""
    middle: float | None = None
    """The median of the values."""
    peak: float | None = None
    total: float | None = None
    """Of what is counted."""


_MEANS: Final = (
    (Column.RATE, "tokens/s"),
    (Column.RUNNING, "running"),
    (Column.QUEUE, "queue"),
    (Column.USAGE, "token usage"),
)
_PROMPTS: Final = ((Column.NEW_TOKENS, "prompt tokens/s"), (Column.CACHED_TOKENS, "cached tokens/s"))
_MANY_PREFILLS: Final = 10
"""Ours: fewer are those of a start."""
_USUALLY: Final = 0.9
_PATIENCE: Final = 3.0
"""Ours: this share of the lines is at most so far apart, and a server that is silent for so many times that
has stopped."""


def telling(launches: Sequence[Launch]) -> Launch:
    """The last launch that did something or failed, of the nodes of one start the busiest; else the last."""
    busy = [launch for launch in launches if curves(launch.series, 1)]
    if not busy or launches[-1].ended is not None:
        return launches[-1]
    last = busy[-1]
    nodes = [launch for launch in busy if _start(launch) == _start(last) is not None]
    return max(nodes, key=lambda launch: launch.series.column(Column.DECODES).sum(), default=last)


def _start(launch: Launch) -> object:
    """What the nodes of one start have in common; None where it has one node."""
    nodes = launch.arguments.get("nnodes")
    several = isinstance(nodes, int) and nodes > 1
    return (nodes, str(launch.arguments.get("dist_init_addr"))) if several else None


def curves(series: Series, width: int) -> tuple[Curve, ...]:
    """Throughput, running and waiting requests, token usage and, where there were any, retractions, each at
    most `width` values long. What ranks do adds up, but for the usage. Of a server that only prefills, the
    tokens of prompts."""
    decodes = series.column(Column.DECODES)
    if not decodes.any():
        return _prompts(series, width)
    # Lines that come seldom would stand alone among empty places.
    edges = _edges(len(decodes), min(width, int(np.count_nonzero(decodes))))
    holes = _short_holes(decodes, edges)
    found = [_mean(series, edges, holes, column, name) for column, name in _MEANS]
    if (retracted := series.column(Column.RETRACTIONS)).any():
        sums = np.add.reduceat(retracted, edges)
        found.append(Curve("retractions", tuple(sums.tolist()), total=float(sums.sum())))
    return tuple(found)


def _prompts(series: Series, width: int) -> tuple[Curve, ...]:
    prefills = series.column(Column.PREFILLS)
    if not series.timed or prefills.sum() < _MANY_PREFILLS:
        return ()
    edges = _edges(len(prefills), min(width, int(np.count_nonzero(prefills))))
    seconds = np.diff(np.append(edges, len(prefills))) * series.width
    rates = ((name, np.add.reduceat(series.column(column), edges) / seconds) for column, name in _PROMPTS)
    return tuple(
        Curve(name, tuple(rate.tolist()), middle=float(np.median(rate)), peak=float(rate.max()))
        for name, rate in rates
        if rate.any()
    )


def span(series: Series) -> float | None:
    """How many seconds were logged; None without times."""
    return len(series) * series.width if series.timed and len(series) else None


def _short_holes(lines: Floats, edges: NDArray[np.intp]) -> list[int]:
    """The parts without a line that are no longer than lines are apart anyway: nothing stopped there."""
    logged = np.flatnonzero(lines)
    apart = np.diff(logged)
    if not len(apart):
        return []
    usual = _PATIENCE * float(np.quantile(apart, _USUALLY))
    empty = np.flatnonzero(np.add.reduceat(lines, edges) == 0)
    after = np.searchsorted(logged, edges[empty])
    inside = (after > 0) & (after < len(logged))
    return [int(part) for part, i in zip(empty[inside], after[inside], strict=True) if apart[i - 1] <= usual]


def _mean(series: Series, edges: NDArray[np.intp], holes: list[int], column: Column, name: str) -> Curve:
    values = series.means(column, edges)
    shown = [None if np.isnan(value) else value for value in values.tolist()]
    for part in holes:
        # What was said last holds until something else is said.
        shown[part] = shown[part - 1]
    top = 1.0 if column is Column.USAGE else None
    return Curve(name, tuple(shown), top, float(np.nanmedian(values)), float(np.nanmax(values)))


def _edges(length: int, width: int) -> NDArray[np.intp]:
    """Where each of at most `width` nearly equal parts begins."""
    parts = min(length, width)
    return np.arange(parts, dtype=np.intp) * length // parts
