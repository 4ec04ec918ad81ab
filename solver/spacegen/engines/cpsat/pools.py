"""Draws part by part, put together: distinct or independent, uniform or weighted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.distinct import below, distinct_rows

__all__ = ["Fresh", "Listed", "Pool", "pick"]

_WEIGHED: Final = 200_000


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """Solutions of a part as rows of codes, one column a name, all alike or with `weights`.

    `effective` says how many exact draws they are worth; None where these are all the solutions.
    """

    names: tuple[str, ...]
    rows: NDArray[np.intp]
    weights: NDArray[Any] | None = None
    effective: float | None = None

    def draw(self, size: int, rng: np.random.Generator) -> NDArray[np.intp]:
        """Independent draws."""
        if self.weights is None:
            return self.rows[rng.integers(0, len(self.rows), size)]
        ends = np.cumsum(self.weights)
        if self.weights.dtype.kind == "f":
            places: Any = ends.searchsorted(rng.random(size) * ends[-1], side="right")
            return np.asarray(self.rows[np.minimum(places, len(ends) - 1)])
        return self.rows[ends.searchsorted(below(int(ends[-1]), size, rng), side="right")]


@dataclass(frozen=True, slots=True, eq=False)
class Fresh:
    """A part whose solutions are drawn anew each time, uniformly."""

    names: tuple[str, ...]
    drawn: Callable[[int, np.random.Generator], NDArray[np.intp]]

    def draw(self, size: int, rng: np.random.Generator) -> NDArray[np.intp]:
        """Independent draws."""
        return self.drawn(size, rng)


Pool: TypeAlias = Listed | Fresh


def pick(
    pools: Sequence[Pool], size: int, rng: np.random.Generator, bounds: Sequence[int], *, replace: bool
) -> list[NDArray[np.intp]]:
    """A column of codes for each name of each pool, in order: `size` draws from the product of the pools,
    distinct unless `replace`. The codes of column i are less than `bounds[i]`."""

    def draw(rows: int) -> list[NDArray[Any]]:
        return [column for pool in pools for column in pool.draw(rows, rng).T]

    listed = [pool for pool in pools if isinstance(pool, Listed)]
    if replace or not pools:
        return draw(size)
    if len(listed) == len(pools):
        sizes = tuple(len(pool.rows) for pool in listed)
        order = _order(listed, prod(sizes), size, rng)
        if order is not None:
            numbers = np.unravel_index(order[:size], sizes)
            return [column for p, at in zip(listed, numbers, strict=True) for column in p.rows[at].T]
    return distinct_rows(size, draw, bounds)


def _order(
    pools: Sequence[Listed], total: int, size: int, rng: np.random.Generator
) -> NDArray[np.intp] | None:
    """The whole product in the order of draws without replacement; None where it is too long for that."""
    weighted = any(pool.weights is not None for pool in pools)
    if weighted and total <= max(_WEIGHED, 2 * size):
        # The smallest exponential clocks come first (Efraimidis and Spirakis).
        clocks = rng.exponential(size=total) / _weights(pools)
        return np.asarray(np.argsort(clocks, kind="stable"), np.intp)
    if not weighted and total <= 2 * size:
        return np.asarray(rng.permutation(total), np.intp)
    return None


def _weights(pools: Sequence[Listed]) -> NDArray[np.float64]:
    weights = np.ones(1)
    for pool in pools:
        own = np.ones(len(pool.rows)) if pool.weights is None else pool.weights.astype(np.float64)
        weights = np.multiply.outer(weights, own).ravel()
    return weights
