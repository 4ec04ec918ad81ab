"""What every expression means: one vectorised evaluation, which all engines go through.

Truth has three values (Kleene, as in SQL's CHECK). A logical value is held as two masks: where it is
true, and where it may be true (true or unknown).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Final, TypeAlias, assert_never

import numpy as np

from spacegen.language import arithmetic
from spacegen.language.columns import BOOL, NULL, NUMBER, Column, Mask, constant
from spacegen.language.expr import (
    Abs,
    AllDifferent,
    And,
    Automaton,
    Compare,
    CompareOp,
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
from spacegen.language.model import identity

__all__ = [
    "Edges",
    "Env",
    "Truth",
    "automaton_edges",
    "evaluate",
    "logic",
    "not_false",
    "step",
    "table_edges",
    "truth",
]

Env: TypeAlias = Mapping[str, Column]
Truth: TypeAlias = tuple[Mask, Mask]
Edges: TypeAlias = Mapping[tuple[int, tuple[str, Scalar]], int]
"""(state, identity of the value read) to the next state; states are not negative."""

_YES: Final[Truth] = (np.True_, np.True_)  # type: ignore[assignment]


def not_false(expr: Expr, env: Env) -> Mask:
    """Where a rule's condition does not reject; broadcasts over the columns of `env`."""
    return truth(expr, env)[1]


def truth(expr: Expr, env: Env) -> Truth:
    """Where a logical expression is true, and where it is true or unknown."""
    return logic(evaluate(expr, env))


def logic(item: Column) -> Truth:
    """A column read as truth values: a null is unknown."""
    yes = np.asarray(item.data, bool)
    unknown = item.unknown
    if not isinstance(item.kind, int) or item.kind == NULL:
        unknown = arithmetic.either(unknown, item.is_kind(NULL))
    if unknown is None:
        return yes, yes
    return yes & ~unknown, yes | unknown


def _from_truth(value: Truth) -> Column:
    yes, maybe = value
    return Column(np.asarray(yes), BOOL, None if maybe is yes else np.asarray(maybe & ~yes), 1)


def _not(value: Truth) -> Truth:
    yes, maybe = value
    return (~yes, ~yes) if maybe is yes else (~maybe, ~yes)


def _and(a: Truth, b: Truth) -> Truth:
    yes = a[0] & b[0]
    return (yes, yes) if a[1] is a[0] and b[1] is b[0] else (yes, a[1] & b[1])


def _or(a: Truth, b: Truth) -> Truth:
    yes = a[0] | b[0]
    return (yes, yes) if a[1] is a[0] and b[1] is b[0] else (yes, a[1] | b[1])


def evaluate(expr: Expr, env: Env) -> Column:  # noqa: C901 - one flat match over the nodes
    """The value of `expr` for every element of the columns, which broadcast against one another."""
    match expr:
        case Const(value):
            return constant(value)
        case Unset():
            return Column(np.asarray(0), NULL, np.asarray(True), 0)
        case Ref(name):
            return env[name]
        case Sum(items):
            return reduce(arithmetic.add, _each(items, env), constant(0))
        case Product(items):
            return reduce(arithmetic.multiply, _each(items, env), constant(1))
        case Divide(op, left, right):
            return arithmetic.divide(op, evaluate(left, env), evaluate(right, env))
        case Negate(item):
            return arithmetic.negate(evaluate(item, env))
        case Abs(item):
            return arithmetic.magnitude(evaluate(item, env))
        case Extreme(op, items):
            first, *rest = _each(items, env)
            return reduce(lambda a, b: arithmetic.extreme(op, a, b), rest, arithmetic.numbers(first))
        case IfElse(test, then, other):
            return _if_else(truth(test, env), evaluate(then, env), evaluate(other, env))
        case _:
            return _from_truth(_logical(expr, env))


def _each(items: Iterable[Expr], env: Env) -> list[Column]:
    return [evaluate(item, env) for item in items]


def _logical(expr: Expr, env: Env) -> Truth:  # noqa: C901 - one flat match over the nodes
    match expr:
        case Not(item):
            return _not(truth(item, env))
        case And(items):
            return reduce(_and, (truth(item, env) for item in items), _YES)
        case Or(items):
            return reduce(_or, (truth(item, env) for item in items), _not(_YES))
        case IsTrue(item):
            yes, _ = truth(item, env)
            return yes, yes
        case IsNull(item):
            value = evaluate(item, env)
            return _known(value.is_kind(NULL), value.unknown)
        case Compare(op, left, right):
            return _compare(op, evaluate(left, env), evaluate(right, env))
        case In(item, choices):
            value = evaluate(item, env)
            return reduce(_or, (_compare("==", value, choice) for choice in _each(choices, env)), _not(_YES))
        case Within(item, intervals):
            return _within(evaluate(item, env), intervals)
        case Count(items, allowed):
            return _count([truth(item, env) for item in items], allowed)
        case AllDifferent():
            return truth(lower_all_different(expr), env)
        case Element():
            return truth(lower_element(expr), env)
        case Table(items, rows):
            return _table(_each(items, env), rows)
        case Automaton(items):
            return _automaton(_each(items, env), expr)
        case (
            Const() | Unset() | Ref() | Sum() | Product() | Divide() | Negate() | Abs() | Extreme() | IfElse()
        ):
            return truth(expr, env)
        case _:
            assert_never(expr)


def _known(yes: Mask, unknown: Mask | None) -> Truth:
    return (yes, yes) if unknown is None else (yes & ~unknown, yes | unknown)


def _if_else(test: Truth, then: Column, other: Column) -> Column:
    yes, maybe = test
    united = arithmetic.unite(yes, then, other)
    if maybe is yes:
        return united
    return Column(united.data, united.kind, arithmetic.either(united.unknown, maybe & ~yes), united.bound)


def _compare(op: CompareOp, left: Column, right: Column) -> Truth:
    unknown = arithmetic.either(left.unknown, right.unknown)
    if op in ("==", "!="):
        equal = _equal(left, right)
        return _known(equal if op == "==" else ~equal, unknown)
    for side in (left, right):
        if not isinstance(side.kind, int) or side.kind == NULL:
            unknown = arithmetic.either(unknown, side.is_kind(NULL))
    return _known(arithmetic.compare_data(op, left, right), unknown)


def _equal(left: Column, right: Column) -> Mask:
    same = arithmetic.compare_data("==", left, right)
    if isinstance(left.kind, int) and isinstance(right.kind, int):
        return same if left.kind == right.kind else np.zeros_like(same)
    return same & (left.kind == right.kind)


def _within(item: Column, intervals: tuple[tuple[int | float | None, int | float | None], ...]) -> Truth:
    inside = _not(_YES)
    for low, high in intervals:
        above = _YES if low is None else _compare(">=", item, constant(low))
        below = _YES if high is None else _compare("<=", item, constant(high))
        inside = _or(inside, _and(above, below))
    return inside


def _count(items: list[Truth], allowed: frozenset[int]) -> Truth:
    sure = sum((yes.astype(np.int64) for yes, _ in items), np.int64(0))
    most = sum((maybe.astype(np.int64) for _, maybe in items), np.int64(0))
    fits = np.array([0, *(n in allowed for n in range(len(items) + 1))], np.int64).cumsum()
    good = fits[most + 1] - fits[sure]  # how many of the totals from `sure` to `most` are allowed
    return np.asarray(good == most - sure + 1), np.asarray(good > 0)


def table_edges(rows: tuple[tuple[Scalar, ...], ...], width: int) -> tuple[Edges, ...]:
    """The rows as a trie, one map of edges a column; its states number the prefixes of each length."""
    met = [0] * len(rows)
    levels: list[Edges] = []
    for level in range(width):
        edges: dict[tuple[int, tuple[str, Scalar]], int] = {}
        met = [
            edges.setdefault((prefix, identity(row[level])), len(edges))
            for prefix, row in zip(met, rows, strict=True)
        ]
        levels.append(edges)
    return tuple(levels)


def automaton_edges(node: Automaton) -> Edges:
    """The transitions as a map from (state, value) to the next state."""
    return {(state, identity(value)): then for state, value, then in node.transitions}


def step(state: Column, item: Column, edges: Edges) -> Column:
    """The state after reading `item`; -1 where no edge leads on, and from there nothing does."""
    values = dict.fromkeys(value for _, value in edges)
    label = np.asarray(-1)
    for number, (_, value) in enumerate(values):
        label = np.where(_equal(item, constant(value)), number, label)
    numbers = {value: number for number, value in enumerate(values)}
    arcs = sorted((source * len(values) + numbers[value], then) for (source, value), then in edges.items())
    unknown = arithmetic.either(state.unknown, item.unknown)
    if not arcs:
        nowhere = np.full(np.broadcast_shapes(state.data.shape, label.shape), -1)
        return Column(nowhere, NUMBER, unknown, 1)
    keys, targets = np.array(arcs, np.int64).T
    wanted = state.data * len(values) + label
    place = np.minimum(keys.searchsorted(wanted), len(keys) - 1)
    found = (state.data >= 0) & (label >= 0) & (keys[place] == wanted)
    return Column(np.where(found, targets[place], -1), NUMBER, unknown, int(abs(targets).max()) + 1)


def _table(items: list[Column], rows: tuple[tuple[Scalar, ...], ...]) -> Truth:
    state = constant(0 if rows else -1)
    for item, edges in zip(items, table_edges(rows, len(items)), strict=True):
        state = step(state, item, edges)
    return _known(np.asarray(state.data >= 0), state.unknown)


def _automaton(items: list[Column], node: Automaton) -> Truth:
    edges = automaton_edges(node)
    state = reduce(lambda at, item: step(at, item, edges), items, constant(node.start))
    final = np.isin(state.data, np.array(sorted(node.finals), np.int64)) & (state.data >= 0)
    return _known(np.asarray(final), state.unknown)
