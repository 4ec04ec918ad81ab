"""One bucket of the tree: its cluster's rows, their weights, and the lookups that walk through them.

A bucket's rows are the grid over the cluster's free variables; variables that an auxiliary map determines
have no axis of their own, their codes are gathered. Weights are exact: int64 while they fit, Python ints
in object arrays beyond.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.relation import AuxiliaryMap

__all__ = ["Bucket", "Codes", "Entries", "Factor", "Weights", "divide", "make_bucket"]

Weights: TypeAlias = NDArray[Any]
Codes: TypeAlias = NDArray[np.intp]

_INT64: Final = 2.0**62


@dataclass(frozen=True, slots=True, eq=False)
class Factor:
    """Truth values or integer weights, one axis a variable of `scope`."""

    scope: tuple[int, ...]
    weights: Weights


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """A bucket's rows ordered by separator, then by the variable's code. `ends` are running totals with a
    leading 0; `start[key]` is the first row of a separator's flat index; `codes` are the variable's codes,
    or None where every separator has a row for each code."""

    ends: Weights
    start: Codes
    codes: Codes | None

    def find(self, key: Codes, offset: Weights) -> tuple[Codes, Weights]:
        """The code in which `offset` falls below `key`'s rows, and what remains of the offset there."""
        first = self.start[key]
        offset = self.ends[first] + offset.astype(self.ends.dtype)
        row = self.ends.searchsorted(offset, side="right") - 1
        return row - first if self.codes is None else self.codes[row], offset - self.ends[row]

    def offset(self, key: Codes, code: Codes) -> tuple[Weights, Weights]:
        """The weight of `key`'s rows before `code`, and that of the row itself (0 where there is none)."""
        first = self.start[key]
        if self.codes is None:
            row = first + code
            return self.ends[row] - self.ends[first], self.ends[row + 1] - self.ends[row]
        stop = self.start[key + 1]
        row = first + _count_below(self.codes, first, stop, code)
        there = row < stop
        there[there] = self.codes[row[there]] == code[there]
        row = np.where(there, row, first)
        weight = np.where(there, self.ends[np.minimum(row + 1, len(self.codes))] - self.ends[row], 0)
        return self.ends[row] - self.ends[first], weight


def _count_below(codes: Codes, first: Codes, stop: Codes, code: Codes) -> Codes:
    """How many of codes[first:stop], ascending, are less than `code`: a bisection for every element."""
    low, high = first.copy(), stop.copy()
    while (low < high).any():
        middle = (low + high) >> 1
        less = (low < high) & (codes[np.minimum(middle, len(codes) - 1)] < code)
        low, high = np.where(less, middle + 1, low), np.where(less | (low >= high), high, middle)
    return low - first


@dataclass(frozen=True, slots=True, eq=False)
class Bucket:
    """The compiled part of a bucket that no conditioning changes.

    `axes` are the free variables of the cluster (the bucket's own last, if it is free), `shape` their
    sizes; `gathered` has the codes of the determined ones over that grid; `sizes` those of the whole cluster;
    `factors` is what was put here.
    """

    variable: int
    separator: tuple[int, ...]
    axes: tuple[int, ...]
    shape: tuple[int, ...]
    gathered: Mapping[int, Codes]
    sizes: Mapping[int, int]
    factors: tuple[Factor, ...]

    def key(self, assigned: Mapping[int, Codes]) -> Codes | np.intp:
        """The flat index of the separator's codes."""
        key: Any = np.intp(0)
        for variable in self.separator:
            key = key * self.sizes[variable] + assigned[variable]
        return key  # type: ignore[no-any-return]

    def spread(self, factor: Factor) -> Weights:
        """A factor over part of the cluster, broadcastable over the grid."""
        if any(variable in self.gathered for variable in factor.scope):
            return factor.weights[tuple(self._codes(variable) for variable in factor.scope)]
        order = sorted(range(len(factor.scope)), key=lambda i: self.axes.index(factor.scope[i]))
        sizes = {v: factor.weights.shape[i] for i, v in enumerate(factor.scope)}
        return factor.weights.transpose(order).reshape(tuple(sizes.get(axis, 1) for axis in self.axes))

    def _codes(self, variable: int) -> Codes:
        if variable in self.gathered:
            return self.gathered[variable]
        return _axis(self.axes.index(variable), self.shape)

    def weigh(
        self, messages: Sequence[Factor], most: Sequence[float], mask: NDArray[np.bool_] | None
    ) -> Weights:
        """The rows' weights, given the children's messages (with their largest entries) and a mask of
        the bucket's own codes."""
        factors = [self.spread(factor) for factor in (*self.factors, *messages)]
        if mask is not None:
            factors.append(mask)
        ceiling = prod(most, start=float(prod(self.shape)))
        ceiling *= prod(float(f.weights.max(initial=0)) for f in self.factors if f.weights.dtype != np.bool_)
        wide = ceiling >= _INT64 and not self._fits(factors)
        product: Weights = np.ones((), np.object_ if wide else np.bool_)
        for factor in sorted(factors, key=np.size):
            product = product * (factor.astype(np.object_) if wide else factor)
        return np.broadcast_to(product, self.shape)

    def _fits(self, factors: list[Weights]) -> bool:
        total: Any = np.ones(())
        for factor in factors:
            total = total * factor.astype(np.float64)
        return float(np.broadcast_to(total, self.shape).sum()) < _INT64 / 2

    def project(self, weights: Weights, scope: tuple[int, ...]) -> Weights:
        """The rows' weights summed over all variables but `scope`, one axis a variable of it."""
        exact = np.object_ if weights.dtype == np.object_ else np.int64
        weights = np.broadcast_to(weights, self.shape)
        sizes = tuple(self.sizes[variable] for variable in scope)
        if not any(variable in self.gathered for variable in scope):
            kept = [self.axes.index(variable) for variable in scope]
            summed = tuple(i for i in range(len(self.axes)) if i not in kept)
            total = weights.sum(axis=summed, dtype=exact)
            return np.asarray(total).transpose([sorted(kept).index(i) for i in kept])
        flat = np.zeros(prod(sizes), exact)
        np.add.at(flat, self.flat_keys(scope), weights.ravel().astype(exact))
        return flat.reshape(sizes)

    def lowest(self, costs: Weights, scope: tuple[int, ...], never: int) -> Weights:
        """The least of the rows' costs for each of the codes of `scope`, one axis a variable; `never` where
        there is no row."""
        sizes = tuple(self.sizes[variable] for variable in scope)
        if not any(variable in self.gathered for variable in scope):
            kept = [self.axes.index(variable) for variable in scope]
            others = tuple(i for i in range(len(self.axes)) if i not in kept)
            least = np.asarray(costs.min(axis=others), costs.dtype)
            # (NumPy hands out arrays without axes as plain numbers.)
            return np.asarray(np.minimum(least, never), costs.dtype).transpose(
                [sorted(kept).index(i) for i in kept]
            )
        flat = np.full(prod(sizes), never, costs.dtype)
        np.minimum.at(flat, self.flat_keys(scope), costs.ravel())
        return flat.reshape(sizes)

    def flat_keys(self, scope: tuple[int, ...]) -> Codes:
        """For each row, the flat index of the codes of `scope`."""
        key: Any = np.intp(0)
        for variable in scope:
            key = key * self.sizes[variable] + self._codes(variable)
        return np.broadcast_to(key, self.shape).ravel()

    def entries(self, weights: Weights) -> Entries:
        """The rows in the order in which ranks run through them."""
        exact = np.object_ if weights.dtype == np.object_ else np.int64
        keys = prod(self.sizes[variable] for variable in self.separator)
        if not self.gathered:
            width = self.shape[-1]
            return Entries(_running(weights.reshape(-1), exact), np.arange(keys + 1) * width, None)
        rows = np.flatnonzero(weights.ravel())
        key = self.flat_keys(self.separator)[rows]
        code = np.broadcast_to(self._codes(self.variable), self.shape).ravel()[rows]
        order = np.lexsort((code, key))
        start = key[order].searchsorted(np.arange(keys + 1))
        return Entries(_running(weights.ravel()[rows[order]], exact), start, code[order])


def divide(number: Weights, by: Weights | int) -> tuple[Weights, Weights]:
    """Quotient and remainder, also of Python ints in object arrays, which `np.divmod` does not take."""
    return number // by, number % by


def _running(weights: Weights, dtype: Any) -> Weights:
    ends = np.zeros(len(weights) + 1, dtype)
    np.cumsum(weights, dtype=dtype, out=ends[1:])
    return ends


def _axis(position: int, shape: tuple[int, ...]) -> Codes:
    rank = len(shape)
    return np.arange(shape[position]).reshape((1,) * position + (-1,) + (1,) * (rank - position - 1))


def make_bucket(
    variable: int,
    separator: tuple[int, ...],
    sizes: Sequence[int],
    factors: tuple[Factor, ...],
    maps: Sequence[AuxiliaryMap],
) -> Bucket:
    """The bucket of `variable` from the factors and auxiliary maps that were put into it."""
    determined = {auxiliary.output for auxiliary in maps}
    axes = tuple(v for v in (*separator, variable) if v not in determined)
    shape = tuple(sizes[v] for v in axes)
    codes = {v: _axis(i, shape) for i, v in enumerate(axes)}
    pending = list(maps)
    while pending:  # a map may read what another one determines
        ready = next(m for m in pending if all(v in codes for v in m.inputs))
        pending.remove(ready)
        codes[ready.output] = ready.codes[tuple(codes[v] for v in ready.inputs)]
    gathered = {v: codes[v] for v in determined}
    return Bucket(variable, separator, axes, shape, gathered, {v: sizes[v] for v in codes}, factors)
