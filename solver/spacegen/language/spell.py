"""Conditions as rule bodies: the keyword and the plain data that `condition` reads back."""

from __future__ import annotations

from spacegen.errors import SpaceError
from spacegen.language.expr import (
    AllDifferent,
    And,
    Automaton,
    Const,
    Count,
    Element,
    Expr,
    In,
    IsNull,
    Negate,
    Not,
    Or,
    Product,
    Sum,
    Table,
    Within,
)
from spacegen.language.plain import plain
from spacegen.language.syntax import MAX_LENGTH
from spacegen.language.unparse import unparse

__all__ = ["body_of", "rule_of"]


def rule_of(expr: Expr) -> dict[str, object]:
    """The keys of a rule with this condition: a body, under a `when` where the condition has one."""
    match expr:
        case Or((Not(test), body)):
            keyword, value = body_of(body)
            return {"when": _text(test), keyword: value}
        case _:
            return dict([body_of(expr)])


def body_of(expr: Expr) -> tuple[str, object]:
    """Keyword and data of a body that rejects exactly what a rule with the condition `expr` rejects.

    Raises SpaceError where nested counts, tables or automata grow too long to write out.
    """
    match expr:
        case Table():
            return "allowed_assignments", _table(expr)
        case Not(Table() as table):
            return "forbidden_assignments", _table(table)
        case Count(items, allowed) if items:
            return _count(expr, items, allowed)
        case AllDifferent(items) if len(items) > 1:
            return "all_different", _texts(items)
        case Element(index, choices, target) if choices:
            return "element", {
                "index": _text(index),
                "expressions": _texts(choices),
                "target": _text(target),
            }
        case Automaton():
            return "automaton", _automaton(expr)
        case Within(item, intervals) if not any(map(_is_reversed, intervals)):
            return "linear", _linear(item, intervals)
        case Not(item) if not isinstance(item, IsNull | In):
            return "forbid", _text(item)
        case _:
            return _expression(plain(expr))


def _text(expr: Expr) -> str:
    return _bounded(unparse(plain(expr)))


def _bounded(text: str) -> str:
    if len(text) > MAX_LENGTH:
        raise SpaceError(f"the condition is too long to write out: over {MAX_LENGTH:,} characters")
    return text


def _texts(items: tuple[Expr, ...]) -> list[object]:
    return [_text(item) for item in items]


def _expression(expr: Expr) -> tuple[str, object]:
    text = unparse(expr)
    if len(text) > MAX_LENGTH and isinstance(expr, And | Or) and expr.items:
        return "bool_and" if isinstance(expr, And) else "bool_or", _texts(expr.items)
    return "require", _bounded(text)


def _table(table: Table) -> dict[str, object]:
    return {"expressions": _texts(table.items), "rows": [list(row) for row in table.rows]}


def _count(expr: Expr, items: tuple[Expr, ...], allowed: frozenset[int]) -> tuple[str, object]:
    reachable = allowed & frozenset(range(len(items) + 1))
    names = {
        frozenset(range(1, len(items) + 1, 2)): "bool_xor",
        frozenset({0, 1}): "at_most_one",
        frozenset({1}): "exactly_one",
    }
    if reachable in names:
        return names[reachable], _texts(items)
    return "require", _text(expr)


def _automaton(node: Automaton) -> dict[str, object]:
    return {
        "expressions": _texts(node.items),
        "start": node.start,
        "final": sorted(node.finals),
        "transitions": [list(arc) for arc in node.transitions],
    }


def _is_reversed(interval: tuple[int | float | None, int | float | None]) -> bool:
    # Nothing lies in it, and the reader takes it for a slip.
    low, high = interval
    return low is not None and high is not None and low > high


def _linear(
    item: Expr, intervals: tuple[tuple[int | float | None, int | float | None], ...]
) -> dict[str, object]:
    terms = item.items if isinstance(item, Sum) and item.items else (item,)
    body: dict[str, object] = {"terms": [_term(term) for term in terms]}
    if len(intervals) == 1 and intervals[0] != (None, None):
        low, high = intervals[0]
        return body | ({} if low is None else {"min": low}) | ({} if high is None else {"max": high})
    return body | {"domain": [list(ends) for ends in intervals]}


def _term(term: Expr) -> list[object]:
    match term:
        case Product((Const(int() | float() as factor), item)) if not isinstance(factor, bool):
            return [factor, _text(item)]
        case Negate(item):
            return [-1, _text(item)]
        case _:
            return [1, _text(term)]
