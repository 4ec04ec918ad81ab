"""What an expression may be within a box of values: bounds by interval arithmetic, exact where few rows
decide (Moore 1966). Corners go through the language's own operators, so that rounding is theirs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from math import prod
from typing import Any, Final, TypeAlias

import numpy as np

from spacegen.language.columns import EXACT_FLOAT, NULL, STRING, Column, column, grid
from spacegen.language.evaluate import evaluate, logic
from spacegen.language.expr import (
    Abs,
    And,
    Compare,
    Const,
    Divide,
    Expr,
    Extreme,
    IfElse,
    IsTrue,
    Negate,
    Not,
    Or,
    Product,
    Ref,
    Sum,
    Unset,
)
from spacegen.language.model import Model
from spacegen.language.sharing import evaluate_shared
from spacegen.language.walk import children, rebuild, scope

__all__ = ["Box", "Range", "Ranges"]

Box: TypeAlias = Mapping[str, tuple[int, ...]]
"""Each parameter's codes, ascending."""

_FEW: Final = 128
"""Up to so many rows are looked at one by one."""
_LEFT, _RIGHT = Ref("left"), Ref("right")


@dataclass(frozen=True, slots=True, eq=False)
class Range:
    """The numbers from `low` to `high` (none where these are None, any where `is_open`), or unknown where
    `may_be_unknown`. Truth values are the numbers 0 and 1. `whole`: all numbers are integers."""

    low: Any
    high: Any
    may_be_unknown: bool
    is_open: bool = False
    whole: bool = False

    @property
    def is_number(self) -> bool:
        """Whether it may be a number at all."""
        return self.is_open or self.low is not None

    @property
    def truths(self) -> frozenset[bool | None]:
        """The truth values that it may be, None for unknown."""
        unknown = {None} if self.may_be_unknown else set()
        if self.is_open:
            return frozenset({True, False, *unknown})
        known = set() if self.low is None else {bool(self.low), bool(self.high)}
        return frozenset(known | unknown)

    def ends(self) -> Column:
        return column([self.low, self.high])


_NOTHING: Final = Range(None, None, may_be_unknown=True)
_ANYTHING: Final = Range(None, None, may_be_unknown=True, is_open=True)


def _of_column(value: Column) -> Range:
    """The range of the elements."""
    data = value.data.ravel()
    kinds = np.broadcast_to(np.asarray(value.kind), value.data.shape).ravel()
    hidden = kinds == NULL
    if value.unknown is not None:
        hidden = hidden | np.broadcast_to(value.unknown, value.data.shape).ravel()
    if (kinds[~hidden] == STRING).any():
        return replace(_ANYTHING, may_be_unknown=bool(hidden.any()))
    known = data[~hidden]
    if not len(known):
        return _NOTHING
    low, high = known.min(), known.max()
    low, high = (end.item() if isinstance(end, np.generic) else end for end in (low, high))
    if not (float("-inf") < low <= high < float("inf")):
        return replace(_ANYTHING, may_be_unknown=bool(hidden.any()))
    whole = known.dtype.kind in "bi" or (
        known.dtype == np.object_ and all(isinstance(number, int) for number in known.tolist())
    )
    return Range(low + 0, high + 0, bool(hidden.any()), whole=bool(whole))


def _of_truths(truths: Iterable[bool | None]) -> Range:
    found = set(truths)
    known = [int(value) for value in found if value is not None]
    if not known:
        return _NOTHING
    return Range(min(known), max(known), None in found, whole=True)


def _union(a: Range, b: Range) -> Range:
    unknown = a.may_be_unknown or b.may_be_unknown
    if a.is_open or b.is_open:
        return replace(_ANYTHING, may_be_unknown=unknown)
    if a.low is None or b.low is None:
        return replace(a if b.low is None else b, may_be_unknown=unknown)
    return Range(min(a.low, b.low), max(a.high, b.high), unknown, whole=a.whole and b.whole)


def _joined(node: Expr, *operands: Range) -> Range:
    """An operator at the corners of its operands; right for those that are monotone in each operand."""
    if not all(operand.is_number for operand in operands):
        return _NOTHING
    unknown = any(operand.may_be_unknown for operand in operands)
    if any(operand.is_open for operand in operands):
        return replace(_ANYTHING, may_be_unknown=unknown)
    names = ("left", "right")[: len(operands)]
    ends = {name: operand.ends() for name, operand in zip(names, operands, strict=True)}
    found = _of_column(evaluate(node, grid(names, ends)))
    return replace(found, may_be_unknown=found.may_be_unknown or unknown)


def _divided(node: Divide, left: Range, right: Range) -> Range:
    if not (left.is_number and right.is_number) or (right.low == 0 and right.high == 0):
        return _NOTHING
    if right.is_open or left.is_open or right.low <= 0 <= right.high:
        return _ANYTHING
    unknown = left.may_be_unknown or right.may_be_unknown
    whole = left.whole and right.whole
    if node.op == "%":
        return Range(min(0, right.low), max(0, right.high), unknown, whole=whole)
    return _joined(Divide(node.op, _LEFT, _RIGHT), left, right)


def _magnitude(item: Range) -> Range:
    found = _joined(Abs(_LEFT), item)
    straddles = item.low is not None and item.low < 0 < item.high
    return replace(found, low=0) if straddles and not found.is_open else found


class Ranges:
    """The ranges of expressions over the parameters of a model; what was asked once is remembered."""

    def __init__(self, model: Model) -> None:
        self._columns = {p.name: column(p.domain.values) for p in model.parameters}
        self._known: dict[tuple[int, tuple[tuple[int, ...], ...]], Range] = {}
        self._special: dict[tuple[int, tuple[tuple[int, ...], ...]], Expr] = {}
        # Expressions are told by identity, so they are kept.
        self._scopes: dict[int, tuple[Expr, tuple[str, ...]]] = {}

    def scope(self, expr: Expr) -> tuple[str, ...]:
        """The parameters that an expression mentions."""
        if id(expr) not in self._scopes:
            self._scopes[id(expr)] = (expr, scope(expr))
        return self._scopes[id(expr)][1]

    def cells(self, expr: Expr, box: Box) -> int:
        """How many rows the grid of an expression has."""
        return prod(len(box[name]) for name in self.scope(expr))

    def tabulated(self, expr: Expr, box: Box) -> Column:
        """The values over the grid of the scope, one axis a parameter."""
        names = self.scope(expr)
        live = {name: self._columns[name].take(np.array(box[name], np.intp)) for name in names}
        value = evaluate_shared(expr, grid(names, live))
        shape = tuple(len(box[name]) for name in names)
        kind = value.kind if isinstance(value.kind, int) else np.broadcast_to(value.kind, shape)
        unknown = None if value.unknown is None else np.broadcast_to(value.unknown, shape)
        return Column(np.broadcast_to(value.data, shape), kind, unknown, value.bound)

    def of(self, expr: Expr, box: Box) -> Range:
        """What `expr` may be within `box`: bounds that hold, and mostly are not far from the truth."""
        key = (id(expr), tuple(box[name] for name in self.scope(expr)))
        if key not in self._known:
            self._known[key] = self._range(expr, box)
        return self._known[key]

    def special(self, expr: Expr, box: Box) -> Expr:
        """The same values within `box` from fewer parameters: decided ones and decided tests are gone."""
        key = (id(expr), tuple(box[name] for name in self.scope(expr)))
        if key not in self._special:
            self._special[key] = self._specialised(expr, box)
        return self._special[key]

    def _specialised(self, expr: Expr, box: Box) -> Expr:
        match expr:
            case Ref(name) if len(box[name]) == 1:
                return Const(self._columns[name].take(np.array(box[name], np.intp)).values()[0])
            case IfElse(test, then, other):
                truths = self.of(test, box).truths
                if truths == {None}:
                    return Unset("if")
                chosen = then if truths == {True} else other
                if len(truths) == 1 and self._is_small(chosen, box):
                    return self.special(chosen, box)
        parts = children(expr)
        if not parts or not self.scope(expr):
            return expr
        return rebuild(expr, tuple(self.special(part, box) for part in parts))

    def _is_small(self, expr: Expr, box: Box) -> bool:
        """Whether it is the same number beside a decimal: past 2^53 integers would be rounded."""
        found = self.of(expr, box)
        return not found.is_open and (found.low is None or max(-found.low, found.high) <= EXACT_FLOAT)

    def _range(self, expr: Expr, box: Box) -> Range:  # noqa: C901 - one flat match over the nodes
        if len(self.scope(expr)) <= 1 or self.cells(expr, box) <= _FEW:
            return _of_column(self.tabulated(expr, box))
        match expr:
            case Sum(items):
                return self._reduced(Sum((_LEFT, _RIGHT)), items, box)
            case Product(items):
                return self._reduced(Product((_LEFT, _RIGHT)), items, box)
            case Extreme(op, items):
                return self._reduced(Extreme(op, (_LEFT, _RIGHT)), items, box)
            case Negate(item):
                return _joined(Negate(_LEFT), self.of(item, box))
            case Abs(item):
                return _magnitude(self.of(item, box))
            case Divide(_, left, right):
                return _divided(expr, self.of(left, box), self.of(right, box))
            case IfElse(test, then, other):
                return self._chosen(test, then, other, box)
            case And(items) | Or(items):
                return self._logical(isinstance(expr, Or), items, box)
            case Not(item):
                return _of_truths(None if t is None else not t for t in self.of(item, box).truths)
            case IsTrue(item):
                return _of_truths(t is True for t in self.of(item, box).truths)
            case Compare("<" | "<=" | ">" | ">=", left, right):
                return self._compared(expr, self.of(left, box), self.of(right, box))
            case _:
                return _of_truths((True, False, None))

    def _reduced(self, node: Expr, items: tuple[Expr, ...], box: Box) -> Range:
        return reduce(lambda a, b: _joined(node, a, b), (self.of(item, box) for item in items))

    def _chosen(self, test: Expr, then: Expr, other: Expr, box: Box) -> Range:
        """Each side where the test lets it be chosen, which a test of one parameter says of its values."""
        truths = self.of(test, box).truths
        found: list[Range] = [_NOTHING] if None in truths else []
        names = self.scope(test)
        for side, truth in ((then, True), (other, False)):
            if truth in truths:
                inside = box
                if len(names) == 1:
                    yes, maybe = logic(self.tabulated(test, box))
                    keep = np.broadcast_to(yes if truth else ~maybe, (len(box[names[0]]),))
                    codes = tuple(c for c, kept in zip(box[names[0]], keep.tolist(), strict=True) if kept)
                    inside = {**box, names[0]: codes}
                found.append(self.of(side, inside))
        return reduce(_union, found)

    def _logical(self, is_or: bool, items: tuple[Expr, ...], box: Box) -> Range:
        found: frozenset[bool | None] = frozenset({not is_or})
        for item in items:
            truths = self.of(item, box).truths
            found = frozenset(_kleene(is_or, a, b) for a in found for b in truths)
        return _of_truths(found)

    @staticmethod
    def _compared(expr: Compare, left: Range, right: Range) -> Range:
        if not (left.is_number and right.is_number):
            return _NOTHING
        unknown = {None} if left.may_be_unknown or right.may_be_unknown else set()
        if left.is_open or right.is_open:
            return _of_truths({True, False, *unknown})
        ends = {"left": left.ends(), "right": right.ends()}
        # Where two intervals stand apart or touch, their corners agree; elsewhere both answers occur.
        found = _of_column(evaluate(Compare(expr.op, _LEFT, _RIGHT), grid(("left", "right"), ends)))
        return _of_truths({*found.truths, *unknown})


def _kleene(is_or: bool, a: bool | None, b: bool | None) -> bool | None:
    if is_or in (a, b):
        return is_or
    return None if None in (a, b) else not is_or
