"""Verdicts on many configs: data, with words only where they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spacegen.language.columns import Mask
from spacegen.language.model import Rule

__all__ = ["Flaw", "RuleTally", "Verdicts", "patterns"]

_WORD: Final = 20
_TABLE: Final = 2**20

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
        words, places = patterns(self.breaks)
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


def patterns(breaks: Mask) -> tuple[Iterator[Mask], NDArray[np.intp]]:
    """The different columns of a Boolean matrix, and which of them each column is."""
    key, kinds = np.zeros(breaks.shape[1], np.intp), 1
    for start in range(0, len(breaks), _WORD):
        bits = breaks[start : start + _WORD]
        # Fewer kinds than rows, so that their number and a word fit 63 bits.
        key <<= len(bits)
        for place, row in enumerate(bits):
            key |= row.astype(np.intp) << place
        key, kinds = _numbered(key, kinds << len(bits))
    first = np.zeros(kinds, np.intp)
    first[key] = np.arange(len(key))
    return iter(breaks[:, first[: kinds if len(key) else 0]].T), key


def _numbered(keys: NDArray[np.intp], limit: int) -> tuple[NDArray[np.intp], int]:
    """The keys, all below `limit`, as numbers without gaps, and how many there are of these."""
    if limit > _TABLE:
        found, numbers = np.unique(keys, return_inverse=True)
        return numbers.reshape(-1), len(found)
    seen = np.zeros(limit, np.bool_)
    seen[keys] = True
    return (seen.cumsum() - 1)[keys], int(np.count_nonzero(seen))
