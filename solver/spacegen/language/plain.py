"""Expressions without the nodes that have no syntax: equal in all three truth values."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Final, TypeAlias, assert_never

from spacegen.errors import SpaceError
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
from spacegen.language.lowering import lower_all_different, lower_element
from spacegen.language.walk import children, rebuild

__all__ = ["plain"]

_TRUE: Final = Const(True)
_FALSE: Final = Const(False)
_MAX_WORDS: Final = 10_000
_Special: TypeAlias = IsTrue | Within | Count | AllDifferent | Table | Element | Automaton


def plain(expr: Expr) -> Expr:
    """`expr` in nodes that have a syntax. Tables grow with their rows, automata with the words they accept;
    raises SpaceError where those are more than 10,000."""
    parts = children(expr)
    if parts:
        expr = rebuild(expr, tuple(map(plain, parts)))
    match expr:
        case IsTrue(item):
            return _yes(item)
        case Within(item, intervals):
            # What is added to 0 is a number, so that a bool may be ordered too.
            number = item if isinstance(item, Sum | Product) else Sum((item, Const(0)))
            return _any(_all(_bounds(number, *ends)) for ends in intervals)
        case Count(items, allowed):
            return _count(items, allowed)
        case AllDifferent():
            return lower_all_different(expr)
        case Element():
            return plain(lower_element(expr))
        case Table(items, rows):
            return _table(items, rows)
        case Automaton(items):
            return _table(items, _words(expr))
        case _:
            return expr


def _bounds(item: Expr, low: float | None, high: float | None) -> Iterable[Expr]:
    if low is not None:
        yield Compare(">=", item, Const(low))
    if high is not None:
        yield Compare("<=", item, Const(high))


def _count(items: tuple[Expr, ...], allowed: frozenset[int]) -> Expr:
    sure = Sum(tuple(IfElse(_yes(item), Const(1), Const(0)) for item in items))
    most = Sum(tuple(IfElse(_no(item), Const(0), Const(1)) for item in items))
    runs = _runs(sorted(n for n in allowed if 0 <= n <= len(items)))
    always = _any(_all([Compare(">=", sure, Const(a)), Compare("<=", most, Const(b))]) for a, b in runs)
    maybe = _any(_all([Compare(">=", most, Const(a)), Compare("<=", sure, Const(b))]) for a, b in runs)
    return Or((always, And((maybe, Const(None)))))


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    if not numbers:
        return []
    starts = [numbers[0], *(b for a, b in pairwise(numbers) if b != a + 1)]
    ends = [*(a for a, b in pairwise(numbers) if b != a + 1), numbers[-1]]
    return list(zip(starts, ends, strict=True))


def _table(items: tuple[Expr, ...], rows: Iterable[tuple[Scalar, ...]]) -> Expr:
    met = _any(
        _all(Compare("==", item, Const(cell)) for item, cell in zip(items, row, strict=True)) for row in rows
    )
    if all(isinstance(item, Ref | Const) for item in items):
        return met
    # One unknown item makes the whole unknown, also where no row fits the others.
    known = And(tuple(Compare("==", item, item) for item in items))
    return IfElse(known, met, _FALSE)


def _words(node: Automaton) -> list[tuple[Scalar, ...]]:
    words: list[tuple[tuple[Scalar, ...], int]] = [((), node.start)]
    for _ in node.items:
        words = [
            ((*word, value), then)
            for word, state in words
            for source, value, then in node.transitions
            if source == state
        ]
        if len(words) > _MAX_WORDS:
            raise SpaceError(f"the automaton accepts over {_MAX_WORDS:,} words, too many to write out")
    return [word for word, state in words if state in node.finals]


def _all(items: Iterable[Expr]) -> Expr:
    kept = [item for item in items if item != _TRUE]
    if _FALSE in kept:
        return _FALSE
    return kept[0] if len(kept) == 1 else And(tuple(kept)) if kept else _TRUE


def _any(items: Iterable[Expr]) -> Expr:
    kept = [item for item in items if item != _FALSE]
    if _TRUE in kept:
        return _TRUE
    return kept[0] if len(kept) == 1 else Or(tuple(kept)) if kept else _FALSE


def _yes(expr: Expr) -> Expr:
    """Where a plain condition is true; never unknown itself."""
    return _definite(expr, True)


def _no(expr: Expr) -> Expr:
    """Where a plain condition is false; never unknown itself."""
    return _definite(expr, False)


def _definite(expr: Expr, wanted: bool) -> Expr:  # noqa: C901 - one flat match over the nodes
    match expr:
        case Const(value):
            return Const(value is wanted)
        case Unset():
            return _FALSE
        case Ref():
            return Compare("==", expr, Const(wanted))
        case Not(item):
            return _definite(item, not wanted)
        case And(items):
            return (_all if wanted else _any)(_definite(item, wanted) for item in items)
        case Or(items):
            return (_any if wanted else _all)(_definite(item, wanted) for item in items)
        case Compare(op, left, right):
            known = _known if op in ("==", "!=") else _present
            return _all([known(left), known(right), expr if wanted else Not(expr)])
        case In(item, choices):
            equal = (_definite(Compare("==", item, choice), wanted) for choice in choices)
            return _any(equal) if wanted else _all(equal)
        case IsNull(item):
            return _all([_known(item), expr if wanted else Not(expr)])
        case IfElse(test, then, other):
            return _chosen(test, _definite(then, wanted), _definite(other, wanted))
        case Sum() | Product() | Divide() | Negate() | Abs() | Extreme():
            raise AssertionError("a number is no condition")
        case IsTrue() | Within() | Count() | AllDifferent() | Table() | Element() | Automaton():
            raise AssertionError("the expression is not plain")
        case _:
            assert_never(expr)


def _chosen(test: Expr, then: Expr, other: Expr) -> Expr:
    return _any([_all([_yes(test), then]), _all([_no(test), other])])


def _known(expr: Expr) -> Expr:
    """Where the value of a plain expression is not unknown; a null value is known."""
    match expr:
        case Const() | Ref():
            return _TRUE
        case Unset():
            return _FALSE
        case IfElse(test, then, other):
            return _chosen(test, _known(then), _known(other))
        case Sum() | Product() | Negate() | Abs() | Extreme():
            return _all(map(_present, children(expr)))
        case Divide(_, left, right):
            return _all([_present(left), _present(right), Compare("!=", right, Const(0))])
        case _:
            return _any([_yes(expr), _no(expr)])


def _present(expr: Expr) -> Expr:
    """Where the value is neither unknown nor null."""
    match expr:
        case Const(value):
            return Const(value is not None)
        case Ref():
            return Not(IsNull(expr))
        case IfElse(test, then, other):
            return _chosen(test, _present(then), _present(other))
        case _:
            return _known(expr)
