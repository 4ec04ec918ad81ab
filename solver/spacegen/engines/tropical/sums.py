"""Min-plus elimination: the least cost of everything below a bucket, by message passing in the tropical
semiring (Dechter 1999); after it, each row's gap is what choosing it costs more than the best choice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np

from spacegen.engines.bucket import Factor, Weights
from spacegen.engines.tree import LiveMasks
from spacegen.engines.tropical.layout import Layout

__all__ = ["CostTree", "priced"]

_INT64: Final = 2**62


@dataclass(frozen=True, eq=False)
class CostTree:
    """Costs added up over a layout. All costs are at least 0, those of solutions below `never`; `rows[v]` has
    the cost of each row of v's bucket with the best of what lies below it (`never` or more: impossible), and
    `messages[v]` the least of them for each separator."""

    layout: Layout
    terms: Mapping[int, tuple[Factor, ...]]
    never: int
    dtype: np.dtype[Any]
    rows: Mapping[int, Weights]
    messages: Mapping[int, Weights]
    _gaps: dict[int, Weights] = field(default_factory=dict)

    @cached_property
    def least(self) -> int:
        """The cost of the cheapest solutions; `never` or more where there is none."""
        return sum(int(self.messages[root]) for root in self.layout.order.roots)

    def gap(self, variable: int) -> Weights:
        """For each row of the variable's bucket, by flat index, how much more it costs than the best one with
        the same separator; `never` where it is impossible."""
        if variable not in self._gaps:
            bucket, rows = self.layout.buckets[variable], self.rows[variable]
            best = bucket.spread(Factor(bucket.separator, self.messages[variable]))
            self._gaps[variable] = np.where(
                rows >= self.never, np.array(self.never, self.dtype), rows - best
            ).reshape(-1)
        return self._gaps[variable]

    def conditioned(self, masks: LiveMasks) -> CostTree:
        """The tree with values struck out; only buckets from their variables up to the root are redone.
        (A tree that was conditioned already forgets the earlier masks there.)"""
        if not masks:
            return self
        order = self.layout.order
        touched: list[int] = []
        for variable in order.eliminated:
            if variable in masks or not set(touched).isdisjoint(order.children[variable]):
                touched.append(variable)
        return self._filled(touched, masks)

    def _filled(self, variables: Iterable[int], masks: LiveMasks) -> CostTree:
        """Makes rows and messages of these variables, children before parents."""
        rows, messages = dict(self.rows), dict(self.messages)
        order, zero, never = self.layout.order, np.array(0, self.dtype), np.array(self.never, self.dtype)
        for variable in variables:
            bucket = self.layout.buckets[variable]
            total: Weights = np.where(self.layout.allowed[variable], zero, never)
            below = (Factor(order.separator[child], messages[child]) for child in order.children[variable])
            for addend in (*self.terms.get(variable, ()), *below):
                total = total + bucket.spread(addend)
            if variable in masks:
                total = total + np.where(masks[variable], zero, never)
            rows[variable] = total
            messages[variable] = bucket.lowest(total, bucket.separator, self.never)
        return CostTree(self.layout, self.terms, self.never, self.dtype, rows, messages)

    def by_value(self) -> dict[int, Weights]:
        """For each variable and live code, the least cost of the solutions that have it; `never` or more
        where there is none."""
        order = self.layout.order
        beyond: dict[int, Weights] = {}
        for root in order.roots:
            others = min(self.least - int(self.messages[root]), self.never)
            beyond[root] = np.array(others, self.dtype)
        found: dict[int, Weights] = {}
        for variable in reversed(order.eliminated):
            bucket = self.layout.buckets[variable]
            total = self.rows[variable] + bucket.spread(Factor(bucket.separator, beyond.pop(variable)))
            found[variable] = bucket.lowest(total, (variable,), self.never)
            for child in order.children[variable]:
                scope = order.separator[child]
                own = bucket.spread(Factor(scope, self.messages[child]))
                beyond[child] = bucket.lowest(total - own, scope, self.never)
        return found


def priced(layout: Layout, factors: Sequence[Factor]) -> CostTree:
    """The cost tree of factors that are at least 0 each."""
    order = layout.order
    terms: dict[int, tuple[Factor, ...]] = {}
    for factor in factors:
        home = layout.home(factor.scope)
        terms[home] = (*terms.get(home, ()), factor)
    never = 1 + sum(int(factor.weights.max()) for factor in factors)
    most = max((len(order.children[v]) + len(terms.get(v, ())) for v in order.eliminated), default=0)
    # A row adds up an entry of `never` or less for each addend, its bucket, its mask and what lies beyond.
    dtype = np.dtype(np.int64 if never * (most + 4) < _INT64 else np.object_)
    typed = {
        variable: tuple(Factor(f.scope, f.weights.astype(dtype, copy=False)) for f in found)
        for variable, found in terms.items()
    }
    return CostTree(layout, typed, never, dtype, {}, {})._filled(order.eliminated, {})
