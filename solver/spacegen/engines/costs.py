"""Costs of solutions: parts that add up, and the questions about the cheapest solutions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.blocks import Block

__all__ = ["Choices", "Cost", "Costed", "Ranking"]


@dataclass(frozen=True, slots=True, eq=False)
class Cost:
    """One part of a cost: whole numbers (int64, or Python ints in an object array), one axis a parameter of
    `scope`, along the codes of its declared domain. No parameter occurs twice."""

    scope: tuple[str, ...]
    table: NDArray[Any]

    def of(self, columns: Iterable[NDArray[Any]]) -> NDArray[Any]:
        """What rows cost, given the column of each parameter of the scope."""
        return np.asarray(self.table[tuple(columns)])


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Solutions by cost, then in canonical order; `costs` has shape (length,). Where time ended the search
    there may be cheaper ones that are not listed: none costs less than `bound`."""

    block: Block
    costs: NDArray[Any]
    bound: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Choices:
    """Codes that parameters have together: distinct rows, one column a name, in ascending order of codes."""

    names: tuple[str, ...]
    rows: NDArray[np.intp]


class Costed(Protocol):
    """The solutions of a space with their costs. Every answer is exact."""

    def least(self) -> int | None:
        """The cost of the cheapest solutions; None where there is none at all."""
        ...

    def best(self, n: int) -> Ranking:
        """The `n` cheapest solutions, by cost, then in canonical order; fewer where there are fewer."""
        ...

    def within(self, limit: int, *, rows: int = 65536) -> Iterator[Block]:
        """The solutions that cost at most `limit` in canonical order, in blocks of at most `rows` rows;
        none is empty."""
        ...

    def count_cheapest(self) -> int:
        """How many solutions cost the least."""
        ...

    def count_within(self, limit: int) -> int:
        """How many solutions cost at most `limit`."""
        ...

    def least_by_value(self) -> tuple[tuple[int | None, ...], ...]:
        """For each parameter and each code of its declared domain, the cost of the cheapest solutions that
        have it; None where no solution has it."""
        ...

    def cheapest(self, names: Iterable[str], most: int) -> tuple[Choices, ...] | None:
        """What the cheapest solutions have for these parameters, in independent parts: each row of one part
        goes with every row of the others. Every name is in one part. No part at all may mean that nothing
        is asked; no solution gives a part without rows. None where a part has more than `most` rows (at least
        1), or more solutions stand behind them than can be listed."""
        ...
