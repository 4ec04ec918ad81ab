"""Verdicts on many assignments at once: a few table lookups a row, no search."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.protocol import Block
from spacegen.engines.relation import NormalForm, normalise
from spacegen.language.columns import Mask, column
from spacegen.language.evaluate import not_false
from spacegen.language.model import Model, Rule
from spacegen.language.walk import scope

__all__ = ["Acceptor", "accepts", "keeps"]

_CHUNK: Final = 2**15
_MAX_TABLE: Final = 2**16


@dataclass(frozen=True, slots=True, eq=False)
class _Lookup:
    """A flat truth table over the declared codes of some parameters, with their strides."""

    parameters: tuple[int, ...]
    strides: tuple[int, ...]
    table: Mask

    def __call__(self, columns: list[NDArray[Any]]) -> Mask:
        index = np.min_scalar_type(len(self.table) - 1)
        place: Any = columns[self.parameters[0]]
        if len(self.parameters) > 1:
            place = place.astype(index) * index.type(self.strides[0])
            for parameter, stride in zip(self.parameters[1:], self.strides[1:], strict=True):
                code = columns[parameter]
                place += code if stride == 1 else code.astype(index) * index.type(stride)
        verdict: Mask = self.table.take(place)
        return verdict


class Acceptor:
    """Which rows of a block are solutions. Compiled once a space; rows in, Boolean mask out."""

    def __init__(self, form: NormalForm) -> None:
        self._form = form
        self._lookups = tuple(_lookups(form))

    def accepts(self, block: Block) -> Mask:
        """A mask of the rows that keep every rule, shape (length,)."""
        result = np.empty(len(block), np.bool_)
        for start in range(0, len(block), _CHUNK):
            columns = [column[start : start + _CHUNK] for column in block.columns]
            result[start : start + _CHUNK] = self._chunk(columns, min(_CHUNK, len(block) - start))
        return result

    def _chunk(self, columns: list[NDArray[Any]], size: int) -> Mask:
        if self._form.empty:
            return np.zeros(size, np.bool_)
        verdict = np.ones(size, np.bool_)
        for lookup in self._lookups:
            verdict &= lookup(columns)
        if self._form.maps:
            verdict &= self._chains(columns, verdict)
        return verdict

    def _chains(self, columns: list[NDArray[Any]], verdict: Mask) -> Mask:
        """The relations over auxiliary variables, which only rows without dead values can follow."""
        codes: dict[int, NDArray[Any]] = {}
        for variable, live in enumerate(self._form.live):
            place = np.zeros(len(self._form.model.parameters[variable].domain), np.intp)
            place[live] = np.arange(len(live))
            codes[variable] = place[columns[variable]]
        for auxiliary in self._form.maps:
            codes[auxiliary.output] = auxiliary.codes[tuple(codes[v] for v in auxiliary.inputs)]
        for relation in self._form.relations:
            if relation.scope[-1] >= len(self._form.live):
                verdict = verdict & relation.table[tuple(codes[v] for v in relation.scope)]
        return verdict


def _lookups(form: NormalForm) -> Iterator[_Lookup]:
    """One lookup a relation over parameters, and one for each domain with dead values of its own."""
    sizes = [len(p.domain) for p in form.model.parameters]
    covered: set[int] = set()
    for scope_, table in _united(form):
        declared = np.zeros(tuple(sizes[v] for v in scope_), np.bool_)
        declared[np.ix_(*(form.live[v] for v in scope_))] = table
        yield _flat(scope_, declared)
        covered.update(scope_)
    for variable, live in enumerate(form.live):
        if variable not in covered and len(live) < sizes[variable]:
            mask = np.zeros(sizes[variable], np.bool_)
            mask[live] = True
            yield _flat((variable,), mask)


def _flat(variables: tuple[int, ...], table: Mask) -> _Lookup:
    strides = tuple(prod(table.shape[i + 1 :]) for i in range(table.ndim))
    return _Lookup(variables, strides, table.reshape(-1))


def _united(form: NormalForm) -> list[tuple[tuple[int, ...], Mask]]:
    """Relations that share parameters joined while the table stays small: fewer lookups a row."""
    tables: list[tuple[tuple[int, ...], Mask]] = []
    for relation in sorted(form.relations, key=lambda r: r.table.size):
        if relation.scope[-1] >= len(form.live):
            continue
        tables.append((relation.scope, relation.table))
    merged = True
    while merged:
        merged = False
        for i, (first, a) in enumerate(tables):
            for j in range(i + 1, len(tables)):
                second, b = tables[j]
                union = tuple(sorted({*first, *second}))
                rows = prod(form.sizes[v] for v in union)
                if set(first) & set(second) and rows <= _MAX_TABLE:
                    joint = _expand(first, a, union) & _expand(second, b, union)
                    tables[i : i + 1], merged = [(union, joint)], True
                    del tables[j]
                    break
            if merged:
                break
    return tables


def _expand(variables: tuple[int, ...], table: Mask, union: tuple[int, ...]) -> Mask:
    sizes = dict(zip(variables, table.shape, strict=True))
    return table.reshape(tuple(sizes.get(v, 1) for v in union))


def keeps(model: Model, rule: Rule, block: Block) -> Mask:
    """Which rows keep one rule, shape (length,)."""
    env = {
        name: column(model[name].domain.values).take(block.columns[model.index[name]])
        for name in scope(rule.condition)
    }
    return np.broadcast_to(not_false(rule.condition, env), (len(block),))


def accepts(model: Model, block: Block) -> Mask:
    """A mask of the rows that keep every rule, for a model that is asked once."""
    return Acceptor(normalise(model)).accepts(block)
