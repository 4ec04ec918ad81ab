"""The best solutions of a space: by its goals in order of importance, then in canonical order.

Where every goal's tables are small, one question to the engine answers. Where one is not, parameters are
fixed one by one, the most promising values first, until the tables are small: branch and bound, with
bounds from interval arithmetic (Land and Doig 1960).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import TypeAlias

from spacegen.engines.canonical import canonical_order
from spacegen.engines.protocol import Block, Engine, Given
from spacegen.engines.relation import normalise
from spacegen.errors import EngineError, TooWideError
from spacegen.language.expr import Scalar
from spacegen.questions import objective
from spacegen.questions.draw import is_ranked
from spacegen.questions.objective import Goal, Key, bound, evaluated, plan, width
from spacegen.questions.ranges import Box, Ranges

__all__ = ["Best", "best"]

_Keys: TypeAlias = tuple[Key, ...]
_Place: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Best:
    """The best solutions. `values` has the values of each goal, row by row. Where `is_proven` is false, time
    ended the search: others may be better, but none has more (or less) than `limit` of the first goal."""

    goals: tuple[Goal, ...]
    block: Block
    values: tuple[tuple[Scalar, ...], ...]
    is_proven: bool = True
    limit: Scalar = None


def best(engine: Engine, goals: tuple[Goal, ...], n: int) -> Best:
    """The `n` best solutions; fewer where the space has fewer."""
    search = _Search(engine, goals, n)
    if n > 0:
        search.run()
    found = [row for _, _, row in search.found]
    block = Block.concatenate(engine.model, found)
    values = tuple(tuple(evaluated(engine.model, block, goal.expr).values()) for goal in goals)
    return Best(goals, block, values, search.is_proven, search.limit)


@dataclass(slots=True)
class _Search:
    engine: Engine
    goals: tuple[Goal, ...]
    n: int
    found: list[tuple[_Keys, _Place, Block]] = field(default_factory=list)
    is_proven: bool = True
    limit: Scalar = None
    ranges: Ranges = field(init=False)
    preorder: tuple[int, ...] = field(init=False)
    number: Iterator[int] = field(default_factory=count)
    waiting: list[tuple[_Keys, int, Box]] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ranges = Ranges(self.engine.model)
        self.preorder = _preorder(self.engine)

    def run(self) -> None:
        """Looks into boxes, the most promising first, until none can hold anything better."""
        self.push({p.name: tuple(range(len(p.domain))) for p in self.engine.model.parameters})
        while self.waiting:
            bounds, _, given = heappop(self.waiting)
            if self.is_full and bounds > self.worst[0]:
                return
            box = self.live(given)
            if box is None:
                continue
            closer = self.bounds(box)
            if self.waiting and closer > self.waiting[0][0]:
                heappush(self.waiting, (closer, next(self.number), box))
            elif not self.is_beaten(closer, box) and not self.solve(box):
                self.branch(box)

    def is_beaten(self, bounds: _Keys, box: Box) -> bool:
        """Whether no solution in a box comes before the last of those found."""
        if not self.is_full or bounds < self.worst[0]:
            return False
        return bounds > self.worst[0] or not self.comes_before(box, self.worst[1])

    @property
    def is_full(self) -> bool:
        return len(self.found) == self.n

    @property
    def worst(self) -> tuple[_Keys, _Place]:
        """How good the last of the solutions found is, and where it stands."""
        return self.found[-1][:2]

    def push(self, box: Box) -> None:
        """Puts a box in its place in the queue."""
        heappush(self.waiting, (self.bounds(box), next(self.number), box))

    def bounds(self, box: Box) -> _Keys:
        """No solution in a box is better than this."""
        return tuple(bound(goal, self.ranges, box) for goal in self.goals)

    def live(self, box: Box) -> Box | None:
        """The box without values that no solution in it has; None where there is no solution."""
        if not is_ranked(self.engine):
            return box if next(self.engine.enumerate(self.given(box), rows=1), None) is not None else None
        if not self.engine.count(self.given(box)):
            return None
        counts = zip(box, self.engine.marginals(self.given(box)), strict=True)
        return {name: tuple(c for c, number in enumerate(found) if number) for name, found in counts}

    def given(self, box: Box) -> Given:
        """A box as engines take it."""
        domains = zip(self.engine.model.parameters, box.values(), strict=True)
        return {p.name: codes for p, codes in domains if len(codes) < len(p.domain)}

    def comes_before(self, box: Box, place: _Place) -> bool:
        """Whether the first solution in a box stands before a place in the canonical order."""
        first = next(self.engine.enumerate(self.given(box), rows=1), None)
        return first is not None and self.place(first) < place

    def place(self, row: Block) -> _Place:
        """What the canonical order compares."""
        return tuple(int(row.columns[i][0]) for i in self.preorder)

    def solve(self, box: Box) -> bool:
        """Asks the engine for the best solutions in a box; False where its tables are too large for that."""
        found = plan(self.engine.model, self.goals, self.ranges, box)
        if found is None:
            return False
        try:
            ranking = self.engine.costed(found.costs, self.given(box)).best(self.n)
        except EngineError:
            if not is_ranked(self.engine) or not self.undecided(box):
                raise
            return False
        values = [evaluated(self.engine.model, ranking.block, goal.expr).values() for goal in self.goals]
        for i, row in enumerate(zip(*values, strict=True)):
            keys = tuple(goal.key(value) for goal, value in zip(self.goals, row, strict=True))
            one = ranking.block.rows(slice(i, i + 1))
            self.found.append((keys, self.place(one), one))
        self.found.sort(key=lambda entry: entry[:2])
        del self.found[self.n :]
        return True

    def undecided(self, box: Box) -> list[str]:
        """The parameters whose values goals still depend on."""
        special = (self.ranges.special(goal.expr, box) for goal in self.goals)
        names = dict.fromkeys(name for expr in special for name in self.ranges.scope(expr))
        return [name for name in names if len(box[name]) > 1]

    def branch(self, box: Box) -> None:
        """Splits a box at the values of one parameter: the one that narrows the bounds most."""
        names = self.undecided(box)
        self.order = self.order or sorted(names, key=lambda name: self.openness(box, name))
        known = [name for name in self.order if name in names]
        for code in box[(name := (known or names)[0])]:
            self.push({**box, name: (code,)})

    def openness(self, box: Box, name: str) -> float:
        """How far the first goal with large tables still reaches, on average, once a parameter is fixed: the
        part that is left of its range."""
        goal = next(goal for goal in self.goals if width(goal, self.ranges, box) > objective.MOST_CELLS)
        before = self.ranges.of(goal.expr, box)
        inside = [self.ranges.of(goal.expr, {**box, name: (code,)}) for code in box[name]]
        if before.is_open or before.low is None or before.high == before.low:
            return sum(after.is_open for after in inside) / len(inside)
        reach = before.high - before.low
        left = (
            (after.high - before.low if goal.direction == "maximize" else before.high - after.low) / reach
            for after in inside
            if after.low is not None
        )
        return float(sum(left)) / len(inside)


def _preorder(engine: Engine) -> tuple[int, ...]:
    """The positions of the parameters in the canonical order."""
    declared = tuple(range(len(engine.model.parameters)))
    try:
        found = canonical_order(normalise(engine.model)).preorder
    except TooWideError:
        return declared
    return tuple(variable for variable in found if variable in declared)
