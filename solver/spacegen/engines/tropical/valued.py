"""Costs of values that span too many parameters for a table: each becomes an auxiliary variable of the join
tree, made of running values, and the cost is a table over its distinct values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.blocks import Block, code_dtype
from spacegen.engines.bucket import Factor
from spacegen.engines.chain import Chain
from spacegen.engines.costs import Cost
from spacegen.engines.orders import best_order
from spacegen.engines.relation import AuxiliaryMap, NormalForm
from spacegen.engines.tropical.costing import Pricing
from spacegen.engines.tropical.layout import Layout, lay_out
from spacegen.engines.tropical.sums import CostTree, priced
from spacegen.errors import TooWideError
from spacegen.language.columns import Column
from spacegen.language.evaluate import evaluate
from spacegen.language.expr import Expr, Ref

__all__ = ["Valued", "with_values"]

_NARROW: Final = 2**10
"""Up to so many rows an expression is one step."""


@dataclass(frozen=True, eq=False)
class Valued:
    """Expressions as variables of a join tree. `columns[i]` has the distinct values of expression i; a value
    that never changes has one. `walk` has the undecided parameters in canonical order."""

    pricing: Pricing
    form: NormalForm
    layout: Layout
    walk: tuple[int, ...]
    variables: tuple[int | None, ...]
    columns: tuple[Column, ...]

    def best(self, tables: Sequence[NDArray[Any]], costs: Sequence[Cost], n: int) -> Block:
        """The `n` solutions for which the sum of what `tables[i]` has for value i, and of the costs, is
        least, by this sum, then in canonical order: a best-first walk, in which the tree knows what each
        prefix will cost (Hart, Nilsson and Raphael 1968). Each cost is over one parameter."""
        tree = self._priced(tables, costs)
        waiting: list[tuple[int, tuple[int, ...]]] = [(tree.least, ())] if tree.least < tree.never else []
        found: list[tuple[int, ...]] = []
        while waiting and len(found) < n:
            _, prefix = heappop(waiting)
            if len(prefix) == len(self.walk):
                found.append(prefix)
                continue
            masks = {v: self._only(v, code) for v, code in zip(self.walk, prefix, strict=False)}
            following = tree.conditioned(masks).by_value()[self.walk[len(prefix)]]
            for code, cost in enumerate(following.tolist()):
                if cost < tree.never:
                    heappush(waiting, (cost, (*prefix, code)))
        return self._block(found)

    def _priced(self, tables: Sequence[NDArray[Any]], costs: Sequence[Cost]) -> CostTree:
        factors = [
            Factor((variable,), table - int(table.min()))
            for variable, table in zip(self.variables, tables, strict=True)
            if variable is not None and len(table) > 1
        ]
        found = map(self.pricing.live_table, costs)
        factors += [Factor(scope, table - int(table.min())) for scope, table in found if scope]
        return priced(self.layout, factors)

    def _only(self, variable: int, code: int) -> NDArray[np.bool_]:
        return np.asarray(np.arange(self.form.sizes[variable]) == code)

    def _block(self, rows: list[tuple[int, ...]]) -> Block:
        decided = np.array(rows, np.intp).reshape(len(rows), len(self.walk))
        codes = dict(zip(self.walk, decided.T, strict=True))
        columns = (
            live[codes.get(i, np.zeros(len(rows), np.intp))].astype(code_dtype(p.domain))
            for i, (p, live) in enumerate(zip(self.form.model.parameters, self.form.live, strict=True))
        )
        return Block(tuple(columns), len(rows))


def with_values(pricing: Pricing, exprs: Sequence[Expr]) -> Valued:
    """The expressions as variables beside those of the space. Raises TooWideError."""
    form = pricing.form
    chain = Chain(dict(form.chain.columns), list(form.chain.definitions), _NARROW)
    states = [chain.state(expr) for expr in exprs]
    maps = tuple(
        AuxiliaryMap(tuple(map(form.variable, d.inputs)), form.variable(d.name), d.codes)
        for d in chain.definitions
    )
    sizes = tuple(len(column.data) for column in chain.columns.values())
    wider = NormalForm(form.model, form.live, sizes, form.relations, maps, form.empty, chain)
    variables = tuple(form.variable(state.name) if isinstance(state, Ref) else None for state in states)
    order = best_order(wider, [(v,) for v in variables if v is not None])
    if order.largest > pricing.most:
        raise TooWideError(f"the values take too wide a cluster: {order.largest:,} rows")
    walk = tuple(v for v in pricing.order.preorder if v < len(form.live) and sizes[v] > 1)
    columns = tuple(
        chain.columns[state.name] if isinstance(state, Ref) else evaluate(state, {}).reshape((1,))
        for state in states
    )
    return Valued(pricing, wider, lay_out(wider, order, order.preorder), walk, variables, columns)
