"""Costs for engines that only enumerate: the solutions are listed, and each is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.blocks import Block, Given
from spacegen.engines.costs import Choices, Cost, Ranking
from spacegen.engines.protocol import Engine
from spacegen.errors import EngineError, Fault
from spacegen.language.model import Model

__all__ = ["Listed", "choices_of"]

_MOST: Final = 10**6
"""The most solutions that are listed."""


@dataclass(frozen=True, eq=False)
class Listed:
    """The solutions of `engine` that agree with `given` and their costs. Raises EngineError where there are
    more than a million."""

    engine: Engine
    costs: Sequence[Cost]
    given: Given

    @cached_property
    def _block(self) -> Block:
        found: list[Block] = []
        for block in self.engine.enumerate(self.given):
            found.append(block)
            if sum(map(len, found)) > _MOST:
                message = f"engine `{self.engine.name}` compares costs of at most {_MOST:,} solutions"
                raise EngineError(Fault(message, hint="`--engine jointree` takes spaces of any size"))
        return Block.concatenate(self.engine.model, found)

    @cached_property
    def _totals(self) -> NDArray[Any]:
        """What each solution costs, as Python ints."""
        index = self.engine.model.index
        total = np.zeros(len(self._block), np.object_)
        for cost in self.costs:
            part = cost.of(self._block.columns[index[name]] for name in cost.scope)
            total = total + part.astype(np.object_)
        return total

    def least(self) -> int | None:
        return int(self._totals.min()) if len(self._totals) else None

    def best(self, n: int) -> Ranking:
        first = np.argsort(self._totals, kind="stable")[: max(n, 0)]
        return Ranking(self._block.rows(first), self._totals[first])

    def within(self, limit: int, *, rows: int = 65536) -> Iterator[Block]:
        kept = np.flatnonzero(self._totals <= limit)
        for start in range(0, len(kept), rows):
            yield self._block.rows(kept[start : start + rows])

    def count_cheapest(self) -> int:
        least = self.least()
        return 0 if least is None else self.count_within(least)

    def count_within(self, limit: int) -> int:
        return int(np.count_nonzero(self._totals <= limit))

    def least_by_value(self) -> tuple[tuple[int | None, ...], ...]:
        found: list[tuple[int | None, ...]] = []
        for parameter, column in zip(self.engine.model.parameters, self._block.columns, strict=True):
            having = (self._totals[column == code] for code in range(len(parameter.domain)))
            found.append(tuple(int(totals.min()) if len(totals) else None for totals in having))
        return tuple(found)

    def cheapest(self, names: Iterable[str], most: int) -> tuple[Choices, ...] | None:
        cheap = self._block.rows(self._totals == self.least()) if len(self._totals) else self._block
        return choices_of(self.engine.model, cheap, names, most)


def choices_of(model: Model, cheap: Block, names: Iterable[str], most: int) -> tuple[Choices, ...] | None:
    """What rows have for these parameters, as one part; None where that has more than `most` rows."""
    asked = tuple(names)
    if not asked:
        return () if len(cheap) else (Choices((), np.empty((0, 0), np.intp)),)
    columns = [cheap.columns[model.index[name]].astype(np.intp) for name in asked]
    rows = np.unique(np.array(columns, np.intp).reshape(len(asked), len(cheap)).T, axis=0)
    return (Choices(asked, rows),) if len(rows) <= most else None
