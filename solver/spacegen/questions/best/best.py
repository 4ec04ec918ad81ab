"""The best solutions of a space: by its goals in order of importance, then with fewest parameters away from
their defaults, then in canonical order.

Where every goal's tables are small, one question to the engine answers. Where one is not, parameters are
fixed one by one, the most promising values first, until the tables are small: branch and bound, with
bounds from interval arithmetic (Land and Doig 1960). Where that takes long, the goals become variables of
the join tree, which then decides at once if they have few values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import accumulate, count, repeat
from time import monotonic
from typing import Final, TypeAlias

import numpy as np

from spacegen.engines.canonical import canonical_order
from spacegen.engines.jointree import JoinTree
from spacegen.engines.protocol import Block, Engine, Given
from spacegen.engines.relation import normalise
from spacegen.errors import EngineError, TooWideError
from spacegen.language.expr import Scalar
from spacegen.questions.best import objective
from spacegen.questions.best.goals import Goal, Key, departures, evaluated
from spacegen.questions.best.objective import bound, departing, plan, prices, width
from spacegen.questions.best.ranges import Box, Ranges
from spacegen.questions.draw import is_ranked

__all__ = ["Best", "best"]

_PATIENCE: Final = 100
"""So many boxes are looked into before the goals become variables of the exact engine."""

_SOME: Final = 1000

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


def best(engine: Engine, goals: tuple[Goal, ...], n: int, timeout: float | None = None) -> Best:
    """The `n` best solutions; fewer where the space has fewer. After `timeout` seconds the best so far."""
    search = _Search(engine, goals, n, float("inf") if timeout is None else monotonic() + timeout)
    if n > 0:
        search.run()
    if search.limit is not None and search.found:
        # What was found may be better than all that nobody looked into.
        search.limit = min(search.limit, search.found[0][0][0])
    block = search.block()
    values = tuple(tuple(evaluated(engine.model, block, goal.expr).values()) for goal in goals)
    limit = None if search.limit is None else goals[0].value(search.limit)
    return Best(goals, block, values, search.limit is None, limit)


@dataclass(slots=True)
class _Search:
    """`found` has the best solutions so far: how good each is, where it stands, and its row of a block of
    `blocks`. `limit` is set where time ended the search: nothing is better than that by the first goal.
    `levels` are the goals and what decides among equals."""

    engine: Engine
    goals: tuple[Goal, ...]
    n: int
    deadline: float
    found: list[tuple[_Keys, _Place, int, int]] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    limit: Key | None = None
    levels: tuple[Goal, ...] = field(init=False)
    ranges: Ranges = field(init=False)
    preorder: tuple[int, ...] = field(init=False)
    number: Iterator[int] = field(default_factory=count)
    waiting: list[tuple[_Keys, int, Box, bool]] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        last = departures(self.engine.model)
        self.levels = self.goals if last is None else (*self.goals, last)
        self.ranges = Ranges(self.engine.model)
        self.preorder = _preorder(self.engine)

    def run(self) -> None:
        """Looks into boxes, the most promising first, until none can hold anything better."""
        self.push({p.name: tuple(range(len(p.domain))) for p in self.engine.model.parameters})
        looks = 0
        while self.waiting and self.limit is None:
            bounds, _, box, is_live = heappop(self.waiting)
            if self.is_full and bounds > self.worst[0]:
                return
            looks += 1
            if looks == _PATIENCE and self.valued():
                return
            try:
                self.look(box, is_live=is_live)
            except EngineError:
                if not self.found:
                    raise
                self.limit = bounds[0]
            if monotonic() > self.deadline and self.waiting:
                self.give_up()

    def valued(self) -> bool:
        """Asks the exact engine with the goals as variables of its own; False where these have too many
        values."""
        if not isinstance(self.engine, JoinTree) or not self.engine.count():
            return False
        try:
            valued = self.engine.with_values([goal.expr for goal in self.goals])
        except TooWideError:
            return False
        self.found, self.blocks = [], []
        last = departing(self.engine.model)
        self.add(valued.best(prices(self.goals, valued.columns, len(last)), last, self.n))
        return True

    def give_up(self) -> None:
        """Ends the search before its time."""
        if not self.found:
            # The best of some is better than nothing.
            if is_ranked(self.engine):
                self.add(self.engine.sample(max(_SOME, self.n), np.random.default_rng(0)).block)
            else:
                self.add(next(self.engine.enumerate(rows=max(_SOME, self.n))))
        if not self.is_full or self.waiting[0][0] <= self.worst[0]:
            self.limit = self.waiting[0][0][0]

    def look(self, box: Box, *, is_live: bool) -> None:
        """Asks for the best solutions in a box, or splits it."""
        live = box if is_live else self.live(box)
        if live is None:
            return
        bounds = self.bounds(live)
        if self.waiting and bounds > self.waiting[0][0]:
            heappush(self.waiting, (bounds, next(self.number), live, True))
        elif not self.is_beaten(bounds, live) and not self.solve(live):
            self.branch(live)

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
        keys, place, *_ = self.found[-1]
        return keys, place

    def push(self, box: Box) -> None:
        """Puts a box in its place in the queue."""
        heappush(self.waiting, (self.bounds(box), next(self.number), box, False))

    def bounds(self, box: Box) -> _Keys:
        """No solution in a box is better than this."""
        return tuple(bound(goal, self.ranges, box) for goal in self.levels)

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
        return first is not None and next(self.places(first)) < place

    def places(self, block: Block) -> Iterator[_Place]:
        """What the canonical order compares, row by row."""
        if not self.preorder:
            return repeat((), len(block))
        return zip(*(block.columns[i].tolist() for i in self.preorder), strict=True)

    def block(self) -> Block:
        """The solutions found."""
        starts = list(accumulate(map(len, self.blocks), initial=0))
        rows = [starts[source] + row for _, _, source, row in self.found]
        return Block.concatenate(self.engine.model, self.blocks).rows(np.array(rows, np.intp))

    def solve(self, box: Box) -> bool:
        """Asks the engine for the best solutions in a box; False where its tables are too large for that."""
        found = plan(self.engine.model, self.levels, self.ranges, box)
        if found is None:
            return False
        try:
            ranking = self.engine.costed(found.costs, self.given(box)).best(self.n)
        except EngineError:
            if not is_ranked(self.engine) or not self.undecided(box):
                raise
            return False
        if ranking.bound is not None:
            self.limit = min(
                self.goals[0].key(found.value(ranking.bound)), *(w[0][0] for w in self.waiting[:1])
            )
        self.add(ranking.block)
        return True

    def add(self, block: Block) -> None:
        """Keeps the best of the solutions found before and of those in a block."""
        values = [evaluated(self.engine.model, block, goal.expr).values() for goal in self.levels]
        for i, (row, place) in enumerate(zip(zip(*values, strict=True), self.places(block), strict=True)):
            keys = tuple(goal.key(value) for goal, value in zip(self.levels, row, strict=True))
            self.found.append((keys, place, len(self.blocks), i))
        self.blocks.append(block)
        self.found.sort()
        del self.found[self.n :]

    def undecided(self, box: Box) -> list[str]:
        """The parameters whose values the levels still depend on."""
        special = (self.ranges.special(goal.expr, box) for goal in self.levels)
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
        goal = next(goal for goal in self.levels if width(goal, self.ranges, box) > objective.MOST_CELLS)
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
