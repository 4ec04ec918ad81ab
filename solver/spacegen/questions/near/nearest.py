"""The nearest solution to a config, how many are equally near, and the menus they are chosen from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from spacegen.engines.costs import Choices, Costed
from spacegen.engines.protocol import ANYTHING, Block, Engine, Given
from spacegen.language.expr import Scalar
from spacegen.questions.near.distance import Distance
from spacegen.questions.near.menus import Menu, factors

__all__ = ["Nearest", "Ways", "nearest", "ways"]

_LISTED: Final = 100_000
"""The most rows of a menu before it is cut up."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """The nearest solution as a block of one row, by what its changes weigh and how far they move."""

    block: Block
    weight: int

    def values(self, distance: Distance) -> dict[str, Scalar]:
        """The solution as values by parameter."""
        columns = zip(distance.model.parameters, self.block.columns, strict=True)
        return {p.name: p.domain[int(column[0])] for p, column in columns}


def nearest(engine: Engine, distance: Distance, given: Given = ANYTHING) -> Nearest | None:
    """The solution with the least changes, then the least movement, then most free parameters at their
    defaults, then the first in canonical order; None where no solution agrees with `given`."""
    found = engine.costed(distance.costs, given).best(1).block
    return Nearest(found, int(distance.weight_of(found)[0])) if len(found) else None


@dataclass(frozen=True, slots=True)
class Ways:
    """The assignments of the named parameters with the least changes: `count` of them (`at_least`: more than
    could be counted), as a product of menus. `is_product` is False where they are too many to tell: the
    menus then have the values that occur."""

    count: int
    menus: tuple[Menu, ...]
    is_product: bool = True
    at_least: bool = False


def ways(engine: Engine, distance: Distance, given: Given = ANYTHING) -> Ways:
    """The ways to make a solution with the least changes."""
    costed = engine.costed(distance.changes, given)
    parts = costed.cheapest(distance.named, _LISTED)
    if parts is None:
        return _too_many(costed, distance)
    count = 1
    menus = []
    for part in parts:
        count *= len(part.rows)
        menus += [menu for factor in factors(part) if (menu := _menu(distance, factor)) is not None]
    return Ways(count, _in_order(distance, menus) if count else ())


def _menu(distance: Distance, factor: Choices) -> Menu | None:
    """The options by how far they move, then in the order of the domains; None where nothing changes."""
    tables = [(distance.changed(name), distance.moved(name)) for name in factor.names]
    if len(factor.rows) == 0:
        return None
    columns = factor.rows.T
    changed = np.array([table[column] for (table, _), column in zip(tables, columns, strict=True)])
    if not changed.any():
        return None
    moved = sum(table[column] for (_, table), column in zip(tables, columns, strict=True))
    order = np.argsort(np.asarray(moved), kind="stable")
    domains = [distance.model[name].domain for name in factor.names]
    options = tuple(
        {
            name: domain[code]
            for name, domain, code, differs in zip(
                factor.names, domains, factor.rows[i].tolist(), changed[:, i], strict=True
            )
            if differs
        }
        for i in order.tolist()
    )
    return Menu(factor.names, options)


def _too_many(costed: Costed, distance: Distance) -> Ways:
    least = costed.least()
    by_value = dict(zip(distance.model.index, costed.least_by_value(), strict=True))
    menus = []
    most = 1
    for name in distance.named:
        codes = [code for code, cost in enumerate(by_value[name]) if cost is not None and cost == least]
        most = max(most, len(codes))
        menu = _menu(distance, Choices((name,), np.array(codes, np.intp).reshape(-1, 1)))
        menus += [] if menu is None else [menu]
    if len(distance.named) == len(distance.model.parameters):
        return Ways(costed.count_cheapest(), tuple(menus), is_product=False)
    # What is left open multiplies the solutions; but each value of a parameter is a way of its own.
    return Ways(most, tuple(menus), is_product=False, at_least=True)


def _in_order(distance: Distance, menus: Iterable[Menu]) -> tuple[Menu, ...]:
    return tuple(sorted(menus, key=lambda menu: distance.model.index[menu.parameters[0]]))
