"""Rule bodies: the condition that each stands for, and the exact words for each way to get one wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from spacegen.errors import SpaceError
from spacegen.language.bodies import KEYWORDS, condition, text_of
from spacegen.language.document import BODIES
from spacegen.language.expr import (
    AllDifferent,
    And,
    Automaton,
    Compare,
    Const,
    Count,
    Element,
    Expr,
    IsNull,
    Not,
    Or,
    Product,
    Ref,
    Sum,
    Table,
    Unset,
    Within,
)
from spacegen.language.model import Domain
from spacegen.language.nodes import read_tree
from spacegen.language.syntax import Names
from spacegen.source import Source, Span

DOMAINS = {
    "n": Domain((None, 1, 2, 3)),
    "m": Domain((0, 1, 2)),
    "s": Domain(("x", "y")),
    "b": Domain((True, False)),
    "c": Domain((True, False)),
}
N, M, S, B, C = map(Ref, DOMAINS)
SYMBOLS: dict[str, Expr] = {name: Ref(name) for name in DOMAINS}
NAMES = Names(SYMBOLS | {"limit": Const(8), "free": Unset("free"), "both": And((B, C))}, DOMAINS)
CASES = (Path(__file__).parent / "cases" / "bodies.txt").read_text(encoding="utf-8")


def read(text: str) -> Expr:
    tree = read_tree(Source("space.yaml", text))
    [(keyword, value)] = tree.data.items()
    return condition(
        keyword,
        value,
        lambda path: tree.at((keyword, *path)),
        NAMES,
        at_key=lambda path: tree.at_key((keyword, *path)),
    )


def report(text: str) -> str:
    with pytest.raises(SpaceError) as caught:
        read(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expr"),
    [
        ("require: n <= limit", Compare("<=", N, Const(8))),
        ("require: false", Const(False)),
        ("require: {n: null}", Compare("==", N, Const(None))),
        ("require: {n: 1, s: x}", And((Compare("==", N, Const(1)), Compare("==", S, Const("x"))))),
        (
            "require: {both: true, free: 1}",
            And((Compare("==", NAMES.symbols["both"], Const(True)), Compare("==", Unset("free"), Const(1)))),
        ),
        ("forbid: b and c", Not(And((B, C)))),
        ("forbid: {n: 1, b: true}", Not(And((Compare("==", N, Const(1)), Compare("==", B, Const(True)))))),
        ("bool_or: [b, n == 1, true]", Or((B, Compare("==", N, Const(1)), Const(True)))),
        ("bool_and: [b, c]", And((B, C))),
        ("bool_xor: [b, c, both]", Count((B, C, And((B, C))), frozenset({1, 3}))),
        ("at_most_one: [b, c]", Count((B, C), frozenset({0, 1}))),
        ("exactly_one: [b, c]", Count((B, C), frozenset({1}))),
        ("implication: [b, n is null]", Or((Not(B), IsNull(N)))),
        ("implication: {if: b, then: c}", Or((Not(B), C))),
        (
            "linear: {terms: {n: 2, b: -1}, max: 5}",
            Within(Sum((Product((Const(2), N)), Product((Const(-1), B)))), ((None, 5),)),
        ),
        (
            "linear: {terms: [[2, n], [0.5, m * m]], min: 1, max: limit}",
            Within(Sum((Product((Const(2), N)), Product((Const(0.5), Product((M, M)))))), ((1, 8),)),
        ),
        (
            "linear: {terms: {n: 1}, domain: [[null, 3], 5, [7, 9]]}",
            Within(Sum((Product((Const(1), N)),)), ((None, 3), (5, 5), (7, 9))),
        ),
        (
            "linear: {terms: {n: 1}, max: free}",
            And((Compare("<=", Sum((Product((Const(1), N)),)), Unset("free")),)),
        ),
        ("all_different: [n, m, 3]", AllDifferent((N, M, Const(3)))),
        (
            "allowed_assignments: {parameters: [n, s], values: [[1, x], [null, y]]}",
            Table((N, S), ((1, "x"), (None, "y"))),
        ),
        ("forbidden_assignments: {expressions: [n + m], rows: [[2]]}", Not(Table((Sum((N, M)),), ((2,),)))),
        (
            "element: {index: m, values: [x, y, null], target: s}",
            Element(M, (Const("x"), Const("y"), Const(None)), S),
        ),
        (
            "element: {index: m, expressions: [n, n + 1], target: limit}",
            Element(M, (N, Sum((N, Const(1)))), Const(8)),
        ),
        (
            "automaton: {parameters: [b, c], start: 0, final: [0, 1], transitions: [[0, true, 1]]}",
            Automaton((B, C), 0, frozenset({0, 1}), ((0, True, 1),)),
        ),
        (
            "automaton: {expressions: [n], start: 0, final: 1, transitions: [[0, null, 1]]}",
            Automaton((N,), 0, frozenset({1}), ((0, None, 1),)),
        ),
    ],
)
def test_what_a_body_stands_for(text: str, expr: Expr) -> None:
    assert read(text) == expr


def _blocks() -> list[tuple[str, str]]:
    parts = [part.partition("\n") for part in re.split(r"^=== ", CASES, flags=re.MULTILINE)[1:]]
    return [(text, expected.strip("\n")) for text, _, expected in parts]


@pytest.mark.parametrize(("text", "expected"), _blocks(), ids=lambda case: case.split("\n")[0][:50])
def test_what_is_wrong_with_a_body_is_explained(text: str, expected: str) -> None:
    assert report(text) == expected


def test_every_body_has_a_case_of_its_own() -> None:
    assert {text.split(":")[0] for text, _ in _blocks()} == set(KEYWORDS)


def test_the_document_knows_the_same_bodies() -> None:
    assert set(KEYWORDS) == set(BODIES)


def test_values_from_python_are_bounded_too() -> None:
    def at(path: tuple[str | int, ...]) -> Span:
        return Span(Source("code", ""), 1, 1)

    for value in (2**63, float("inf"), float("nan")):
        with pytest.raises(SpaceError, match="is too large"):
            condition("require", {"n": value}, at, NAMES)


@pytest.mark.parametrize(
    ("keyword", "value", "text"),
    [
        ("require", "a  ==\n 1", "a == 1"),
        ("require", {"a": 1, "b": None, "c": "x y"}, "{a: 1, b: null, c: x y}"),
        ("require", True, "true"),
        ("forbid", "a and b", "forbid a and b"),
        ("exactly_one", ["a", "b == 1"], "exactly_one: [a, b == 1]"),
        ("linear", {"terms": {"a": 2}, "max": 3}, "linear: {terms: {a: 2}, max: 3}"),
        ("allowed_assignments", {"expressions": ["a"], "rows": [[i] for i in range(1500)]}, None),
    ],
)
def test_a_body_on_one_line(keyword: str, value: object, text: str | None) -> None:
    many = "allowed_assignments: {expressions: [a], rows: [" + ", ".join(f"[{i}]" for i in range(12))
    assert text_of(keyword, value) == (text or many + ", ... 1,500 in all]}")
