"""Expressions as text."""

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
from spacegen.language.unparse import literal, unparse

A, B, C = Ref("a"), Ref("b"), Ref("c")


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (And((Or((A, B)), C)), "(a or b) and c"),
        (Or((And((A, B)), C)), "a and b or c"),
        (Not(And((A, B))), "not (a and b)"),
        (Not(Compare("==", A, B)), "not a == b"),
        (Compare("==", Compare("<", A, B), C), "(a < b) == c"),
        (Not(In(A, (Const(1), Const(None)))), "a not in [1, null]"),
        (In(A, ()), "a in []"),
        (Not(IsNull(A)), "a is not null"),
        (IsNull(Sum((A, B))), "a + b is null"),
        (Sum((A, Negate(B), Const(-3), Const(2))), "a - b - 3 + 2"),
        (Sum((A, Negate(Sum((B, C))))), "a - (b + c)"),
        (Sum((A, Sum((B, C)))), "a + (b + c)"),
        (Sum((A,)), "a + 0"),
        (Sum(()), "0 + 0"),
        (Product((A, Sum((B, C)))), "a * (b + c)"),
        (Product((A, Divide("/", B, C))), "a * (b / c)"),
        (Product((Divide("/", A, B), C)), "a / b * c"),
        (Product((A,)), "1 * a"),
        (Divide("//", A, Divide("%", B, C)), "a // (b % c)"),
        (Negate(Negate(A)), "-(-a)"),
        (Negate(Product((A, B))), "-(a * b)"),
        (Product((Const(-2), Const(-3))), "-2 * -3"),
        (Abs(Extreme("max", (A, Const(0.5)))), "abs(max(a, 0.5))"),
        (IfElse(A, B, IfElse(B, A, C)), "b if a else a if b else c"),
        (IfElse(IfElse(A, B, C), A, B), "a if (b if a else c) else b"),
        (And((IfElse(A, B, C), A)), "(b if a else c) and a"),
        (And((A,)), "a and true"),
        (And(()), "true and true"),
        (Or(()), "false or false"),
        (Unset("limit"), "limit"),
    ],
)
def test_expressions_with_a_syntax(expr: Expr, text: str) -> None:
    assert unparse(expr) == text


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (Count((A, B), frozenset({0, 1})), "at_most_one(a, b)"),
        (Count((A, B), frozenset({1})), "exactly_one(a, b)"),
        (Count((A, B, C), frozenset({1, 3})), "bool_xor(a, b, c)"),
        (Count((A, B, C), frozenset({2, 0})), "count(a, b, c; 0, 2)"),
        (AllDifferent((A, B)), "all_different(a, b)"),
        (Table((A, B), ((1, 2),) * 1200), "allowed_assignments(a, b; 1,200 rows)"),
        (Not(Table((A,), ((1,),))), "not allowed_assignments(a; 1 rows)"),
        (Element(A, (B, Const("x")), C), 'element(a, [b, "x"], c)'),
        (Automaton((A, B), 0, frozenset({1}), ((0, 1, 1),)), "automaton(a, b; 1 transitions)"),
        (Within(Sum((A, B)), ((None, 3), (5, 8))), "within(a + b, ..3, 5..8)"),
        (Within(A, ()), "within(a, nothing)"),
        (IsTrue(Or((A, B))), "is_true(a or b)"),
    ],
)
def test_expressions_without_a_syntax_are_shown_as_functions(expr: Expr, text: str) -> None:
    assert unparse(expr) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1, "1"),
        (0.1, "0.1"),
        (1e300, "1e+300"),
        ("auto", '"auto"'),
        ('a "b" \\ c', '"a \\"b\\" \\\\ c"'),
        ("é\n\u2028", '"é\\u000a\\u2028"'),
        ("\U000e0001", '"\\U000e0001"'),
    ],
)
def test_literals(value: Scalar, text: str) -> None:
    assert literal(value) == text
