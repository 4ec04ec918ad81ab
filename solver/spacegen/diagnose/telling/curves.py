"""What a launch did over time, as few numbers as fit a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spacegen.diagnose.series import Column, Series

__all__ = ["Curve", "curves", "span"]


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


def curves(series: Series, width: int) -> tuple[Curve, ...]:
    """Throughput, running and waiting requests, token usage and, where there were any, retractions, each at
    most `width` values long. What ranks do adds up, but for the usage."""
    decodes = series.column(Column.DECODES)
    if not decodes.any():
        return ()
    # Lines that come seldom would stand alone among empty places.
    edges = _edges(len(decodes), min(width, int(np.count_nonzero(decodes))))
    found = [_mean(series, edges, column, name) for column, name in _MEANS]
    if (retracted := series.column(Column.RETRACTIONS)).any():
        sums = np.add.reduceat(retracted, edges)
        found.append(Curve("retractions", tuple(sums.tolist()), total=float(sums.sum())))
    return tuple(found)


def span(series: Series) -> float | None:
    """How many seconds were logged; None without times."""
    return len(series) * series.width if series.timed and len(series) else None


def _mean(series: Series, edges: NDArray[np.intp], column: Column, name: str) -> Curve:
    values = series.means(column, edges)
    shown = tuple(None if np.isnan(value) else value for value in values.tolist())
    top = 1.0 if column is Column.USAGE else None
    return Curve(name, shown, top, float(np.nanmedian(values)), float(np.nanmax(values)))


def _edges(length: int, width: int) -> NDArray[np.intp]:
    """Where each of at most `width` nearly equal parts begins."""
    parts = min(length, width)
    return np.arange(parts, dtype=np.intp) * length // parts
