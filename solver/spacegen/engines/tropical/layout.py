"""The part of a cost tree that no cost changes: its buckets, the rows that the rules allow, the walk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.bucket import Bucket, Codes
from spacegen.engines.canonical import Order
from spacegen.engines.relation import NormalForm
from spacegen.engines.tree import buckets

__all__ = ["Layout", "Steps", "lay_out"]


@dataclass(frozen=True, eq=False)
class Steps:
    """A bucket's allowed rows ordered by separator, then by the variable's code: `rows` are their places in
    the grid, `start[key]` the first one of a separator's flat index, `codes` the variable's codes."""

    rows: Codes
    start: Codes
    codes: Codes

    @cached_property
    def widest(self) -> int:
        """The most rows that a separator has."""
        return int(np.diff(self.start).max(initial=0))


@dataclass(frozen=True, eq=False)
class Layout:
    """A bucket for each variable. `walk` lists the variables so that each one's separator comes before it:
    solutions come in lexicographic order along it, and are wanted in that along `wanted`, which is mostly the
    same. `allowed[v]` is a mask of the grid of v's bucket."""

    order: Order
    walk: tuple[int, ...]
    wanted: tuple[int, ...]
    buckets: Mapping[int, Bucket]
    allowed: Mapping[int, NDArray[np.bool_]]

    @cached_property
    def place(self) -> dict[int, int]:
        """The position of each variable in the elimination."""
        return {variable: i for i, variable in enumerate(self.order.eliminated)}

    @cached_property
    def level(self) -> dict[int, int]:
        """The position of each variable in the walk."""
        return {variable: i for i, variable in enumerate(self.walk)}

    def home(self, scope: Sequence[int]) -> int:
        """The variable whose bucket takes a factor of this scope."""
        return min(scope, key=self.place.__getitem__)

    @cached_property
    def _steps(self) -> dict[int, Steps]:
        return {}

    def steps(self, variable: int) -> Steps:
        """The rows of a bucket in the order of the walk."""
        if variable not in self._steps:
            self._steps[variable] = _steps(self.buckets[variable], self.allowed[variable])
        return self._steps[variable]


def _steps(bucket: Bucket, allowed: NDArray[np.bool_]) -> Steps:
    keys = prod(bucket.sizes[variable] for variable in bucket.separator)
    rows = np.flatnonzero(allowed)
    key, code = bucket.flat_keys(bucket.separator)[rows], bucket.flat_keys((bucket.variable,))[rows]
    if bucket.gathered:
        order = np.lexsort((code, key))
        rows, key, code = rows[order], key[order], code[order]
    return Steps(rows, key.searchsorted(np.arange(keys + 1)), code)


def lay_out(
    form: NormalForm, order: Order, walk: tuple[int, ...], wanted: tuple[int, ...] | None = None
) -> Layout:
    """The layout of a normal form that is not empty; solutions are wanted in the order of the walk unless
    said otherwise."""
    made = buckets(form, order)
    return Layout(
        order, walk, wanted or walk, made, {variable: _allowed(bucket) for variable, bucket in made.items()}
    )


def _allowed(bucket: Bucket) -> NDArray[np.bool_]:
    allowed = np.ones((), np.bool_)
    for factor in sorted(map(bucket.spread, bucket.factors), key=np.size):
        allowed = allowed & factor
    return np.broadcast_to(allowed, bucket.shape)
