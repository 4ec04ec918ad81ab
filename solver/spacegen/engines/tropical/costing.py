"""Costs on the join tree: which layout takes them, and the answers as codes and totals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.blocks import Block, code_dtype
from spacegen.engines.bucket import Factor
from spacegen.engines.canonical import Order
from spacegen.engines.costs import Choices, Cost, Ranking
from spacegen.engines.orders import best_order, order_along
from spacegen.engines.relation import NormalForm
from spacegen.engines.tree import LiveMasks, Tree, grow
from spacegen.engines.tropical.choices import choices
from spacegen.engines.tropical.layout import Layout, lay_out
from spacegen.engines.tropical.sums import CostTree, priced
from spacegen.engines.tropical.tally import tally
from spacegen.engines.tropical.walk import Prefixes, best, listed, within
from spacegen.errors import EngineError, Fault

__all__ = ["Pricing", "TreeCosts"]

_LISTED: Final = 10**7
"""Solutions that are counted one by one where there are too many different costs."""

_SORTED: Final = 10**6
"""Solutions that are put in order after they were found."""


@dataclass(eq=False)
class Pricing:
    """Costs over one normal form. `order` is the canonical one, by which solutions of equal cost go."""

    form: NormalForm
    order: Order
    most: int
    """The most rows of a cluster."""

    def __post_init__(self) -> None:
        self._layouts: dict[frozenset[tuple[int, ...]], Layout] = {}
        self._last: tuple[tuple[Cost, ...], TreeCosts] | None = None

    def costed(self, costs: Sequence[Cost], masks: LiveMasks | None) -> TreeCosts:
        """The costs under masks of the live values; None where they leave some parameter nothing.

        Raises EngineError where a part's parameters are too many for one cluster.
        """
        if masks is None or self.form.empty:
            return TreeCosts(self.form, (), 0, None)
        asked = tuple(costs)
        if self._last is None or len(self._last[0]) != len(asked) or any(map(_differ, self._last[0], asked)):
            self._last = asked, self._priced(asked)
        found = self._last[1]
        assert found.tree is not None, "the form has rows"
        return replace(found, tree=found.tree.conditioned(masks)) if masks else found

    def _priced(self, costs: tuple[Cost, ...]) -> TreeCosts:
        constant = 0
        factors = []
        for cost in costs:
            scope, table = self.live_table(cost)
            low = int(table.min())
            exact = table if int(table.max()) - low < 2**62 else table.astype(np.object_)
            constant += low
            if scope:
                factors.append(Factor(scope, exact - low))
        layout = self._layout(factors)
        return TreeCosts(self.form, tuple(factors), constant, priced(layout, factors))

    def live_table(self, cost: Cost) -> tuple[tuple[int, ...], NDArray[Any]]:
        """The undecided variables of a cost and its table over their live values."""
        variables = tuple(self.form.model.index[name] for name in cost.scope)
        self._check(prod(self.form.sizes[v] for v in variables), len(variables))
        table = cost.table[np.ix_(*(self.form.live[v] for v in variables))]
        free = tuple(v for v in variables if self.form.sizes[v] > 1)
        return free, table.reshape(tuple(self.form.sizes[v] for v in free))

    def _check(self, rows: int, parameters: int) -> None:
        if rows > self.most:
            message = f"costs over {parameters} parameters take too wide a table: {rows:,} rows"
            raise EngineError(Fault(message, hint="`--engine cpsat` may take them"))

    def _layout(self, factors: Sequence[Factor]) -> Layout:
        place = {variable: i for i, variable in enumerate(self.order.eliminated)}
        homes = ((min(f.scope, key=place.__getitem__), f.scope) for f in factors)
        foreign = frozenset(s for v, s in homes if not {v, *self.order.separator[v]}.issuperset(s))
        if foreign not in self._layouts:
            wanted = self.order.preorder
            order = order_along(self.form, wanted, sorted(foreign)) if foreign else self.order
            walk = wanted
            if order.largest > self.most:
                # Another order may be narrower; solutions are then sorted.
                order = best_order(self.form, sorted(foreign))
                walk = order.preorder
            self._check(order.largest, max(map(len, foreign), default=1))
            self._layouts[foreign] = lay_out(self.form, order, walk, wanted)
        return self._layouts[foreign]


def _differ(a: Cost, b: Cost) -> bool:
    return a is not b


@dataclass(frozen=True, eq=False)
class TreeCosts:
    """The answers of one cost tree, to which `constant` is added; no tree: no solution."""

    form: NormalForm
    factors: tuple[Factor, ...]
    constant: int
    tree: CostTree | None

    @cached_property
    def _possible(self) -> CostTree | None:
        return self.tree if self.tree is not None and self.tree.least < self.tree.never else None

    def least(self) -> int | None:
        tree = self._possible
        return None if tree is None else tree.least + self.constant

    def best(self, n: int) -> Ranking:
        tree = self._possible
        if tree is None or n <= 0:
            return Ranking(Block.concatenate(self.form.model, []), np.empty(0, np.int64))
        found = best(tree, n, tree.layout.walk)
        if tree.layout.walk != tree.layout.wanted:
            found = self._sorted(tree, max(found.extra.tolist()))
        found = found.rows(np.argsort(found.extra, kind="stable")[:n])
        costs = found.extra.astype(np.object_) + (tree.least + self.constant)
        return Ranking(self._block(found), costs)

    def within(self, limit: int, *, rows: int = 65536) -> Iterator[Block]:
        tree = self._possible
        if tree is None or (extra := self._extra(tree, limit)) < 0:
            return
        if tree.layout.walk == tree.layout.wanted:
            yield from map(self._block, within(tree, extra, tree.layout.walk, rows))
        else:
            found = self._sorted(tree, extra)
            for start in range(0, len(found), rows):
                yield self._block(found.rows(slice(start, start + rows)))

    @staticmethod
    def _sorted(tree: CostTree, extra: int) -> Prefixes:
        """The solutions within `extra` in the order in which they are wanted, not in that of the walk."""
        found = listed(tree, extra, tree.layout.walk, _SORTED)
        if found is None:
            message = f"more than {_SORTED:,} solutions would have to be put in canonical order"
            raise EngineError(Fault(message, hint="a lower limit, or costs over fewer parameters"))
        level = tree.layout.level
        return found.rows(np.lexsort([found.codes[level[v]] for v in reversed(tree.layout.wanted)]))

    def _extra(self, tree: CostTree, limit: int) -> int:
        """How much more than the cheapest solution one may cost."""
        return min(limit - tree.least - self.constant, tree.never - 1)

    def _block(self, found: Prefixes) -> Block:
        assert self.tree is not None, "there are solutions"
        level = self.tree.layout.level
        columns = zip(self.form.model.parameters, self.form.live, strict=True)
        codes = tuple(
            live.astype(code_dtype(p.domain))[found.codes[level[i]]] for i, (p, live) in enumerate(columns)
        )
        return Block(codes, len(found))

    @cached_property
    def _tight(self) -> tuple[Tree, ...]:
        """Trees of the cheapest solutions alone."""
        tree = self._possible
        assert tree is not None, "there are solutions"
        found = {}
        for variable, bucket in tree.layout.buckets.items():
            tight = (tree.gap(variable) == 0).reshape(bucket.shape)
            found[variable] = replace(bucket, factors=(Factor(bucket.axes, tight),))
        return grow(tree.layout.order, found)

    def count_cheapest(self) -> int:
        return 0 if self._possible is None else prod(tree.total for tree in self._tight)

    def count_within(self, limit: int) -> int:
        tree = self._possible
        if tree is None:
            return 0
        found = tally(tree, self._extra(tree, limit))
        return self._listed(limit) if found is None else found

    def _listed(self, limit: int) -> int:
        found = 0
        for block in self.within(limit):
            found += len(block)
            if found > _LISTED:
                message = f"more than {_LISTED:,} solutions cost at most {limit:,}, in too many ways to count"
                raise EngineError(Fault(message, hint="a lower limit, or costs of smaller numbers"))
        return found

    def least_by_value(self) -> tuple[tuple[int | None, ...], ...]:
        found: list[list[int | None]] = [[None] * len(p.domain) for p in self.form.model.parameters]
        tree = self._possible
        by_value = tree.by_value() if tree is not None else {}
        for i, codes in enumerate(self.form.live if tree is not None else ()):
            for code, cost in zip(codes.tolist(), by_value[i].tolist(), strict=True):
                if tree is not None and cost < tree.never:
                    found[i][code] = cost + self.constant
        return tuple(map(tuple, found))

    def cheapest(self, names: Iterable[str], most: int) -> tuple[Choices, ...] | None:
        asked = tuple(names)
        tree = self._possible
        if tree is None:
            return (Choices(asked, np.empty((0, len(asked)), np.intp)),)
        return choices(self.form, self.factors, tree, asked, most)
