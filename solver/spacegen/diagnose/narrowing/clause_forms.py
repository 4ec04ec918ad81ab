"""Clauses written so that many of them compile together.

Failures of similar launches give clauses over a dozen parameters each, which differ only in a few: in sizes.
Written member by member, each clause would be a chain of running values of its own, and all chains would
cross. So the members that clauses share come first, in the same order, and the engine shares their running
values. The sizes, in which they differ, come last and as one condition, whose tables the engine unites.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import prod
from typing import Final

from spacegen.diagnose.narrowing.edit import Edit, condition
from spacegen.language.expr import Compare, Const, Expr, Or
from spacegen.language.model import Domain, identity

__all__ = ["conditions", "members"]

_PLAIN: Final = 2**16
"""Clauses over at most this many combinations stay as they are."""
_TOGETHER: Final = 2**20
"""The most combinations that the sizes may have together."""


def conditions(edits: Sequence[Edit], domains: Mapping[str, Domain]) -> tuple[Expr, ...]:
    """The clauses of the edits, each as an expression."""
    wide = [edit for edit in edits if _cells(edit.parameters, domains) > _PLAIN]
    if len(wide) < 2:
        return tuple(edit.condition(domains) for edit in edits)
    order = _order(wide, domains)
    sizes = _sizes(wide, domains)
    return tuple(
        _grouped(edit, domains, order, sizes) if edit in wide else edit.condition(domains) for edit in edits
    )


def members(expr: Expr) -> tuple[Expr, ...]:
    """The alternatives of a clause, however it is written."""
    match expr:
        case Or(items):
            return tuple(member for item in items for member in members(item))
        case Compare("==", Or() as inner, Const(True)):
            return members(inner)
        case _:
            return (expr,)


def _cells(names: Sequence[str], domains: Mapping[str, Domain]) -> int:
    return prod(len(domains[name]) for name in names)


def _order(edits: Sequence[Edit], domains: Mapping[str, Domain]) -> Mapping[str, int]:
    """The place of each parameter: those in most clauses come first."""
    times = Counter(name for edit in edits for name in edit.parameters)
    places = list(domains)
    found = sorted(times, key=lambda name: (-times[name], places.index(name)))
    return {name: place for place, name in enumerate(found)}


def _sizes(edits: Sequence[Edit], domains: Mapping[str, Domain]) -> frozenset[str]:
    """The parameters in which the clauses differ most, as many as fit into one table."""
    ways: dict[str, set[tuple[tuple[str, object], ...]]] = {}
    for edit in edits:
        for way in edit.ways:
            ways.setdefault(way.parameter, set()).add(tuple(map(identity, way.values)))
    found: list[str] = []
    for name in sorted(ways, key=lambda name: (-len(ways[name]), list(domains).index(name))):
        if len(ways[name]) > 1 and _cells([*found, name], domains) <= _TOGETHER:
            found.append(name)
    return frozenset(found)


def _grouped(
    edit: Edit, domains: Mapping[str, Domain], order: Mapping[str, int], sizes: frozenset[str]
) -> Expr:
    ways = sorted(edit.ways, key=lambda way: order[way.parameter])
    shared = [condition(way, domains[way.parameter]) for way in ways if way.parameter not in sizes]
    own = tuple(condition(way, domains[way.parameter]) for way in ways if way.parameter in sizes)
    if len(own) < 2:
        return Or((*shared, *own))
    # A comparison stays together where an `or` inside an `or` would not.
    together = Compare("==", Or(own), Const(True))
    return Or((*shared, together)) if shared else together
