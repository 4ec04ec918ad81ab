"""Sets of configs as products of menus: the finest groups of parameters that can be chosen by themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.costs import Choices
from spacegen.language.expr import Scalar

__all__ = ["Menu", "factors"]

_SUBSETS: Final = 12
"""So many groups that depend on each other are tried in all combinations."""


@dataclass(frozen=True, slots=True)
class Menu:
    """Parameters that are changed together, and the ways to do so: each option has new values for all or
    some of them, and leaves the others as they are."""

    parameters: tuple[str, ...]
    options: tuple[Mapping[str, Scalar], ...]

    def as_dict(self) -> dict[str, Any]:
        """The menu as plain data."""
        return {"parameters": list(self.parameters), "options": [dict(option) for option in self.options]}


def factors(choices: Choices) -> tuple[Choices, ...]:
    """The one finest way to write a set of rows as a product, each factor over some of its columns."""
    width = len(choices.names)
    if len(choices.rows) <= 1:
        return tuple(Choices((name,), choices.rows[:, i : i + 1]) for i, name in enumerate(choices.names))
    groups = _independent(choices.rows, list(_linked(choices.rows, width)))
    return tuple(
        Choices(tuple(choices.names[i] for i in group), _rows(choices.rows[:, group]))
        for group in sorted(map(sorted, groups))
    )


def _rows(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Each row once, in ascending order."""
    # Unless it is asked for places, too, NumPy imports its masked arrays, which takes 10 ms.
    return np.unique(rows, axis=0, return_index=True)[0]


def _linked(rows: NDArray[np.intp], width: int) -> Iterator[set[int]]:
    """The columns in groups in which pairs depend on each other: these are never apart."""
    groups = {i: {i} for i in range(width)}
    varying = [i for i in range(width) if len(rows) and (rows[:, i] != rows[0, i]).any()]
    for i, j in combinations(varying, 2):
        if j not in groups[i] and _distinct(rows, {i, j}) < _distinct(rows, {i}) * _distinct(rows, {j}):
            united = groups[i] | groups[j]
            groups |= dict.fromkeys(united, united)
    while groups:
        _, group = groups.popitem()
        groups = {i: other for i, other in groups.items() if i not in group}
        yield group


def _independent(rows: NDArray[np.intp], groups: Sequence[set[int]]) -> list[set[int]]:
    """The groups united until each is independent of the rest (three may depend where no two do)."""
    pending = [group for group in groups if _distinct(rows, group) > 1]
    done = [group for group in groups if _distinct(rows, group) <= 1]
    while pending:
        whole = set().union(*pending)
        size = _distinct(rows, whole)
        first = pending[0]
        for others in _subsets(pending[1:]):
            group = first.union(*others)
            rest = whole - group
            if _distinct(rows, group) * (_distinct(rows, rest) if rest else 1) == size:
                break
        done.append(group)
        pending = [other for other in pending if not other <= group]
    return done


def _subsets(groups: list[set[int]]) -> Iterator[tuple[set[int], ...]]:
    """All subsets, small ones first; of too many groups none and all."""
    if len(groups) > _SUBSETS:
        yield ()
        yield tuple(groups)
        return
    for size in range(len(groups) + 1):
        yield from combinations(groups, size)


def _distinct(rows: NDArray[np.intp], columns: set[int]) -> int:
    """How many different rows there are in these columns."""
    key: NDArray[Any] = np.zeros(len(rows), np.int64)
    for column in sorted(columns):
        _, codes = np.unique(rows[:, column], return_inverse=True)
        _, key = np.unique(key * (int(codes.max(initial=0)) + 1) + codes, return_inverse=True)
    return int(key.max(initial=-1)) + 1
