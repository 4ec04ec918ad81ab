"""Many configs judged at once, from columns of values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.breaches import Breaches, broken
from spacegen.engines.projection import project
from spacegen.engines.protocol import Block, Engine, code_dtype
from spacegen.engines.relation import NormalForm, normalise
from spacegen.engines.verdict import Acceptor
from spacegen.errors import TooWideError
from spacegen.language.columns import Mask, column
from spacegen.language.expr import Scalar
from spacegen.language.model import Domain, Model
from spacegen.questions.many.cells import Cells, cells
from spacegen.questions.many.verdicts import Flaw, Verdicts, patterns
from spacegen.questions.why.together import possible

__all__ = ["Judge"]

_MOST_SHADOWS: Final = 256
"""Rows may lack parameters in any combination, and files of them are of any size."""


class Judge:
    """Judges rows of one model. Compiled once; tables are made when first needed.

    `settled` has the values of names that are not searched; `engine` answers for partial rows where the
    space is too wide for tables.
    """

    def __init__(
        self,
        model: Model,
        engine: Callable[[], Engine],
        settled: Mapping[str, Scalar] = MappingProxyType({}),
    ) -> None:
        self._model = model
        self._engine = engine
        self._settled = {name: Domain((value,)) for name, value in settled.items()}
        self._breaches = Breaches(model)
        self._shadows: dict[frozenset[int], Acceptor | None] = {}

    @cached_property
    def _form(self) -> NormalForm | None:
        try:
            return normalise(self._model)
        except TooWideError:
            return None

    @cached_property
    def _acceptor(self) -> Acceptor | None:
        return None if self._form is None else Acceptor(self._form)

    def __call__(self, columns: Mapping[str, Any], length: int, flaws: Sequence[Flaw] = ()) -> Verdicts:
        """The verdicts on rows; a parameter without a column is free. Columns of other names are not looked
        at; `flaws` has what is wrong with them."""
        searched = [
            cells(p.domain, columns[p.name]) if p.name in columns else _free(p.domain, length)
            for p in self._model.parameters
        ]
        named = [(p.name, found) for p, found in zip(self._model.parameters, searched, strict=True)]
        named += [(n, cells(d, columns[n])) for n, d in self._settled.items() if n in columns]
        found = [*flaws, *_outside(named)]
        places, breaks = self._broken(searched, length)
        valid = np.ones(length, np.bool_)
        valid[places] = False
        for flaw in found:
            valid[flaw.rows] = False
        for flaw in self._stuck(searched, valid):
            valid[flaw.rows] = False
            found.append(flaw)
        return Verdicts(tuple(b.rule for b in self._breaches.rules), valid, places, breaks, tuple(found))

    def _broken(self, searched: list[Cells], length: int) -> tuple[NDArray[np.intp], Mask]:
        """The rows that break a rule, and which."""
        block = Block(tuple(c.codes for c in searched), length)
        if all(c.inside for c in searched):
            places = np.arange(length)
            if self._acceptor is not None:
                places = np.flatnonzero(~self._acceptor.accepts(block))
                block = block.rows(places) if len(places) < length else block
            breaks = self._breaches.of(block)
        else:
            breaks = np.zeros((len(self._breaches.rules), length), np.bool_)
            for number, row in enumerate(breaks):
                row[:] = self._odd(number, searched, length)
            places = np.arange(length)
        some = breaks.any(axis=0)
        return (places, breaks) if some.all() else (places[some], breaks[:, some])

    def _odd(self, number: int, searched: list[Cells], length: int) -> Mask:
        """Which rows break a rule, where some are partial or have values outside the domains."""
        rule = self._breaches.rules[number]
        mentioned = [searched[v] for v in rule.scope]
        rows = np.ones(length, np.bool_)
        for found in mentioned:
            if not found.inside:
                rows &= found.judged
        result = np.zeros(length, np.bool_)
        strange = np.zeros(length, np.bool_)
        for found in mentioned:
            strange |= found.outside
        usual = np.flatnonzero(rows & ~strange)
        result[usual] = rule.rows([c.codes[usual] for c in mentioned], len(usual))
        unusual = np.flatnonzero(rows & strange)
        if len(unusual):
            values = {}
            for v in rule.scope:
                known, codes = searched[v].values(unusual)
                values[self._model.parameters[v].name] = column(known).take(codes)
            result[unusual] = broken(rule.rule, values, len(unusual))
        return result

    def _stuck(self, searched: list[Cells], valid: Mask) -> Iterable[Flaw]:
        """Rows with which nothing is wrong, but that no solution agrees with."""
        partial = np.zeros(len(valid), np.bool_)
        for found in searched:
            if not found.inside:
                partial |= found.missing
        rows = np.flatnonzero(partial & valid)
        if not len(rows):
            return
        stuck = [
            rows[places[~self._completable(pattern, [c.among(rows[places]) for c in searched])]]
            for pattern, places in _groups([c.missing[rows] for c in searched])
        ]
        lost = np.sort(np.concatenate(stuck))
        if len(lost):
            yield Flaw("stuck", "", "cannot be completed", lost)

    def _completable(self, given: frozenset[int], searched: list[Cells]) -> Mask:
        """Which rows that give just these parameters, all in their domains, some solution agrees with."""
        if given not in self._shadows:
            if len(self._shadows) == _MOST_SHADOWS:
                self._shadows.clear()
            self._shadows[given] = self._shadow(given)
        shadow, length = self._shadows[given], len(searched[0].codes)
        if shadow is None:
            return self._asked(given, searched, length)
        assert self._form is not None, "a shadow is that of a form"
        if self._form.empty:
            return np.zeros(length, np.bool_)
        live = self._form.live
        columns = [
            (c.codes if v in given else np.full(length, live[v][0])).astype(code_dtype(c.domain))
            for v, c in enumerate(searched)
        ]
        return shadow.accepts(Block(tuple(columns), length))

    def _shadow(self, given: frozenset[int]) -> Acceptor | None:
        try:
            return None if self._form is None else Acceptor(project(self._form, given))
        except TooWideError:
            return None

    def _asked(self, given: frozenset[int], searched: list[Cells], length: int) -> Mask:
        names = {v: self._model.parameters[v].name for v in sorted(given)}
        table = np.stack([searched[v].codes for v in names] or [np.zeros(length, int)], axis=1)
        rows, places = np.unique(table, axis=0, return_inverse=True)
        asked = (
            {name: (code,) for name, code in zip(names.values(), row, strict=False)} for row in rows.tolist()
        )
        can = [possible(self._engine(), codes) for codes in asked]
        found: Mask = np.array(can, np.bool_)[places.reshape(-1)]
        return found


def _free(domain: Domain, length: int) -> Cells:
    return Cells(domain, np.full(length, -1, np.int8))


def _outside(named: Iterable[tuple[str, Cells]]) -> Iterator[Flaw]:
    for name, found in named:
        if not found.inside and (rows := np.flatnonzero(found.outside)).size:
            yield Flaw("outside", name, f"`{name}` is outside its domain", rows)


def _groups(missing: list[Mask]) -> Iterator[tuple[frozenset[int], NDArray[np.intp]]]:
    """Rows by what they give: the columns that they have, and their places."""
    words, key = patterns(np.array(missing))
    for number, pattern in enumerate(words):
        yield frozenset(np.flatnonzero(~pattern).tolist()), np.flatnonzero(key == number)
