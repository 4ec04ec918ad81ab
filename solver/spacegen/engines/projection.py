"""The shadow of a space on some of its parameters: which of their values have a completion.

The other variables are eliminated from the relations one by one, those with the smallest joint table first
(bucket elimination, Dechter 1999, over Booleans).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce
from math import prod
from typing import Final

import numpy as np

from spacegen.engines.relation import AuxiliaryMap, NormalForm, Relation
from spacegen.errors import TooWideError
from spacegen.language.columns import Mask

__all__ = ["project"]

_MAX_CELLS: Final = 2**22


def project(form: NormalForm, onto: Iterable[int]) -> NormalForm:
    """A normal form over the parameters `onto`: their assignments that some solution has.

    Raises TooWideError where a joint table would have more than four million cells.
    """
    if form.empty:
        return form
    relations = [*form.relations, *(_relation(form, found) for found in form.maps)]
    hidden = {v for relation in relations for v in relation.scope} - set(onto)
    while hidden:
        variable = min(hidden, key=lambda v: (_cells(form, relations, v), v))
        hidden.remove(variable)
        touched = [r for r in relations if variable in r.scope]
        if not touched:
            continue
        relations = [r for r in relations if variable not in r.scope]
        shadow = _without(form, touched, variable)
        if not shadow.table.any():
            return replace(form, relations=(), maps=(), empty=True)
        if not shadow.table.all():
            relations.append(shadow)
    return replace(form, relations=tuple(relations), maps=())


def _relation(form: NormalForm, found: AuxiliaryMap) -> Relation:
    size = form.sizes[found.output]
    _check(found.codes.size * size)
    return _sorted((*found.inputs, found.output), found.codes[..., None] == np.arange(size))


def _sorted(scope: tuple[int, ...], table: Mask) -> Relation:
    order = sorted(range(len(scope)), key=scope.__getitem__)
    return Relation(tuple(scope[i] for i in order), table.transpose(order))


def _union(relations: Iterable[Relation]) -> tuple[int, ...]:
    return tuple(sorted({v for relation in relations for v in relation.scope}))


def _cells(form: NormalForm, relations: list[Relation], variable: int) -> int:
    return prod(form.sizes[v] for v in _union(r for r in relations if variable in r.scope))


def _check(cells: int) -> None:
    if cells > _MAX_CELLS:
        raise TooWideError(f"a joint table would have {cells:,} cells")


def _without(form: NormalForm, touched: list[Relation], variable: int) -> Relation:
    """The joint relation of all that touch a variable, which is then left out."""
    scope = _union(touched)
    _check(prod(form.sizes[v] for v in scope))
    tables = (r.table.reshape(tuple(form.sizes[v] if v in r.scope else 1 for v in scope)) for r in touched)
    joint = np.broadcast_to(reduce(np.logical_and, tables), tuple(form.sizes[v] for v in scope))
    shadow = np.asarray(joint.any(axis=scope.index(variable)))
    return Relation(tuple(v for v in scope if v != variable), shadow)
