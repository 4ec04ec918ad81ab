"""Expressions as text. Nodes that have no syntax get a readable functional form, for display only."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
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
    Scalar,
    Sum,
    Table,
    Unset,
    Within,
)

__all__ = ["literal", "unparse"]


class _Level(IntEnum):
    """How tightly a form binds, loosest first."""

    CHOICE = 0
    OR = 1
    AND = 2
    NOT = 3
    COMPARISON = 4
    SUM = 5
    PRODUCT = 6
    UNARY = 7
    ATOM = 8


def unparse(expr: Expr) -> str:
    """Text that parses to the same meaning, as long as every node of `expr` has a syntax."""
    return _render(expr)[0]


def literal(value: Scalar) -> str:
    """A value as expressions spell it."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return '"' + "".join(map(_escaped, value)) + '"'
        case _:
            return repr(value)


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def _at(level: _Level, expr: Expr) -> str:
    """`expr` where something of this level is expected: in brackets if it binds less tightly."""
    text, own = _render(expr)
    return text if own >= level else f"({text})"


def _listed(items: Iterable[Expr]) -> str:
    return ", ".join(map(unparse, items))


def _render(expr: Expr) -> tuple[str, _Level]:  # noqa: C901 - one flat match over the nodes
    match expr:
        case Const(value):
            negative = isinstance(value, int | float) and repr(value).startswith("-")
            return literal(value), _Level.UNARY if negative else _Level.ATOM
        case Unset(name) | Ref(name):
            return name, _Level.ATOM
        case Not(IsNull(item)):
            return f"{_at(_Level.SUM, item)} is not null", _Level.COMPARISON
        case Not(In(item, choices)):
            return f"{_at(_Level.SUM, item)} not in [{_listed(choices)}]", _Level.COMPARISON
        case Not(item):
            return f"not {_at(_Level.NOT, item)}", _Level.NOT
        case And(items):
            return _joined("and", items, _Level.AND)
        case Or(items):
            return _joined("or", items, _Level.OR)
        case IsNull(item):
            return f"{_at(_Level.SUM, item)} is null", _Level.COMPARISON
        case Compare(op, left, right):
            return f"{_at(_Level.SUM, left)} {op} {_at(_Level.SUM, right)}", _Level.COMPARISON
        case In(item, choices):
            return f"{_at(_Level.SUM, item)} in [{_listed(choices)}]", _Level.COMPARISON
        case Sum() | Product() | Divide() | Negate() | Abs() | Extreme():
            return _arithmetic(expr)
        case IfElse(test, then, other):
            text = f"{_at(_Level.OR, then)} if {_at(_Level.OR, test)} else {_at(_Level.CHOICE, other)}"
            return text, _Level.CHOICE
        case IsTrue() | Within() | Count() | AllDifferent() | Table() | Element() | Automaton():
            return _displayed(expr), _Level.ATOM
        case _:
            assert_never(expr)


def _arithmetic(expr: Sum | Product | Divide | Negate | Abs | Extreme) -> tuple[str, _Level]:
    match expr:
        case Sum(items):
            return _sum(items)
        case Product(items):
            return _product(items)
        case Divide(op, left, right):
            return f"{_at(_Level.PRODUCT, left)} {op} {_at(_Level.UNARY, right)}", _Level.PRODUCT
        case Negate(item):
            # A sign in front of a literal would become part of it.
            return f"-{_at(_Level.ATOM, item)}", _Level.UNARY
        case Abs(item):
            return f"abs({unparse(item)})", _Level.ATOM
        case Extreme(op, items):
            return f"{op}({_listed(items)})", _Level.ATOM
        case _:
            assert_never(expr)


def _joined(word: str, items: tuple[Expr, ...], level: _Level) -> tuple[str, _Level]:
    if len(items) < 2:
        # A single item stays a condition, and an empty conjunction is true.
        neutral = Const(word == "and")
        items = (*items, neutral) if items else (neutral, neutral)
    return f" {word} ".join(_at(_Level(level + 1), item) for item in items), level


def _sum(items: tuple[Expr, ...]) -> tuple[str, _Level]:
    if len(items) < 2:
        # What is added to 0 becomes a number, also where it was a bool.
        items = (*items, Const(0)) if items else (Const(0), Const(0))
    text = _at(_Level.SUM, items[0])
    for item in items[1:]:
        match item:
            case Negate(inner):
                text += f" - {_at(_Level.PRODUCT, inner)}"
            case Const(int() | float() as value) if not isinstance(value, bool) and repr(value)[0] == "-":
                text += f" - {literal(-value)}"
            case _:
                text += f" + {_at(_Level.PRODUCT, item)}"
    return text, _Level.SUM


def _product(items: tuple[Expr, ...]) -> tuple[str, _Level]:
    if len(items) < 2:
        items = (Const(1), *items) if items else (Const(1), Const(1))
    first, *rest = items
    return " * ".join(
        [_at(_Level.PRODUCT, first), *(_at(_Level.UNARY, item) for item in rest)]
    ), _Level.PRODUCT


def _displayed(
    expr: IsTrue | Within | Count | AllDifferent | Table | Element | Automaton,
) -> str:
    match expr:
        case IsTrue(item):
            return f"is_true({unparse(item)})"
        case Within(item, intervals):
            return f"within({unparse(item)}, {_intervals(intervals)})"
        case Count(items, allowed):
            return _count(items, allowed)
        case AllDifferent(items):
            return f"all_different({_listed(items)})"
        case Table(items, rows):
            return f"allowed_assignments({_listed(items)}; {len(rows):,} rows)"
        case Element(index, choices, target):
            return f"element({unparse(index)}, [{_listed(choices)}], {unparse(target)})"
        case Automaton(items, _, _, transitions):
            return f"automaton({_listed(items)}; {len(transitions):,} transitions)"
        case _:
            assert_never(expr)


def _count(items: tuple[Expr, ...], allowed: frozenset[int]) -> str:
    names = {frozenset({0, 1}): "at_most_one", frozenset({1}): "exactly_one"}
    if allowed in names:
        return f"{names[allowed]}({_listed(items)})"
    if allowed == frozenset(range(1, len(items) + 1, 2)):
        return f"bool_xor({_listed(items)})"
    return f"count({_listed(items)}; {', '.join(map(str, sorted(allowed)))})"


def _intervals(intervals: tuple[tuple[int | float | None, int | float | None], ...]) -> str:
    ends = (("" if low is None else str(low), "" if high is None else str(high)) for low, high in intervals)
    return ", ".join(f"{low}..{high}" for low, high in ends) or "nothing"
