"""What constants without a value leave open: whether a condition can still be false."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from spacegen.language.expr import (
    Abs,
    And,
    Compare,
    Const,
    Divide,
    Expr,
    Extreme,
    IfElse,
    In,
    IsNull,
    IsTrue,
    Negate,
    Not,
    Or,
    Product,
    Sum,
    Unset,
    Within,
)
from spacegen.language.walk import children

__all__ = ["can_fail", "is_open", "unset_names"]

Truths: TypeAlias = frozenset[bool]

_NEVER: Final[Truths] = frozenset()
_EITHER: Final[Truths] = frozenset({False, True})


def can_fail(condition: Expr) -> bool:
    """Whether some values might make the condition false; where not, it says nothing for now."""
    return False in _truths(condition)


def unset_names(expr: Expr) -> frozenset[str]:
    """The names without a value that an expression mentions."""
    return frozenset(_unset(expr))


def _unset(expr: Expr) -> Iterator[str]:
    if isinstance(expr, Unset):
        yield expr.name
    for part in children(expr):
        yield from _unset(part)


def _truths(expr: Expr) -> Truths:
    """The truth values that a condition might take, unknown aside: a bound from above."""
    match expr:
        case Const(bool() as value):
            return frozenset({value})
        case Not(item):
            return frozenset(not value for value in _truths(item))
        case IsTrue(item):
            return _truths(item) | {False}
        case And(items) | Or(items):
            # One item decides for the absorbing value, all must agree on the other.
            absorbing, parts = isinstance(expr, Or), [_truths(item) for item in items]
            found = {absorbing} if any(absorbing in part for part in parts) else set()
            if all((not absorbing) in part for part in parts):
                found.add(not absorbing)
            return frozenset(found)
        case IfElse(test, then, other):
            return _NEVER if is_open(test) else _truths(then) | _truths(other)
        case _:
            return _NEVER if is_open(expr) else _EITHER


def is_open(expr: Expr) -> bool:
    """Whether the expression is unknown for all values, as far as can be told."""
    match expr:
        case Unset():
            return True
        case IfElse(test, then, other):
            return is_open(test) or (is_open(then) and is_open(other))
        case Not() | And() | Or() | IsTrue():
            return not _truths(expr)
        case In(item, choices):
            return is_open(item) or all(map(is_open, choices))
        case Compare() | IsNull() | Within() | Sum() | Product() | Divide() | Negate() | Abs() | Extreme():
            return any(map(is_open, children(expr)))
        case _:
            return False
