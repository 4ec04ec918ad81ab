"""Nodes without a syntax, written out. That the meaning stays is a law in `test_syntax_laws`."""

from __future__ import annotations

import pytest

from spacegen.errors import SpaceError
from spacegen.language.expr import (
    And,
    Automaton,
    Compare,
    Const,
    Count,
    Divide,
    Element,
    Expr,
    IfElse,
    IsTrue,
    Not,
    Or,
    Ref,
    Sum,
    Table,
    Unset,
    Within,
)
from spacegen.language.plain import plain
from spacegen.language.unparse import unparse

A, B, N, M = map(Ref, "abnm")


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (IsTrue(A), "a == true"),
        (IsTrue(Not(Or((A, B)))), "a == false and b == false"),
        (IsTrue(Compare("<", N, Const(3))), "n is not null and n < 3"),
        (IsTrue(Compare("==", N, Const(3))), "n == 3"),
        (
            IsTrue(Compare("==", Divide("/", N, M), Const(2))),
            "(n is not null and m is not null and m != 0) and n / m == 2",
        ),
        (IsTrue(Compare(">", N, Unset("u"))), "false"),
        (IsTrue(IfElse(A, B, Const(True))), "a == true and b == true or a == false"),
        (Within(Sum((N, M)), ((0, 3),)), "n + m >= 0 and n + m <= 3"),
        (Table((N, M), ((1, "x"),)), 'n == 1 and m == "x"'),
        (
            Element(N, (A, B), M),
            (
                "(n + 0 >= 0 and n + 0 <= 0 or n + 0 >= 1 and n + 0 <= 1)"
                " and (not n == 0 or a == m) and (not n == 1 or b == m)"
            ),
        ),
        (Automaton((N,), 0, frozenset({1}), ((0, 5, 1), (0, 6, 2))), "n == 5"),
        (And((A, Count((), frozenset({1})))), "a and (false or false and null)"),
    ],
)
def test_the_plain_form(expr: Expr, text: str) -> None:
    assert unparse(plain(expr)) == text


def test_a_count_is_a_sum_of_what_is_sure_and_what_may_be() -> None:
    text = unparse(plain(Count((A, B), frozenset({0, 1}))))
    sure = "(1 if a == true else 0) + (1 if b == true else 0)"
    most = "(0 if a == false else 1) + (0 if b == false else 1)"
    assert text == f"{sure} >= 0 and {most} <= 1 or {most} >= 0 and {sure} <= 1 and null".replace(
        f"{most} >= 0 and {sure} <= 1 and null", f"({most} >= 0 and {sure} <= 1) and null"
    )


def test_an_automaton_of_too_many_words_is_refused() -> None:
    arcs = tuple((0, value, 0) for value in range(10))
    with pytest.raises(SpaceError, match="over 10,000 words"):
        plain(Automaton((N,) * 5, 0, frozenset({0}), arcs))
