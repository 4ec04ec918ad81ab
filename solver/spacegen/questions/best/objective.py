"""What is best, as costs: objectives and preferences in order of importance, exact to the last digit.

A sum that needs no rounding costs what its terms cost, each over its own few parameters; any other
expression is tabulated, and its distinct values, sorted, are numbered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.costs import Cost
from spacegen.language.columns import NULL, Column
from spacegen.language.expr import Const, Expr, Negate, Product, Scalar, Sum
from spacegen.language.model import Model, NoDefault
from spacegen.questions.best.goals import UNKNOWN, Goal, Key
from spacegen.questions.best.ranges import Box, Ranges

__all__ = ["MOST_CELLS", "Plan", "bound", "departing", "plan", "prices", "width"]

MOST_CELLS: Final = 2**14
"""A table of more rows is split at values of its parameters."""
_INT64: Final = 2**62
_EXACT: Final = 2.0**52
"""Doubles below this hold all integers, and sums of them."""

_Part: TypeAlias = tuple[tuple[str, ...], NDArray[Any]]
"""Parameters, and a table of whole numbers over their codes in the box."""


@dataclass(frozen=True, slots=True, eq=False)
class _Level:
    """The parts of one goal's cost. `values` are the distinct ones, the best first, where the parts number
    them; else a cost is `scale` times the value, or the opposite."""

    parts: list[_Part]
    values: NDArray[Any] | None = None
    scale: int = 1

    @property
    def least(self) -> int:
        return sum(int(table.min()) for _, table in self.parts)

    @property
    def span(self) -> int:
        return sum(int(table.max()) for _, table in self.parts) - self.least


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The costs of the solutions in a box; the cheapest ones are the best."""

    costs: tuple[Cost, ...]
    goal: Goal
    first: _Level
    stride: int

    def value(self, cost: int) -> Scalar:
        """The value of the first goal in solutions of this cost."""
        number = self.first.least + cost // self.stride
        if self.first.values is None:
            value = number if self.first.scale == 1 else number / self.first.scale
            return -value if self.goal.direction == "maximize" else value
        if number >= len(self.first.values):
            return None
        found = self.first.values[number]
        return found.item() if isinstance(found, np.generic) else found  # type: ignore[no-any-return]


def plan(model: Model, goals: Sequence[Goal], ranges: Ranges, box: Box) -> Plan | None:
    """The costs of solutions within a box; None where a table would be too large."""
    levels = [_level(goal, ranges, box) for goal in goals if width(goal, ranges, box) <= MOST_CELLS]
    if len(levels) < len(goals):
        return None
    spans = [level.span for level in levels]
    strides = _strides(spans)
    wide = sum(stride * span for stride, span in zip(strides, spans, strict=True)) >= _INT64
    costs = [
        Cost(names, _declared(model, names, table, box, stride, wide=wide))
        for level, stride in zip(levels, strides, strict=True)
        for names, table in _united(level.parts, box)
        if names
    ]
    return Plan(tuple(costs), goals[0], levels[0], strides[0])


def departing(model: Model) -> tuple[Cost, ...]:
    """A cost of 1 for each parameter that is not at its default."""
    return tuple(
        Cost((p.name,), (np.arange(len(p.domain)) != p.domain.code(p.default)).astype(np.int64))
        for p in model.parameters
        if not isinstance(p.default, NoDefault)
    )


def prices(goals: Sequence[Goal], columns: Sequence[Column], beneath: int = 0) -> list[NDArray[Any]]:
    """What each of the distinct values of each goal costs, all goals in one number; the least step outweighs
    `beneath`."""
    signs = [-1 if goal.direction == "maximize" else 1 for goal in goals]
    ranks = [_ranks(values, sign)[1] for values, sign in zip(columns, signs, strict=True)]
    strides = _strides([*(int(places.max()) for places in ranks), beneath])
    return [places.astype(np.object_) * stride for places, stride in zip(ranks, strides, strict=False)]


def _strides(spans: Sequence[int]) -> list[int]:
    """What a step of each level costs: it outweighs all levels after it together."""
    return list(accumulate(reversed(spans[1:]), lambda so_far, span: so_far * (span + 1), initial=1))[::-1]


def _declared(
    model: Model, names: tuple[str, ...], table: NDArray[Any], box: Box, stride: int, *, wide: bool
) -> NDArray[Any]:
    """The table over all declared codes; what is outside the box does not matter."""
    dtype = np.object_ if wide else np.int64
    scaled = (
        (table.astype(np.object_) - int(table.min())) * stride if wide else (table - table.min()) * stride
    )
    full = np.full(tuple(len(model[name].domain) for name in names), scaled.max(), dtype)
    full[np.ix_(*(np.array(box[name], np.intp) for name in names))] = scaled
    return full


def width(goal: Goal, ranges: Ranges, box: Box) -> int:
    """How many rows the widest table of a goal has within a box."""
    return max((ranges.cells(term, box) for _, term in _split(goal, ranges, box)), default=1)


def _split(goal: Goal, ranges: Ranges, box: Box) -> list[tuple[int, Expr]]:
    """A sum that is exact as multiples of its terms; of anything else, the whole."""
    expr = ranges.special(goal.expr, box)
    sign = -1 if goal.direction == "maximize" else 1
    return list(_terms(expr, sign)) if _scale(expr, ranges, box) else [(sign, expr)]


def _scale(expr: Expr, ranges: Ranges, box: Box) -> int:
    """By what a sum becomes one of integers, in whatever order it is computed: 1 for integers, a power of two
    for decimals of few binary digits; 0 where terms are unknown or rounded."""
    found = ranges.of(expr, box)
    if found.may_be_unknown or found.is_open:
        return 0
    if found.whole:
        return 1
    terms = list(_terms(expr, 1))
    if len(terms) < 2 or any(ranges.cells(term, box) > MOST_CELLS for _, term in terms):
        return 0
    tables = [(factor, ranges.tabulated(term, box).data) for factor, term in terms]
    numbers = {number for _, data in tables for number in data.ravel().tolist()}
    scale = max(number.as_integer_ratio()[1] for number in numbers)
    if scale >= _EXACT:
        return 0
    total = sum(abs(factor) * float(np.abs(data.astype(np.float64)).max()) for factor, data in tables)
    return scale if total * scale < _EXACT else 0


def _level(goal: Goal, ranges: Ranges, box: Box) -> _Level:
    expr = ranges.special(goal.expr, box)
    if scale := _scale(expr, ranges, box):
        terms = _split(goal, ranges, box)
        return _Level([_term(factor, term, scale, ranges, box) for factor, term in terms], None, scale)
    values, places = _ranks(ranges.tabulated(expr, box), -1 if goal.direction == "maximize" else 1)
    return _Level([(ranges.scope(expr), places)], values)


def _terms(expr: Expr, factor: int) -> Iterator[tuple[int, Expr]]:
    """A sum of integers as multiples of expressions."""
    match expr:
        case Sum(items):
            for item in items:
                yield from _terms(item, factor)
        case Negate(item):
            yield from _terms(item, -factor)
        case Product((Const(int() as times), item)) | Product((item, Const(int() as times))):
            yield from _terms(item, factor * int(times))
        case _:
            yield factor, expr


def _term(factor: int, term: Expr, scale: int, ranges: Ranges, box: Box) -> _Part:
    data = ranges.tabulated(term, box).data
    data = data.astype(np.int64) if data.dtype == np.bool_ else data
    data = data if scale == 1 else np.asarray(data * scale, np.int64)
    most = max(abs(int(data.max(initial=0))), abs(int(data.min(initial=0)))) * abs(factor)
    exact = data if most < _INT64 else data.astype(np.object_)
    return ranges.scope(term), np.asarray(exact * factor, exact.dtype)


def _ranks(values: Column, sign: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The distinct values, the best first, and the place of each value among them; the unknown come last."""
    data = values.data
    hidden = np.broadcast_to(np.asarray(values.kind) == NULL, data.shape)
    if values.unknown is not None:
        hidden = hidden | values.unknown
    hidden = hidden | np.asarray(data != data, bool)  # NaN
    distinct, places = np.unique(data[~hidden], return_inverse=True)
    ranks = np.full(data.shape, len(distinct), np.int64)
    ranks[~hidden] = places.ravel() if sign > 0 else len(distinct) - 1 - places.ravel()
    return distinct[::sign], ranks


def _united(parts: list[_Part], box: Box) -> list[_Part]:
    """Tables added to those over the same parameters and more."""
    hosts: list[_Part] = []
    for names, table in sorted(parts, key=lambda part: -len(part[0])):
        for i, (host, total) in enumerate(hosts):
            if set(names) <= set(host):
                hosts[i] = host, _added(total, _along(names, table, host, box))
                break
        else:
            hosts.append((names, table))
    return hosts


def _along(names: tuple[str, ...], table: NDArray[Any], host: tuple[str, ...], box: Box) -> NDArray[Any]:
    order = sorted(range(len(names)), key=lambda i: host.index(names[i]))
    shape = tuple(len(box[name]) if name in names else 1 for name in host)
    return table.transpose(order).reshape(shape)


def _added(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    most = sum(max(abs(int(t.max())), abs(int(t.min()))) for t in (a, b))
    return np.asarray(a + b) if most < _INT64 else np.asarray(a.astype(np.object_) + b.astype(np.object_))


def bound(goal: Goal, ranges: Ranges, box: Box) -> Key:
    """No solution in the box is better than this."""
    found = ranges.of(goal.expr, box)
    if found.is_open:
        return (-1, 0)
    if found.low is None:
        return UNKNOWN
    return goal.key(_relaxed(found.high, 1) if goal.direction == "maximize" else _relaxed(found.low, -1))


def _relaxed(number: Any, side: int) -> Any:
    """A number, moved outwards where integers and decimals are rounded to each other."""
    if abs(number) <= 2**53:
        return number
    step = abs(int(number)) >> 40
    return int(number) + side * step
