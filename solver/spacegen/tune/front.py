"""Pareto fronts of points, and how much of the space they dominate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["hypervolume", "pareto"]

Floats: TypeAlias = NDArray[np.float64]


def pareto(points: ArrayLike, signs: Sequence[int] | None = None) -> NDArray[np.bool_]:
    """Which points no other point dominates: as small in every objective, and smaller in one.

    `points` has shape (length, objectives); `signs` has -1 for each objective that is to be large. Of equal
    points all are on the front or none; one with a NaN never is.
    """
    table = _table(points)
    if signs is not None:
        table = table * np.asarray(signs, np.float64)
    kept = np.asarray(~np.isnan(table).any(axis=1), np.bool_)
    for i in np.flatnonzero(kept).tolist():
        others = table[kept]
        at_most, below = (others <= table[i]).all(axis=1), (others < table[i]).any(axis=1)
        kept[i] = not (at_most & below).any()
    return kept


def hypervolume(points: ArrayLike, reference: Sequence[float] | Floats) -> float:
    """The volume of what points dominate within `reference`, all objectives minimised.

    Exact, by slices along one objective after the other (While et al., "A faster algorithm for calculating
    hypervolume", 2006, section II). A point that is not below the reference in every objective adds nothing.
    """
    bound = np.asarray(reference, np.float64)
    table = _table(points, len(bound))
    within = table[(table < bound).all(axis=1)]
    return _volume(within[pareto(within)], bound)


def _table(points: ArrayLike, width: int = 0) -> Floats:
    table = np.asarray(points, np.float64)
    return table if table.ndim == 2 else table.reshape(0, width)


def _volume(front: Floats, bound: Floats) -> float:
    """The volume of points that are all below the bound."""
    if len(front) == 0:
        return 0.0
    if len(bound) == 1:
        return float(bound[0] - front[:, 0].min())
    ordered = front[np.argsort(front[:, -1], kind="stable")]
    if len(bound) == 2:
        # Within a front the first objective only falls as the second rises.
        reached = np.minimum.accumulate(ordered[:, 0])
        heights = np.diff(ordered[:, 1], append=bound[1])
        return float(((bound[0] - reached) * heights).sum())
    heights = np.diff(ordered[:, -1], append=bound[-1])
    slices: list[Any] = [
        height * _volume(_front(ordered[: i + 1, :-1]), bound[:-1])
        for i, height in enumerate(heights.tolist())
        if height > 0
    ]
    return float(sum(slices))


def _front(table: Floats) -> Floats:
    return table[pareto(table)]
