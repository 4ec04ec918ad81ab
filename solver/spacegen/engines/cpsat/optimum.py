"""Cheapest solutions by CP-SAT: the least cost is proven, then all solutions of that cost are enumerated in
canonical order, then those of the next cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from os import cpu_count
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.blocks import Block, Given
from spacegen.engines.costs import Choices, Cost, Ranking
from spacegen.engines.cpsat.parts import Live, Part
from spacegen.engines.cpsat.patience import Patience
from spacegen.engines.cpsat.posting import Posting
from spacegen.engines.cpsat.solving import Rows, minimise
from spacegen.engines.listed import Listed, choices_of
from spacegen.engines.protocol import Engine
from spacegen.errors import EngineError, Fault

__all__ = ["Priced", "Splitter"]

Terms: TypeAlias = tuple[tuple[tuple[str, ...], NDArray[np.int64]], ...]
"""Parts of a cost: parameters, and a table over their live values."""

_LARGEST: Final = 2**61
"""The most that a cost may vary: CP-SAT counts in 64 bits."""
_EASY: Final = 10**6
"""A part with so many combinations is not worth several threads."""
_WORKERS: Final = 8
_FEW: Final = 20_000
"""So many combinations are listed and looked at."""
_MOST: Final = 10**6


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """The costs of the solutions with `live` values: `constant`, and the terms over undecided parameters."""

    constant: int
    terms: Terms

    @classmethod
    def of(cls, costs: Sequence[Cost], live: Live) -> Prices | None:
        """The costs, or None where they vary more than 64-bit integers can tell."""
        constant, span = 0, 0
        terms = []
        for cost in costs:
            table = cost.table[np.ix_(*(live[name] for name in cost.scope))]
            low, high = int(table.min()), int(table.max())
            constant, span = constant + low, span + high - low
            free = tuple(name for name in cost.scope if len(live[name]) > 1)
            if high > low:
                shifted = (table.astype(np.object_) - low).reshape(tuple(len(live[name]) for name in free))
                terms.append((free, shifted))
        if span > _LARGEST:
            return None
        return cls(constant, tuple((names, table.astype(np.int64)) for names, table in terms))

    @property
    def names(self) -> tuple[str, ...]:
        """The undecided parameters that matter."""
        return tuple(dict.fromkeys(name for names, _ in self.terms for name in names))

    def total(self, row: Sequence[int], part: Part) -> int:
        """What a row of declared codes costs, the constant aside."""
        at = {n: int(part.live[n].searchsorted(code)) for n, code in zip(part.names, row, strict=True)}
        return sum(int(table[tuple(at[name] for name in names)]) for names, table in self.terms)


class PricedRows(Rows):
    """The solutions of a part that cost from `low` to `high`, in lexicographic order."""

    def __init__(self, part: Part, patience: Patience, terms: Terms, low: int, high: int | None) -> None:
        self._terms, self._low, self._high = terms, low, high
        super().__init__(part, patience)

    def _is_product(self) -> bool:
        return False

    def _post(self) -> Posting:
        posting = Posting(self.part)
        total = _total(posting, self._terms)
        posting.model.add(total >= self._low)
        if self._high is not None:
            posting.model.add(total <= self._high)
        return posting

    def cheapest(self) -> tuple[list[int], int | None] | None:
        """The declared codes of a cheapest solution, and None; where time ends before that is proven, the
        best found and a bound of its cost. None: no solution."""
        posting = self._post()
        posting.model.minimize(_total(posting, self._terms))
        workers = 1 if self.part.combinations <= _EASY else min(_WORKERS, cpu_count() or 1)
        variables = list(posting.vars.values())
        labels, bound = minimise(posting.model, variables, workers, self._patience)
        if labels is None:
            return None
        row = [
            int(self.part.live[name][posting.labels[name].searchsorted(label)])
            for name, label in zip(self.part.names, labels, strict=True)
        ]
        return row, bound


def _total(posting: Posting, terms: Terms) -> Any:
    """What a solution costs, as a linear expression."""
    return sum((posting.tied(names, table) for names, table in terms), start=0)


class Splitter(Engine, Protocol):
    """What is needed of the engine: a space in parts, and their solutions put together again."""

    patience: Patience

    def pruned(
        self, given: Given, together: Iterable[Iterable[str]] = ()
    ) -> tuple[Live, tuple[Part, ...]] | None:
        """The live values and the parts that are left; None: no solution."""
        ...

    def contiguous(self, live: Live, found: tuple[Part, ...]) -> tuple[Part, ...]:
        """Parts whose product is in canonical order."""
        ...

    def rows(self, part: Part) -> Rows:
        """The solutions of a part."""
        ...

    def blocks(self, live: Live, sources: Sequence[Rows], rows: int) -> Iterator[Block]:
        """The product of the solutions of parts."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _Split:
    """A space in parts, of which `costly` is the one whose solutions differ in cost (None: none is)."""

    live: Live
    parts: tuple[Part, ...]
    prices: Prices
    costly: int | None


@dataclass(frozen=True, eq=False)
class Priced:
    """Costs of the solutions of a space that agree with `given`. Few combinations are listed."""

    engine: Splitter
    costs: Sequence[Cost]
    given: Given

    @cached_property
    def _listed(self) -> Listed:
        return Listed(self.engine, self.costs, self.given)

    @cached_property
    def _split(self) -> _Split | None:
        """The space in parts; None where it is to be listed, or has no solution."""
        pruned = self.engine.pruned(self.given)
        if pruned is None or prod(part.combinations for part in pruned[1]) <= _FEW:
            return None
        prices = Prices.of(self.costs, pruned[0])
        together = self.engine.pruned(self.given, [prices.names] if prices else ())
        if prices is None or together is None:
            return None
        live, parts = together[0], self.engine.contiguous(*together)
        costly = [i for i, part in enumerate(parts) if set(prices.names) & set(part.names)]
        return _Split(live, parts, prices, costly[0] if costly else None)

    def _sources(self, split: _Split, low: int, high: int | None) -> list[Rows]:
        """The solutions of each part, those that cost from `low` to `high` (the constant aside)."""
        return [
            PricedRows(part, self.engine.patience, split.prices.terms, low, high)
            if i == split.costly
            else self.engine.rows(part)
            for i, part in enumerate(split.parts)
        ]

    def _cheapest(self, split: _Split, low: int) -> tuple[list[int], int, int | None] | None:
        """The row of the costly part in a cheapest solution of at least `low`, its cost, and a bound where it
        is not proven; None: no such solution."""
        if split.costly is None:
            return ([], 0, None) if low <= 0 else None
        part = split.parts[split.costly]
        found = PricedRows(part, self.engine.patience, split.prices.terms, low, None).cheapest()
        return None if found is None else (found[0], split.prices.total(found[0], part), found[1])

    def _is_possible(self, split: _Split) -> bool:
        return all(self.engine.rows(part) for i, part in enumerate(split.parts) if i != split.costly)

    def least(self) -> int | None:
        split = self._split
        if split is None:
            return self._listed.least()
        self.engine.patience.restart()
        found = self._cheapest(split, 0) if self._is_possible(split) else None
        if found is not None and found[2] is not None:
            hint = "`--timeout SECONDS` gives it more"
            raise EngineError(Fault("engine `cpsat` proved no least cost in time", hint=hint))
        return None if found is None else found[1] + split.prices.constant

    def best(self, n: int) -> Ranking:
        split = self._split
        if n <= 0:
            return Ranking(Block.concatenate(self.engine.model, []), np.empty(0, np.object_))
        if split is None:
            return self._listed.best(n)
        self.engine.patience.restart()
        blocks: list[Block] = []
        costs: list[int] = []
        found = self._cheapest(split, 0) if self._is_possible(split) else None
        bound = None
        while found is not None and len(costs) < n:
            row, cost, bound = found
            if bound is not None:
                blocks.append(self._single(split, row))
                costs.append(cost)
                break
            for block in self._level(split, cost, n - len(costs)):
                blocks.append(block)
                costs += [cost] * len(block)
            found = self._cheapest(split, cost + 1) if len(costs) < n else None
        constant = split.prices.constant
        totals = np.array([cost + constant for cost in costs], np.object_)
        limit = None if bound is None else bound + constant
        return Ranking(Block.concatenate(self.engine.model, blocks), totals, limit)

    def _level(self, split: _Split, cost: int, most: int) -> Iterator[Block]:
        """The first solutions of one cost."""
        left = most
        for block in self.engine.blocks(split.live, self._sources(split, cost, cost), min(most, 65536)):
            yield block.rows(slice(left))
            left -= len(block)
            if left <= 0:
                return

    def _single(self, split: _Split, row: list[int]) -> Block:
        """A solution with this row of the costly part."""
        sources = self._sources(split, 0, None)
        assert split.costly is not None, "without costs every solution is proven"
        fixed = dict(zip(split.parts[split.costly].names, row, strict=True))
        live = {**split.live, **{name: np.array([code]) for name, code in fixed.items()}}
        rest = [source for i, source in enumerate(sources) if i != split.costly]
        return next(self.engine.blocks(live, rest, 1))

    def within(self, limit: int, *, rows: int = 65536) -> Iterator[Block]:
        split = self._split
        if split is None:
            yield from self._listed.within(limit, rows=rows)
        elif limit >= split.prices.constant:
            sources = self._sources(split, 0, limit - split.prices.constant)
            yield from self.engine.blocks(split.live, sources, rows)

    def count_cheapest(self) -> int:
        least = self.least()
        return 0 if least is None else self.count_within(least)

    def count_within(self, limit: int) -> int:
        return sum(map(len, self.within(limit)))

    def least_by_value(self) -> tuple[tuple[int | None, ...], ...]:
        def least(name: str, code: int) -> int | None:
            if code not in self.given.get(name, (code,)):
                return None
            return Priced(self.engine, self.costs, {**self.given, name: (code,)}).least()

        return tuple(
            tuple(least(p.name, code) for code in range(len(p.domain))) for p in self.engine.model.parameters
        )

    def cheapest(self, names: Iterable[str], most: int) -> tuple[Choices, ...] | None:
        if self._split is None:
            return self._listed.cheapest(names, most)
        least = self.least()
        blocks: list[Block] = []
        for block in self.within(least) if least is not None else ():
            blocks.append(block)
            if sum(map(len, blocks)) > _MOST:
                return None
        return choices_of(self.engine.model, Block.concatenate(self.engine.model, blocks), names, most)
