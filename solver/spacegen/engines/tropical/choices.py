"""What the cheapest solutions have for some parameters, as independent parts.

The space is narrowed to the values of the cheapest solutions, which leaves few open variables that mostly
have nothing to do with each other. The others of each part are eliminated before those that are asked about,
so a walk over these alone meets each of their assignments once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.bucket import Factor
from spacegen.engines.costs import Choices
from spacegen.engines.orders import order_along
from spacegen.engines.relation import AuxiliaryMap, NormalForm, Relation
from spacegen.engines.tropical.layout import lay_out
from spacegen.engines.tropical.sums import CostTree, priced
from spacegen.engines.tropical.walk import listed

__all__ = ["choices"]

_LARGEST: Final = 2**22
"""The most rows of a cluster."""


def choices(
    form: NormalForm, factors: Sequence[Factor], tree: CostTree, names: tuple[str, ...], most: int
) -> tuple[Choices, ...] | None:
    """The choices that the cheapest solutions of `tree` leave to the parameters `names`; None where a part
    has more than `most`, or cannot be listed."""
    by_value = tree.by_value()
    kept = [np.flatnonzero(by_value[v] == tree.least) for v in range(len(form.sizes))]
    narrow = _narrowed(form, kept)
    costs = [_cut(factor, kept) for factor in factors]
    asked = sorted(form.model.index[name] for name in names)
    found = _settled(form, [v for v in asked if len(kept[v]) == 1], kept)
    parts = [part for part in _parts(narrow, [cost.scope for cost in costs]) if len(kept[part[0]]) > 1]
    orders = [[*(v for v in part if v in asked), *(v for v in part if v not in asked)] for part in parts]
    rest = (v for v in range(len(kept)) if len(kept[v]) == 1)
    walk = (*(v for part in orders for v in part), *rest)
    order = order_along(narrow, walk, [cost.scope for cost in costs])
    if order.largest > _LARGEST:
        return None
    small = priced(lay_out(narrow, order, order.preorder), [c for c in costs if c.scope])
    for part in orders:
        walk = tuple(v for v in part if v in asked)
        if not walk:
            continue
        rows = listed(small, 0, walk, most)
        if rows is None:
            return None
        live = [form.live[v][kept[v]][column] for v, column in zip(walk, rows.codes, strict=True)]
        found.append(_sorted(tuple(form.model.parameters[v].name for v in walk), live))
    return tuple(found)


def _settled(form: NormalForm, variables: list[int], kept: Sequence[NDArray[np.intp]]) -> list[Choices]:
    """The parameters that have the same value in all of them, as one part."""
    if not variables:
        return []
    row = [int(form.live[v][kept[v][0]]) for v in variables]
    return [Choices(tuple(form.model.parameters[v].name for v in variables), np.array([row], np.intp))]


def _sorted(names: tuple[str, ...], columns: list[NDArray[np.intp]]) -> Choices:
    rows = np.array(columns).T
    return Choices(names, rows[np.lexsort(rows.T[::-1])])


def _narrowed(form: NormalForm, kept: Sequence[NDArray[np.intp]]) -> NormalForm:
    """The form over some of the live values; what has one value left drops out of every scope."""
    sizes = tuple(map(len, kept))
    relations = [_cut(Factor(r.scope, r.table), kept) for r in form.relations]
    maps = []
    for auxiliary in form.maps:
        cut = _cut(Factor(auxiliary.inputs, auxiliary.codes), kept)
        place = np.full(form.sizes[auxiliary.output], -1)
        place[kept[auxiliary.output]] = np.arange(sizes[auxiliary.output])
        codes = place[cut.weights]
        relations.append(Factor(cut.scope, codes >= 0))
        if sizes[auxiliary.output] > 1:
            maps.append(AuxiliaryMap(cut.scope, auxiliary.output, np.maximum(codes, 0)))
    told = tuple(Relation(r.scope, r.weights) for r in relations if not r.weights.all())
    return replace(form, sizes=sizes, relations=told, maps=tuple(maps))


def _cut(factor: Factor, kept: Sequence[NDArray[np.intp]]) -> Factor:
    table = factor.weights[np.ix_(*(kept[v] for v in factor.scope))]
    scope = tuple(v for v in factor.scope if len(kept[v]) > 1)
    return Factor(scope, table.reshape(tuple(len(kept[v]) for v in scope)))


def _parts(form: NormalForm, scopes: Sequence[tuple[int, ...]]) -> list[list[int]]:
    """The variables in groups that no relation, map or cost connects."""
    group = {v: {v} for v in range(len(form.sizes))}
    maps = ((*m.inputs, m.output) for m in form.maps)
    for scope in (*(r.scope for r in form.relations), *maps, *scopes):
        united = set().union(*(group[v] for v in scope))
        group |= dict.fromkeys(united, united)
    seen: dict[int, list[int]] = {}
    for members in group.values():
        seen.setdefault(min(members), sorted(members))
    return list(seen.values())
