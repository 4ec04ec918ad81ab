"""Verdicts on many configs at once, from columns of values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

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
from spacegen.language.model import Domain, Model, Rule
from spacegen.questions.cells import Cells, cells

__all__ = ["Flaw", "Judge", "RuleTally", "Verdicts"]

Reason: TypeAlias = Literal["outside", "unknown", "wrong", "stuck"]


@dataclass(frozen=True, slots=True, eq=False)
class Flaw:
    """What is wrong with some rows besides rules: a value `outside` its domain, a name that is `unknown`, an
    argument that the server would call `wrong`, or that nothing completes them (`stuck`)."""

    reason: Reason
    name: str
    message: str
    rows: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class RuleTally:
    """How many rows break a rule, and how many have nothing else wrong with them."""

    rule: Rule
    rows: int
    alone: int


@dataclass(frozen=True, eq=False)
class Verdicts:
    """Which rows are solutions, or parts of one, and what is wrong with the others.

    `valid` has an entry a row; `places` are the rows that break a rule, ascending, and `breaks` says which
    ones, shape (rules, len(places)). The rules are those of `Model.conditions`.
    """

    rules: tuple[Rule, ...]
    valid: Mask
    places: NDArray[np.intp]
    breaks: Mask
    flaws: tuple[Flaw, ...] = ()

    def __len__(self) -> int:
        return len(self.valid)

    def __repr__(self) -> str:
        return f"<verdicts on {len(self):,} configs: {self.count:,} valid>"

    @property
    def count(self) -> int:
        """How many rows are valid."""
        return int(np.count_nonzero(self.valid))

    def broken(self, row: int) -> tuple[str, ...]:
        """The ids of the rules that a row breaks, in the order of the space."""
        row = range(len(self))[row]
        place = int(np.searchsorted(self.places, row))
        if place == len(self.places) or self.places[place] != row:
            return ()
        return tuple(self.rules[i].id for i in np.flatnonzero(self.breaks[:, place]).tolist())

    def wrong(self, row: int) -> tuple[str, ...]:
        """What else is wrong with a row, in words."""
        row = range(len(self))[row]
        return tuple(flaw.message for flaw in self.flaws if row in flaw.rows)

    def by_rule(self) -> tuple[RuleTally, ...]:
        """For each rule, how many rows break it."""
        flawed = np.zeros(len(self), np.bool_)
        for flaw in self.flaws:
            flawed[flaw.rows] = True
        single = (np.count_nonzero(self.breaks, axis=0) == 1) & ~flawed[self.places]
        rows, alone = self.breaks.sum(axis=1), (self.breaks & single).sum(axis=1)
        found = zip(self.rules, rows.tolist(), alone.tolist(), strict=True)
        return tuple(RuleTally(rule, all_, alone_) for rule, all_, alone_ in found)

    def listed(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The broken rules of all rows, one after the other, as numbers into `rules`, and where each row's
        begin: those of row i are `numbers[ends[i]:ends[i + 1]]`."""
        rows, numbers = np.nonzero(self.breaks.T)
        ends = np.zeros(len(self) + 1, np.int64)
        ends[1:] = np.bincount(self.places[rows], minlength=len(self)).cumsum()
        return ends, numbers

    @cached_property
    def ids(self) -> list[tuple[str, ...]]:
        """The ids of the rules that each row breaks, one tuple a row; equal ones are one object."""
        words, places = _patterns(self.breaks)
        names = np.array([rule.id for rule in self.rules], object)
        tuples = [tuple(names[pattern].tolist()) for pattern in words]
        found: list[tuple[str, ...]] = [()] * len(self)
        if len(self.places) == len(self):
            return [tuples[place] for place in places.tolist()]
        for row, place in zip(self.places.tolist(), places.tolist(), strict=True):
            found[row] = tuples[place]
        return found

    @cached_property
    def complaints(self) -> list[tuple[str, ...]]:
        """What else is wrong with each row, in words, one tuple a row."""
        found: list[tuple[str, ...]] = [()] * len(self)
        for flaw in self.flaws:
            for row in flaw.rows.tolist():
                found[row] = (*found[row], flaw.message)
        return found


def _patterns(breaks: Mask) -> tuple[Iterator[Mask], NDArray[np.intp]]:
    """The different columns of a Boolean matrix, and which of them each column is."""
    key = np.zeros(breaks.shape[1], np.int64)
    for start in range(0, len(breaks), 24):
        word = np.zeros(breaks.shape[1], np.int64)
        for row in breaks[start : start + 24]:
            word = word * 2 + row
        # Fewer patterns than rows, so that 39 bits and the next 24 fit a word.
        _, key = np.unique(key * 2**24 + word, return_inverse=True)
    _, first = np.unique(key, return_index=True)
    return iter(breaks[:, first].T), key.reshape(-1)


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
            self._shadows[given] = self._shadow(given)
        shadow, length = self._shadows[given], len(searched[0].codes)
        if shadow is None:
            return self._counted(given, searched, length)
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

    def _counted(self, given: frozenset[int], searched: list[Cells], length: int) -> Mask:
        names = {v: self._model.parameters[v].name for v in sorted(given)}
        table = np.stack([searched[v].codes for v in names] or [np.zeros(length, int)], axis=1)
        rows, places = np.unique(table, axis=0, return_inverse=True)
        counts = (
            self._engine().count({name: (code,) for name, code in zip(names.values(), row, strict=False)})
            for row in rows.tolist()
        )
        found: Mask = np.array([count > 0 for count in counts], np.bool_)[places.reshape(-1)]
        return found


def _free(domain: Domain, length: int) -> Cells:
    return Cells(domain, np.full(length, -1, np.int8))


def _outside(named: Iterable[tuple[str, Cells]]) -> Iterator[Flaw]:
    for name, found in named:
        if not found.inside and (rows := np.flatnonzero(found.outside)).size:
            yield Flaw("outside", name, f"`{name}` is outside its domain", rows)


def _groups(missing: list[Mask]) -> Iterator[tuple[frozenset[int], NDArray[np.intp]]]:
    """Rows by what they give: the columns that they have, and their places."""
    words, key = _patterns(np.array(missing))
    for number, pattern in enumerate(words):
        yield frozenset(np.flatnonzero(~pattern).tolist()), np.flatnonzero(key == number)
