"""Conditions as rule bodies. That nothing else is rejected is a law in `test_syntax_laws`."""

from __future__ import annotations

import pytest

from spacegen.errors import SpaceError
from spacegen.language.bodies import body_of, rule_of
from spacegen.language.expr import (
    AllDifferent,
    And,
    Automaton,
    Compare,
    Const,
    Count,
    Element,
    Expr,
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
    Within,
)
from spacegen.language.walk import implies

A, B, N, M = map(Ref, "abnm")


@pytest.mark.parametrize(
    ("expr", "keyword", "value"),
    [
        (Compare("<=", N, M), "require", "n <= m"),
        (Not(And((A, B))), "forbid", "a and b"),
        (Not(IsNull(N)), "require", "n is not null"),
        (Not(In(N, (Const(1),))), "require", "n not in [1]"),
        (IsTrue(A), "require", "a == true"),
        (Count((A, B), frozenset({0, 1})), "at_most_one", ["a", "b"]),
        (Count((A, B), frozenset({1})), "exactly_one", ["a", "b"]),
        (Count((A, B, N), frozenset({1, 3, 5})), "bool_xor", ["a", "b", "n"]),
        (AllDifferent((N, Sum((M, Const(1))))), "all_different", ["n", "m + 1"]),
        (AllDifferent((N,)), "require", "true and true"),
        (
            Table((N, M), ((1, None),)),
            "allowed_assignments",
            {"expressions": ["n", "m"], "rows": [[1, None]]},
        ),
        (Not(Table((N,), ((1,),))), "forbidden_assignments", {"expressions": ["n"], "rows": [[1]]}),
        (
            Element(N, (A, Const("x")), M),
            "element",
            {"index": "n", "expressions": ["a", '"x"'], "target": "m"},
        ),
        (
            Automaton((A, B), 0, frozenset({2, 1}), ((0, True, 1),)),
            "automaton",
            {"expressions": ["a", "b"], "start": 0, "final": [1, 2], "transitions": [[0, True, 1]]},
        ),
        (
            Within(Sum((Product((Const(2), N)), Negate(M), A)), ((None, 5),)),
            "linear",
            {"terms": [[2, "n"], [-1, "m"], [1, "a"]], "max": 5},
        ),
        (
            Within(N, ((0, 1), (3, None))),
            "linear",
            {"terms": [[1, "n"]], "domain": [[0, 1], [3, None]]},
        ),
        (Within(N, ((3, 1),)), "require", "n + 0 >= 3 and n + 0 <= 1"),
        (Within(N, ((None, None),)), "linear", {"terms": [[1, "n"]], "domain": [[None, None]]}),
    ],
)
def test_the_body_of_a_condition(expr: Expr, keyword: str, value: object) -> None:
    assert body_of(expr) == (keyword, value)


def test_a_rule_has_its_when_beside_its_body() -> None:
    expr = implies(Compare("==", N, Const(1)), Count((A, B), frozenset({1})))
    assert rule_of(expr) == {"when": "n == 1", "exactly_one": ["a", "b"]}
    assert rule_of(Or((A, B))) == {"require": "a or b"}


def test_what_is_too_long_for_one_text_is_a_list() -> None:
    many = tuple(Compare("!=", N, Const(i)) for i in range(2000))
    keyword, value = body_of(And(many))
    assert keyword == "bool_and"
    assert isinstance(value, list)
    assert value[-1] == "n != 1999"
    assert body_of(Or(many))[0] == "bool_or"


def test_what_cannot_be_written_out_is_refused() -> None:
    table = Table((N, M), tuple((i, i) for i in range(1000)))
    with pytest.raises(SpaceError, match="too long to write out: over 10,000 characters"):
        body_of(Or((A, Not(table))))
