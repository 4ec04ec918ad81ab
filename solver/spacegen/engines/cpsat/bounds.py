"""Verdicts on wide clauses from the bounds of their parameters alone (interval arithmetic)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import TypeAlias

from spacegen.language.columns import BOOL, NUMBER, Column
from spacegen.language.expr import (
    And,
    Compare,
    CompareOp,
    Const,
    Expr,
    Extreme,
    Negate,
    Or,
    Product,
    Ref,
    Sum,
)

__all__ = ["verdict"]

_Number: TypeAlias = int | float
_Interval: TypeAlias = tuple[_Number, _Number]
_Join: TypeAlias = Callable[[_Interval, _Interval], _Interval]


def verdict(clause: Expr, columns: Mapping[str, Column]) -> bool | None:
    """True where no assignment makes `clause` false, False where every one does, None where bounds do not
    tell. The bounds are those of the columns; a null anywhere leaves it open."""
    match clause:
        case And(items):
            return _joined((verdict(item, columns) for item in items), decisive=False)
        case Or(items):
            return _joined((verdict(item, columns) for item in items), decisive=True)
        case Compare(op, left, right):
            a, b = _interval(left, columns), _interval(right, columns)
            return None if a is None or b is None else _compared(op, a, b)
        case _:
            return None


def _joined(verdicts: Iterable[bool | None], *, decisive: bool) -> bool | None:
    found = set(verdicts)
    if decisive in found:
        return decisive
    return None if None in found else not decisive


def _compared(op: CompareOp, a: _Interval, b: _Interval) -> bool | None:
    match op:
        case "<":
            return True if a[1] < b[0] else False if a[0] >= b[1] else None
        case "<=":
            return True if a[1] <= b[0] else False if a[0] > b[1] else None
        case ">" | ">=":
            return _compared("<" if op == ">" else "<=", b, a)
        case "==":
            return False if a[1] < b[0] or b[1] < a[0] else None
        case "!=":
            return True if a[1] < b[0] or b[1] < a[0] else None


def _interval(expr: Expr, columns: Mapping[str, Column]) -> _Interval | None:
    match expr:
        case Const(int() | float() as value):
            return value, value
        case Ref(name):
            return _range(columns[name])
        case Sum(items):
            return _folded(items, columns, lambda a, b: (a[0] + b[0], a[1] + b[1]))
        case Product(items):
            return _folded(items, columns, _times)
        case Negate(item):
            inner = _interval(item, columns)
            return None if inner is None else (-inner[1], -inner[0])
        case Extreme(op, items):
            choose = max if op == "max" else min
            return _folded(items, columns, lambda a, b: (choose(a[0], b[0]), choose(a[1], b[1])))
        case _:
            return None


def _folded(items: tuple[Expr, ...], columns: Mapping[str, Column], join: _Join) -> _Interval | None:
    intervals = [_interval(item, columns) for item in items]
    known = [interval for interval in intervals if interval is not None]
    return reduce(join, known) if known and len(known) == len(intervals) else None


def _times(a: _Interval, b: _Interval) -> _Interval:
    corners = [x * y for x in a for y in b]
    return min(corners), max(corners)


def _range(column: Column) -> _Interval | None:
    """The bounds of a column of numbers or bools."""
    if not isinstance(column.kind, int) or column.kind not in (BOOL, NUMBER) or column.unknown is not None:
        return None
    values = column.data.astype(int).tolist() if column.kind == BOOL else column.data.tolist()
    return min(values), max(values)
