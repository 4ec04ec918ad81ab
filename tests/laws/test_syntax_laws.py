"""Laws of text and expressions: writing and reading back keeps the meaning, and no text breaks the reader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from expressions import LOGICAL, NUMERIC
from spacegen.errors import Fault, SpaceError
from spacegen.language.bodies import KEYWORDS, body_of, condition, rule_of, text_of
from spacegen.language.columns import Column, column
from spacegen.language.evaluate import evaluate, truth
from spacegen.language.expr import (
    Const,
    Expr,
    Negate,
    Ref,
    Scalar,
    Unset,
    Within,
)
from spacegen.language.model import Domain
from spacegen.language.plain import plain
from spacegen.language.syntax import MAX_LENGTH, Names, parse
from spacegen.language.unparse import literal, unparse
from spacegen.language.walk import implies
from spacegen.source import Source, Span

VALUES: Final[Mapping[str, tuple[Scalar, ...]]] = {
    "n": (None, -1, 0, 0.5, 1, 3, 7),
    "m": (-2, 0, 1, 2, 2**53 + 1),
    "b": (True, False, None),
    "s": ("a", "b", None),
}
NAMES = Names(
    {name: Ref(name) for name in VALUES} | {"u": Unset("u")},
    {name: Domain(values) for name, values in VALUES.items()},
)
GRID = np.indices([len(values) for values in VALUES.values()]).reshape(len(VALUES), -1)
ENV = {name: column(v).take(codes) for (name, v), codes in zip(VALUES.items(), GRID, strict=True)}
SIZE = GRID.shape[1]


def _span(text: str) -> Span:
    return Span(Source("test", text), 1, 1)


def _truth(expr: Expr) -> tuple[list[bool], list[bool]]:
    yes, maybe = truth(expr, ENV)
    return np.broadcast_to(yes, SIZE).tolist(), np.broadcast_to(maybe, SIZE).tolist()


def _values(expr: Expr) -> list[Any]:
    found = evaluate(expr, ENV)
    unknown = np.broadcast_to(False if found.unknown is None else found.unknown, SIZE)
    kind = found.kind if isinstance(found.kind, int) else np.broadcast_to(found.kind, SIZE)
    shown = Column(np.broadcast_to(found.data, SIZE), kind, unknown, found.bound).values()
    return ["nan" if value != value else value for value in shown]


@settings(max_examples=200, deadline=None)
@given(LOGICAL)
def test_lowering_to_plain_nodes_keeps_all_three_truth_values(expr: Expr) -> None:
    assert _truth(plain(expr)) == _truth(expr)


@settings(max_examples=200, deadline=None)
@given(LOGICAL)
def test_a_condition_read_back_from_its_text_means_the_same(expr: Expr) -> None:
    text = unparse(plain(expr))
    if len(text) <= MAX_LENGTH:
        assert _truth(parse(text, _span(text), NAMES)) == _truth(expr), text


@settings(max_examples=300, deadline=None)
@given(NUMERIC)
def test_a_number_read_back_from_its_text_is_the_same(expr: Expr) -> None:
    text = unparse(expr)
    assert _values(parse(text, _span(text), NAMES, want="number")) == _values(expr), text


@settings(max_examples=200, deadline=None)
@given(LOGICAL | NUMERIC)
@example(Negate(Negate(Const(0))))
@example(Negate(Negate(Const(-(2**63)))))
def test_a_text_read_once_is_written_the_same_ever_after(expr: Expr) -> None:
    try:
        text = unparse(parse(unparse(plain(expr)), _span(""), NAMES, want="any"))
    except SpaceError as error:
        _past_the_bounds(error)
        return
    assert unparse(parse(text, _span(""), NAMES, want="any")) == text


def _past_the_bounds(error: SpaceError) -> None:
    """Shorthand that is written out may pass what one text may hold."""
    assert "longer than" in str(error) or "nests deeper" in str(error)


def _too_long(error: SpaceError) -> None:
    assert "too long to write out" in str(error)


@settings(max_examples=200, deadline=None)
@given(LOGICAL)
def test_a_body_rejects_what_its_condition_rejects(expr: Expr) -> None:
    try:
        keyword, value = body_of(expr)
    except SpaceError as error:
        _too_long(error)
        return
    read = condition(keyword, value, lambda path: _span(""), NAMES)
    assert _truth(read)[1] == _truth(expr)[1], (keyword, value)
    assert "\n" not in text_of(keyword, value)


@settings(max_examples=100, deadline=None)
@given(LOGICAL, LOGICAL)
@example(Ref("b"), Within(Ref("n"), ((None, 0), (0, -1))))
def test_a_rule_keeps_its_when(test: Expr, body: Expr) -> None:
    try:
        written = rule_of(implies(test, body))
    except SpaceError as error:
        _too_long(error)
        return
    when = parse(str(written.pop("when")), _span(""), NAMES)
    [(keyword, value)] = written.items()
    read = implies(when, condition(keyword, value, lambda path: _span(""), NAMES))
    assert _truth(read)[1] == _truth(implies(test, body))[1]


@given(st.text())
def test_every_string_has_a_literal(value: str) -> None:
    if any("\ud800" <= char <= "\udfff" for char in value):
        return
    text = f"s == {literal(value)}"
    assert unparse(parse(text, _span(text), NAMES)) == text


TOKENS: Final = (
    'n m b s u nope 1 -2 0.5 1e9 99999999999999999999 012 1_0 0x1f 1j "a" \'b\' "\\ud800" f"" b\'\'',
    "and or not in is if else null true None lambda for := == != < <= > >= = => && || ! + - * / // % **",
    "@ & | ^ ~ ( ) [ ] { } , . : ; # \\ ` $ ? min( max( abs( implies( len( x.y() … ≤ \0 \t",
)
PIECES = st.sampled_from([token for line in TOKENS for token in line.split(" ")])


def _faults(error: SpaceError) -> list[Fault]:
    assert str(error)
    return list(error.faults)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=14).map(" ".join) | st.text(max_size=30))
@example("(" * 5000)
@example("-" * 9999 + "n")
@example("not " * 2400 + "b")
@example("n + " * 2400 + "n == 1")
@example("9" * 9000)
@example("[" * 99 + "]" * 99)
@example("b if b else " * 800 + "b")
@example("\ufeffn == 1")
@example("(b for b in b)")
@example("*b")
@example("await b")
@example("b[1:2]")
@example("yield")
def test_no_text_gives_anything_but_an_expression_or_faults(text: str) -> None:
    try:
        expr = parse(text, _span(text), NAMES, want="any")
    except SpaceError as error:
        faults = _faults(error)
    else:
        assert unparse(expr)
        return
    assert faults
    assert all(fault.span and 1 <= fault.span.column <= len(text) + 1 for fault in faults)


PATHS = st.sampled_from(["target", "expressions", "rows", "if", "then", "terms", "min", "domain", "index"])
DATA: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from(["n", "b", "s", "n == 1", "b and", "", "nope", "s < 1"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(PATHS | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(KEYWORDS), DATA)
def test_no_data_gives_anything_but_a_condition_or_faults(keyword: str, value: Any) -> None:
    assert text_of(keyword, value) or value == ""
    try:
        condition(keyword, value, lambda path: _span(""), NAMES)
    except SpaceError as error:
        faults = _faults(error)
    else:
        return
    assert faults


@pytest.mark.parametrize("length", [10, 1000])
def test_long_chains_stay_flat(length: int) -> None:
    terms = parse(" + ".join(["n"] * length), _span(""), NAMES, want="number")
    assert unparse(terms) == " + ".join(["n"] * length)
    assert len(getattr(terms, "items", ())) == length
