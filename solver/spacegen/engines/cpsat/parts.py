"""A space in parts: live values after pruning, and the connected parts that can be solved on their own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.clauses import split
from spacegen.engines.cpsat.bounds import verdict
from spacegen.engines.protocol import Given
from spacegen.language.columns import Column, column, grid
from spacegen.language.evaluate import not_false
from spacegen.language.expr import AllDifferent, And, Compare, Const, Element, Expr
from spacegen.language.lowering import lower_all_different
from spacegen.language.model import Model
from spacegen.language.walk import scope, substitute

__all__ = ["Live", "Part", "clauses_of", "live_values", "parts", "prune"]

Live: TypeAlias = Mapping[str, NDArray[np.intp]]
"""Parameter name to the declared codes that it may take, ascending."""

_PRUNED: Final = 4096
"""Clauses with at most so many rows are tabulated to find values that none of them allows."""


@dataclass(frozen=True, eq=False)
class Part:
    """Parameters that share clauses, directly or through others, and have more than one live value."""

    model: Model
    names: tuple[str, ...]
    live: Live
    clauses: tuple[Expr, ...]

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """The live values."""
        return {n: column(self.model[n].domain.values).take(self.live[n]) for n in self.names}

    @cached_property
    def key(self) -> tuple[object, ...]:
        """Equal for parts with the same solutions by the same clauses."""
        # The text of a clause tells `true` from `1`, its equality does not.
        return self.names, tuple(self.live[name].tobytes() for name in self.names), repr(self.clauses)

    @cached_property
    def combinations(self) -> int:
        """How many assignments there are with or without the clauses."""
        return prod(len(self.live[name]) for name in self.names)


def clauses_of(model: Model) -> tuple[Expr, ...]:
    """The model's conditions as clauses; nodes that CP-SAT has a constraint for stay whole."""
    return tuple(clause for rule in model.conditions for clause in _clauses(rule.condition))


def _clauses(condition: Expr) -> Iterator[Expr]:
    match condition:
        case And(items):
            for item in items:
                yield from _clauses(item)
        case AllDifferent() | Element():
            yield condition
        case _:
            yield from split(condition)


def live_values(model: Model, given: Given) -> dict[str, NDArray[np.intp]]:
    """The codes that `given` leaves to each parameter."""
    return {
        p.name: np.unique(np.array(given.get(p.name, range(len(p.domain))), np.intp))
        for p in model.parameters
    }


class _Pruner:
    def __init__(self, model: Model, live: Live, rows: int) -> None:
        self.model = model
        self.live = dict(live)
        self.rows = rows
        self.dead = not all(map(len, live.values()))
        self.changed: set[str] = set()
        self._values: dict[str, Column] = {}

    def column(self, name: str) -> Column:
        if name not in self._values:
            # A domain with one float is a domain of floats, also when only its integers are left.
            self._values[name] = column(self.model[name].domain.values)
        return self._values[name].take(self.live[name])

    def fixed(self, clause: Expr, names: tuple[str, ...]) -> Expr:
        """The clause with decided parameters replaced by their values."""
        decided: dict[str, Expr] = {
            name: Const(self.column(name).values()[0]) for name in names if len(self.live[name]) == 1
        }
        return substitute(clause, decided) if decided else clause

    def filter(self, clause: Expr) -> Expr | None:
        """Takes away values that `clause` never allows; None once it can no longer fail."""
        clause = self.fixed(clause, scope(clause))
        names = scope(clause)
        shape = tuple(len(self.live[name]) for name in names)
        if len(names) > 1 and prod(shape) > self.rows:
            return self._wide(clause, names) if self.rows else clause
        columns = {name: self.column(name) for name in names}
        table = np.broadcast_to(not_false(clause, grid(names, columns)), shape)
        if table.all():
            return None
        self.dead = not table.any()
        for axis, name in enumerate(names):
            keep = table.any(axis=tuple(i for i in range(len(names)) if i != axis))
            if not keep.all():
                self.live[name] = self.live[name][keep]
                self.changed.add(name)
        return clause if len(names) > 1 else None

    def _wide(self, clause: Expr, names: tuple[str, ...]) -> Expr | None:
        """What bounds and decided items tell of a clause that is too wide to tabulate."""
        if isinstance(clause, AllDifferent):
            return self._all_different(clause)
        found = verdict(clause, {name: self.column(name) for name in names})
        self.dead = found is False
        return clause if found is None else None

    def _all_different(self, clause: AllDifferent) -> Expr:
        """Takes the decided items' values from the others."""
        decided = [item for item in clause.items if not scope(item)]
        others = tuple(item for item in clause.items if scope(item))
        for item in others if decided else ():
            if len(scope(item)) == 1 and not self.dead:
                self.filter(And(tuple(Compare("!=", item, value) for value in decided)))
        if not self.dead:
            self.dead = not not_false(lower_all_different(AllDifferent(tuple(decided))), {})
        return AllDifferent(others)


def prune(
    model: Model,
    live: Live,
    clauses: Iterable[Expr],
    *,
    rows: int = _PRUNED,
    changed: Collection[str] | None = None,
) -> tuple[Live, tuple[Expr, ...]] | None:
    """Live values and the clauses still open after removing values without support; None: no solution.

    `rows` is how wide a clause may be to be used; with 0 only clauses over one parameter are. `changed`
    are the parameters whose live values no longer are those that `clauses` were pruned for (None: all).
    """
    pruner = _Pruner(model, live, rows)
    pending: list[Expr | None] = list(clauses)
    scopes = [frozenset(scope(clause)) for clause in pending if clause is not None]
    dirty = [i for i, names in enumerate(scopes) if changed is None or not names.isdisjoint(changed)]
    while dirty:
        pruner.changed = set()
        for i in dirty:
            clause = pending[i]
            if clause is not None and not pruner.dead:
                pending[i] = pruner.filter(clause)
        dirty = [i for i, names in enumerate(scopes) if not names.isdisjoint(pruner.changed)]
    if pruner.dead:
        return None
    return pruner.live, tuple(clause for clause in pending if clause is not None)


def parts(
    model: Model, live: Live, clauses: tuple[Expr, ...], together: Iterable[Iterable[str]] = ()
) -> tuple[Part, ...]:
    """The connected parts by their first parameter, names in the order of `live`; decided parameters are
    in none. The names of each of `together` end up in one part."""
    group = {name: {name} for name in live if len(live[name]) > 1}
    scopes = [scope(clause) for clause in clauses]
    for names in (*scopes, *together):
        _unite(group, [name for name in names if name in group])
    found: list[Part] = []
    seen: set[str] = set()
    for name, members in group.items():
        if name in seen:
            continue
        seen |= members
        names = tuple(p for p in group if p in members)
        inside = {p: live[p] for p in names}
        own = tuple(c for c, mentioned in zip(clauses, scopes, strict=True) if mentioned[0] in members)
        found.append(Part(model, names, inside, own))
    return tuple(found)


def _unite(group: dict[str, set[str]], names: list[str]) -> None:
    for name in names[1:]:
        if group[name] is not group[names[0]]:
            group[names[0]] |= group[name]
            for other in group[name]:
                group[other] = group[names[0]]
