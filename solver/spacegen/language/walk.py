"""Walks over expressions that need no meaning: parts, rebuilding, replacing, scopes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import assert_never

from spacegen.language.expr import (
    Abs,
    AllDifferent,
    And,
    Automaton,
    Compare,
    Const,
    Count,
    Divide,
    Element,
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
    Ref,
    Sum,
    Table,
    Unset,
    Within,
)

__all__ = ["children", "implies", "rebuild", "scope", "substitute"]


def implies(condition: Expr, consequence: Expr) -> Expr:
    """`condition` implies `consequence`, in three values."""
    return Or((Not(condition), consequence))


def children(expr: Expr) -> tuple[Expr, ...]:
    """The direct subexpressions, in order."""
    match expr:
        case Const() | Unset() | Ref():
            return ()
        case Not(item) | IsTrue(item) | IsNull(item) | Negate(item) | Abs(item) | Within(item):
            return (item,)
        case And(items) | Or(items) | Sum(items) | Product(items) | AllDifferent(items):
            return items
        case Extreme(items=items) | Count(items=items) | Table(items=items) | Automaton(items=items):
            return items
        case Compare(left=left, right=right) | Divide(left=left, right=right):
            return (left, right)
        case In(item, choices):
            return (item, *choices)
        case IfElse(test, then, other):
            return (test, then, other)
        case Element(index, choices, target):
            return (index, *choices, target)
        case _:
            assert_never(expr)


def rebuild(expr: Expr, parts: tuple[Expr, ...]) -> Expr:  # noqa: C901 - one flat match over the nodes
    """`expr` with its direct subexpressions replaced by `parts` (as many as `children` gives)."""
    match expr:
        case Const() | Unset() | Ref():
            return expr
        case Not() | IsTrue() | IsNull() | Negate() | Abs():
            return type(expr)(parts[0])
        case Within(_, intervals):
            return Within(parts[0], intervals)
        case And() | Or() | Sum() | Product() | AllDifferent():
            return type(expr)(parts)
        case Extreme(op=op):
            return Extreme(op, parts)
        case Count(allowed=allowed):
            return Count(parts, allowed)
        case Table(rows=rows):
            return Table(parts, rows)
        case Automaton(_, start, finals, transitions):
            return Automaton(parts, start, finals, transitions)
        case Compare(op=op):
            return Compare(op, *parts)
        case Divide(op=op):
            return Divide(op, *parts)
        case In():
            return In(parts[0], parts[1:])
        case IfElse():
            return IfElse(*parts)
        case Element():
            return Element(parts[0], parts[1:-1], parts[-1])
        case _:
            assert_never(expr)


def substitute(expr: Expr, change: Callable[[Ref], Expr] | Mapping[str, Expr]) -> Expr:
    """`expr` with references replaced; a name that a mapping lacks stays."""
    if isinstance(expr, Ref):
        return change.get(expr.name, expr) if isinstance(change, Mapping) else change(expr)
    parts = children(expr)
    if not parts:
        return expr
    return rebuild(expr, tuple(substitute(part, change) for part in parts))


def _names(expr: Expr) -> Iterator[str]:
    if isinstance(expr, Ref):
        yield expr.name
    for part in children(expr):
        yield from _names(part)


def scope(expr: Expr) -> tuple[str, ...]:
    """The names that `expr` mentions, each once, in order of appearance."""
    return tuple(dict.fromkeys(_names(expr)))
