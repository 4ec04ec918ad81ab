"""Points in the order in which a search would keep them: front by front, the least crowded first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spacegen.tune.front import pareto

__all__ = ["crowding", "fronts", "order"]

_Floats: TypeAlias = NDArray[np.float64]


def order(points: ArrayLike, violations: Sequence[float] | None = None) -> list[int]:
    """The rows of `points` (length, objectives; all to be small), the best first.

    Front by front, within one by crowding distance (Deb et al., "A fast and elitist multiobjective genetic
    algorithm: NSGA-II", 2002). A row with a positive violation comes after all that keep their limits, by how
    much it violates them.
    """
    table = np.asarray(points, np.float64)
    missed = np.zeros(len(table)) if violations is None else np.maximum(np.asarray(violations, float), 0.0)
    kept = np.flatnonzero(missed == 0)
    found: list[int] = []
    for front in fronts(table[kept]):
        lonely = crowding(table[kept[front]])
        found += kept[front[np.argsort(-lonely, kind="stable")]].tolist()
    others = np.flatnonzero(missed > 0)
    found += others[np.argsort(missed[others], kind="stable")].tolist()
    return found


def fronts(table: _Floats) -> Iterator[NDArray[np.intp]]:
    """The rows that nothing dominates, then those that only they dominate, and so on."""
    left = np.arange(len(table))
    while len(left):
        on_front = pareto(table[left])
        # Rows with a NaN are on no front.
        if not on_front.any():
            yield left
            return
        yield left[on_front]
        left = left[~on_front]


def crowding(front: _Floats) -> _Floats:
    """How far apart the neighbours of each point are, as shares of the front's extent, summed over the
    objectives; infinite at its ends."""
    distance = np.zeros(len(front))
    if not len(front):
        return distance
    for values in front.T:
        ranked = np.argsort(values, kind="stable")
        distance[ranked[[0, -1]]] = np.inf
        extent = values[ranked[-1]] - values[ranked[0]]
        if extent > 0:
            distance[ranked[1:-1]] += (values[ranked[2:]] - values[ranked[:-2]]) / extent
    return distance
