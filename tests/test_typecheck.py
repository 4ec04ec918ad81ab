"""Static types of expressions. The words of expression faults are held by `test_syntax`."""

from __future__ import annotations

import pytest

from spacegen.language.expr import (
    Abs,
    AllDifferent,
    And,
    Automaton,
    Compare,
    Const,
    Count,
    Element,
    Expr,
    IfElse,
    In,
    IsTrue,
    Negate,
    Not,
    Or,
    Ref,
    Sum,
    Table,
    Unset,
    Within,
)
from spacegen.language.model import Domain
from spacegen.language.typecheck import Type, comparable, mismatches, types_of, unwanted
from spacegen.language.unparse import unparse
from spacegen.language.walk import children

DOMAINS = {
    "n": Domain((None, 1, 0.5)),
    "b": Domain((True, False)),
    "s": Domain(("x", None)),
    "mixed": Domain((1, "x")),
    "nothing": Domain((None,)),
}
N, B, S, MIXED, NOTHING, ANY = Ref("n"), Ref("b"), Ref("s"), Ref("mixed"), Ref("nothing"), Unset("u")


def types(*names: Type) -> frozenset[Type]:
    return frozenset(names)


def faults(expr: Expr) -> list[tuple[int, str]]:
    parts = children(expr)
    return [(m.operand, m.message) for m in mismatches(expr, DOMAINS, lambda i: unparse(parts[i]))]


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (N, types("null", "number")),
        (MIXED, types("number", "string")),
        (Ref("unheard"), types()),
        (ANY, types()),
        (Const(True), types("bool")),
        (Sum((B, B)), types("number")),
        (Compare("==", N, N), types("bool")),
        (IfElse(B, N, S), types("null", "number", "string")),
        (IfElse(B, N, ANY), types()),
        (Table((N,), ()), types("bool")),
    ],
)
def test_the_types_of_an_expression(expr: Expr, expected: frozenset[Type]) -> None:
    assert types_of(expr, DOMAINS) == expected


def test_sides_are_comparable_where_a_value_could_be_equal() -> None:
    assert comparable(types("number"), types("number", "string"))
    assert comparable(types("number"), types("null"))
    assert comparable(types(), types("bool"))
    assert not comparable(types("number", "null"), types("string", "null"))


@pytest.mark.parametrize(
    "expr",
    [
        And((B, Compare("<", N, Const(3)), ANY, Const(None))),
        Compare("==", MIXED, Const("x")),
        Compare("==", NOTHING, S),
        Compare("<", NOTHING, ANY),
        In(N, (Const(None), Const(7))),
        Sum((B, N, Const(None))),
        Count((B, Const(None)), frozenset({1})),
        IfElse(B, N, S),
        Element(N, (S, Const("y")), S),
        Table((S, N), (("x", None), (None, 3))),
        Automaton((S, S), 0, frozenset({0}), ((0, "x", 0), (0, None, 0))),
        AllDifferent((N, MIXED, Const(2))),
        Within(B, ((0, 1),)),
        Not(ANY),
    ],
)
def test_what_fits(expr: Expr) -> None:
    assert faults(expr) == []


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (Or((B, N)), [(1, "expected a condition, but `n` is a number")]),
        (IsTrue(S), [(0, "expected a condition, but `s` is a string")]),
        (IfElse(MIXED, B, B), [(0, "expected a condition, but `mixed` may be a number or a string")]),
        (Count((B, S), frozenset({1})), [(1, "expected a condition, but `s` is a string")]),
        (Compare("!=", N, S), [(1, "cannot compare `n` (a number) with `s` (a string)")]),
        (Compare("<", MIXED, N), [(0, "`<` orders numbers, but `mixed` may be a number or a string")]),
        (In(B, (Const(1), Const(True))), [(1, "cannot compare `b` (true or false) with `1` (a number)")]),
        (Sum((N, S)), [(1, "expected a number, but `s` is a string")]),
        (Negate(B), [(0, "expected a number, but `b` is true or false")]),
        (Abs(MIXED), [(0, "expected a number, but `mixed` may be a number or a string")]),
        (AllDifferent((N, S)), [(1, "cannot compare `n` (a number) with `s` (a string)")]),
        (Element(S, (N,), N), [(0, "the index must be a number, but `s` is a string")]),
        (Element(N, (N, S), N), [(2, "cannot compare `s` (a string) with `n` (a number)")]),
        (Table((N, S), (("x", "x"),)), [(0, "`n` is a number, but a row has a string for it")]),
        (
            Automaton((N, S), 0, frozenset(), ((0, "x", 0),)),
            [(0, "`n` is a number, the transitions read strings")],
        ),
        (Within(S, ()), [(0, "expected a number, but `s` is a string")]),
    ],
)
def test_what_does_not_fit(expr: Expr, expected: list[tuple[int, str]]) -> None:
    assert faults(expr) == expected


def test_what_is_wanted_of_a_whole_expression() -> None:
    assert unwanted(types("string"), "any", "s") is None
    assert unwanted(types("bool", "null"), "bool", "b") is None
    assert unwanted(types(), "number", "u") is None
    assert unwanted(types("bool"), "number", "b") == ("expected a number, but `b` is true or false", None)
    assert unwanted(types("null"), "number", "null") is None
