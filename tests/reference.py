"""A second reading of the language: one value at a time, in plain Python, sharing nothing with `evaluate`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from spacegen.language import expr as e


class Unknown(Enum):
    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN


def same(a: Any, b: Any) -> bool:
    return isinstance(a, bool) == isinstance(b, bool) and a == b


def number(value: Any) -> Any:
    """An operand of arithmetic: null is unknown, bools count."""
    if value is None or value is UNKNOWN:
        return UNKNOWN
    return int(value) if isinstance(value, bool) else value


def lift(op: Any, *values: Any) -> Any:
    return UNKNOWN if UNKNOWN in values else op(*values)


def fold(op: Any, values: list[Any]) -> Any:
    result, *rest = [number(v) for v in values]
    for value in rest:
        result = lift(op, result, value)
    return result


def negation(value: Any) -> Any:
    return UNKNOWN if value is UNKNOWN else not value


def conjunction(values: list[Any]) -> Any:
    if any(v is False for v in values):
        return False
    return UNKNOWN if UNKNOWN in values else True


def disjunction(values: list[Any]) -> Any:
    return negation(conjunction([negation(v) for v in values]))


def readings(values: list[Any]) -> list[list[bool]]:
    """Every way to make the unknown items definite."""
    result: list[list[bool]] = [[]]
    for value in values:
        choices = [False, True] if value is UNKNOWN else [value]
        result = [[*done, choice] for done in result for choice in choices]
    return result


def equal(a: Any, b: Any) -> Any:
    return UNKNOWN if UNKNOWN in (a, b) else same(a, b)


ORDER = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
DIVIDE = {"/": lambda a, b: a / b, "//": lambda a, b: a // b, "%": lambda a, b: a % b}


def run(automaton: e.Automaton, word: list[Any]) -> bool:
    state: Any = automaton.start
    for value in word:
        state = next((t for s, v, t in automaton.transitions if s == state and same(v, value)), None)
    return state in automaton.finals


def value_of(node: e.Expr, env: Mapping[str, Any]) -> Any:  # noqa: C901
    """The value of an expression, or UNKNOWN."""

    def get(item: e.Expr) -> Any:
        return value_of(item, env)

    def truth(item: e.Expr) -> Any:
        value = get(item)
        return UNKNOWN if value is None else value

    match node:
        case e.Const(value):
            return value
        case e.Unset():
            return UNKNOWN
        case e.Ref(name):
            return env[name]
        case e.Not(item):
            return negation(truth(item))
        case e.And(items):
            return conjunction([truth(i) for i in items])
        case e.Or(items):
            return disjunction([truth(i) for i in items])
        case e.IsTrue(item):
            return truth(item) is True
        case e.IsNull(item):
            return lift(lambda v: v is None, get(item))
        case e.Compare("==", left, right):
            return equal(get(left), get(right))
        case e.Compare("!=", left, right):
            return negation(equal(get(left), get(right)))
        case e.Compare(op, left, right):
            return lift(ORDER[op], number(get(left)), number(get(right)))
        case e.In(item, choices):
            return disjunction([equal(get(item), get(c)) for c in choices])
        case e.Within(item, intervals):
            v = number(get(item))
            bounds = [
                conjunction([True if lo is None else lift(lambda x, lo=lo: lo <= x, v),
                             True if hi is None else lift(lambda x, hi=hi: x <= hi, v)])
                for lo, hi in intervals
            ]  # fmt: skip
            return disjunction(bounds)
        case e.Sum(items):
            return fold(lambda a, b: a + b, [get(i) for i in items])
        case e.Product(items):
            return fold(lambda a, b: a * b, [get(i) for i in items])
        case e.Divide(op, left, right):
            a, b = number(get(left)), number(get(right))
            return UNKNOWN if UNKNOWN in (a, b) or b == 0 else DIVIDE[op](a, b)
        case e.Negate(item):
            return lift(lambda v: -v, number(get(item)))
        case e.Abs(item):
            return lift(abs, number(get(item)))
        case e.Extreme(op, items):
            return fold(min if op == "min" else max, [get(i) for i in items])
        case e.IfElse(test, then, other):
            t = truth(test)
            return UNKNOWN if t is UNKNOWN else get(then if t else other)
        case e.Count(items, allowed):
            fits = {sum(r) in allowed for r in readings([truth(i) for i in items])}
            return fits.pop() if len(fits) == 1 else UNKNOWN
        case e.AllDifferent(items):
            values = [get(i) for i in items]
            pairs = [(a, b) for i, a in enumerate(values) for b in values[:i]]
            return conjunction([negation(equal(a, b)) for a, b in pairs])
        case e.Table(items, rows):
            values = [get(i) for i in items]
            if UNKNOWN in values:
                return UNKNOWN
            return any(all(map(same, row, values)) for row in rows)
        case e.Element(index, choices, target):
            i = number(get(index))
            if i is UNKNOWN:
                # Only the equality with each index is unknown, so the choices do not matter.
                return UNKNOWN
            if i not in range(len(choices)):
                return False
            return equal(get(choices[int(i)]), get(target))
        case e.Automaton(items):
            word = [get(i) for i in items]
            return UNKNOWN if UNKNOWN in word else run(node, word)
    raise AssertionError(node)
