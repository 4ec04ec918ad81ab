"""The normal form of a space: live values, and truth tables over few variables each.

Conditions are split into clauses; clauses over one parameter become masks of its domain; parameters with
a single live value drop out of every scope; the rest become tables by one vectorised evaluation each, and
tables whose scope lies inside another's are merged into it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.chain import Chain
from spacegen.engines.clauses import split
from spacegen.language.columns import Column, Mask, column, grid
from spacegen.language.evaluate import not_false
from spacegen.language.expr import Expr
from spacegen.language.model import Model
from spacegen.language.walk import scope

__all__ = ["AuxiliaryMap", "NormalForm", "Relation", "normalise"]

Variables: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Relation:
    """A truth table: one axis a variable of `scope` (ascending), along that variable's live values."""

    scope: Variables
    table: Mask


@dataclass(frozen=True, slots=True, eq=False)
class AuxiliaryMap:
    """Variable `output` as a function of `inputs`: its code, one axis an input."""

    inputs: Variables
    output: int
    codes: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class NormalForm:
    """The parameters of `model` come first among the variables, auxiliary ones follow.

    `live[i]` are the declared codes that parameter i may take, ascending; `sizes` counts live values. An
    `empty` space has no solution, and then neither relations nor maps. `columns` are the live values.
    """

    model: Model
    live: tuple[NDArray[np.intp], ...]
    sizes: tuple[int, ...]
    relations: tuple[Relation, ...]
    maps: tuple[AuxiliaryMap, ...]
    empty: bool
    chain: Chain

    def variable(self, name: str) -> int:
        """The number of a parameter or an auxiliary variable."""
        position = self.model.index.get(name)
        return len(self.model.parameters) + int(name[1:]) if position is None else position


def live_columns(model: Model, live: Sequence[NDArray[np.intp]]) -> dict[str, Column]:
    """The live values of each parameter as a column."""
    return {
        p.name: column([p.domain.values[code] for code in codes])
        for p, codes in zip(model.parameters, live, strict=True)
    }


def normalise(model: Model) -> NormalForm:
    """The normal form of a space; raises TooWideError where a rule cannot be tabulated."""
    clauses = [clause for rule in model.conditions for clause in split(rule.condition)]
    open_clauses = [clause for clause in clauses if scope(clause)]
    live, wider = _apply_unary(model, open_clauses)
    chain = Chain(live_columns(model, live))
    form = NormalForm(model, live, tuple(map(len, live)), (), (), True, chain)
    constant_clauses = [clause for clause in clauses if not scope(clause)]
    if not all(form.sizes) or not all(not_false(clause, {}) for clause in constant_clauses):
        return form
    narrowed = [chain.narrow(clause) for clause in wider]
    relations = _merge(_tabulate(form, clause) for clause in narrowed)
    if relations is None:
        return form
    maps = tuple(
        AuxiliaryMap(tuple(map(form.variable, d.inputs)), form.variable(d.name), d.codes)
        for d in chain.definitions
    )
    sizes = tuple(len(c.data) for c in chain.columns.values())
    return NormalForm(model, live, sizes, relations, maps, False, chain)


def _apply_unary(model: Model, clauses: list[Expr]) -> tuple[tuple[NDArray[np.intp], ...], list[Expr]]:
    """Domains narrowed by every clause that mentions at most one undecided parameter, and the others."""
    values = {p.name: column(p.domain.values) for p in model.parameters}
    live = {p.name: np.arange(len(p.domain)) for p in model.parameters}
    columns = dict(values)
    pending = [(clause, scope(clause)) for clause in clauses]
    settled = -1
    while settled != len(pending):
        settled = len(pending)
        wider: list[tuple[Expr, tuple[str, ...]]] = []
        for clause, names in pending:
            free = [name for name in names if len(live[name]) > 1]
            if len(free) > 1:
                wider.append((clause, names))
                continue
            # A clause whose parameters are all decided may still be false: any of them then dies.
            name = free[0] if free else names[0]
            keep = np.broadcast_to(not_false(clause, columns), live[name].shape)
            if keep.all():
                continue
            live[name] = live[name][keep]
            columns[name] = values[name].take(live[name])
            if not keep.any():
                return tuple(live.values()), []
        pending = wider
    return tuple(live.values()), [clause for clause, _ in pending]


def _tabulate(form: NormalForm, clause: Expr) -> Relation:
    names = sorted(scope(clause), key=form.variable)
    free = tuple(name for name in names if len(form.chain.columns[name].data) > 1)
    env = {name: form.chain.columns[name].reshape(()) for name in names if name not in free}
    env |= grid(free, form.chain.columns)
    shape = tuple(len(form.chain.columns[name].data) for name in free)
    return Relation(tuple(map(form.variable, free)), np.broadcast_to(not_false(clause, env), shape))


def _merge(relations: Iterable[Relation]) -> tuple[Relation, ...] | None:
    """Tables with equal or nested scopes united, those that are always true dropped; None: never true."""
    widest: list[Relation] = []
    for relation in sorted(relations, key=lambda r: (-len(r.scope), r.scope)):
        if relation.table.all():
            continue
        if not relation.table.any():
            return None
        for i, host in enumerate(widest):
            if set(relation.scope) <= set(host.scope):
                widest[i] = Relation(host.scope, host.table & _along(relation, host.scope))
                break
        else:
            widest.append(relation)
    return None if any(not r.table.any() for r in widest) else tuple(widest)


def _along(relation: Relation, axes: Variables) -> Mask:
    """The table with an axis of length 1 for each of `axes` that it lacks."""
    sizes = dict(zip(relation.scope, relation.table.shape, strict=True))
    return relation.table.reshape(tuple(sizes.get(axis, 1) for axis in axes))
