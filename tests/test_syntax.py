"""Reading expressions: what each form becomes, and the exact words where it cannot be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from spacegen.errors import SpaceError
from spacegen.language.expr import (
    Abs,
    And,
    Compare,
    Const,
    Divide,
    Expr,
    Extreme,
    IfElse,
    In,
    IsNull,
    Negate,
    Not,
    Or,
    Product,
    Ref,
    Sum,
    Unset,
)
from spacegen.language.model import Domain
from spacegen.language.syntax import MAX_LENGTH, Names, Want, is_name, parse
from spacegen.source import Source, Span

DOMAINS = {
    "tp_size": Domain((1, 2, 4, 8)),
    "chunk": Domain((None, 512, 1024)),
    "backend": Domain(("auto", "nsa")),
    "dtype": Domain(("auto", 8)),
    "overlap": Domain((True, False)),
}
TP, CHUNK, BACKEND, OVERLAP = Ref("tp_size"), Ref("chunk"), Ref("backend"), Ref("overlap")
GPUS = Product((TP, Const(2)))
SYMBOLS: dict[str, Expr] = {name: Ref(name) for name in DOMAINS}
NAMES = Names(SYMBOLS | {"device_num": Const(8), "input_len": Unset("input_len"), "gpus": GPUS}, DOMAINS)
CASES = (Path(__file__).parent / "cases" / "expressions.txt").read_text(encoding="utf-8")


def read(text: str, want: Want = "bool") -> Expr:
    return parse(text, Span(Source("space.yaml", text), 1, 1), NAMES, want=want)


def report(text: str) -> str:
    with pytest.raises(SpaceError) as caught:
        read(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expr"),
    [
        ("overlap and overlap", And((OVERLAP, OVERLAP))),
        ("overlap or not overlap", Or((OVERLAP, Not(OVERLAP)))),
        ("backend == 'auto'", Compare("==", BACKEND, Const("auto"))),
        ("1 < chunk <= 8", And((Compare("<", Const(1), CHUNK), Compare("<=", CHUNK, Const(8))))),
        ("chunk in [null, 512]", In(CHUNK, (Const(None), Const(512)))),
        ('backend not in ("auto",)', Not(In(BACKEND, (Const("auto"),)))),
        ("chunk is null", IsNull(CHUNK)),
        ("chunk is not None", Not(IsNull(CHUNK))),
        ("chunk == null", Compare("==", CHUNK, Const(None))),
        ("overlap == true", Compare("==", OVERLAP, Const(True))),
        ("overlap == False", Compare("==", OVERLAP, Const(False))),
        ("implies(overlap, chunk is null)", Or((Not(OVERLAP), IsNull(CHUNK)))),
        ("overlap if chunk is null else false", IfElse(IsNull(CHUNK), OVERLAP, Const(False))),
        ("gpus <= device_num", Compare("<=", GPUS, Const(8))),
        ("tp_size > input_len", Compare(">", TP, Unset("input_len"))),
        ("input_len", Unset("input_len")),
    ],
)
def test_conditions(text: str, expr: Expr) -> None:
    assert read(text) == expr


@pytest.mark.parametrize(
    ("text", "expr"),
    [
        ("tp_size + chunk - 3 + -2", Sum((TP, CHUNK, Const(-3), Const(-2)))),
        ("tp_size - -3 - device_num", Sum((TP, Const(3), Const(-8)))),
        ("-(-9223372036854775808)", Negate(Const(-(2**63)))),
        ("tp_size - chunk", Sum((TP, Negate(CHUNK)))),
        ("tp_size + (chunk + 1)", Sum((TP, Sum((CHUNK, Const(1)))))),
        ("tp_size * chunk * 2", Product((TP, CHUNK, Const(2)))),
        ("tp_size * chunk / 2 * 3", Product((Divide("/", Product((TP, CHUNK)), Const(2)), Const(3)))),
        ("-(-a // b)".replace("a", "chunk").replace("b", "tp_size"), Negate(Divide("//", Negate(CHUNK), TP))),
        ("chunk % 2", Divide("%", CHUNK, Const(2))),
        ("min(tp_size, chunk, 3)", Extreme("min", (TP, CHUNK, Const(3)))),
        ("max(tp_size)", Extreme("max", (TP,))),
        ("abs(-tp_size)", Abs(Negate(TP))),
        ("overlap + overlap", Sum((OVERLAP, OVERLAP))),
        ("-9223372036854775808", Const(-(2**63))),
        ("tp_size if overlap else chunk", IfElse(OVERLAP, TP, CHUNK)),
    ],
)
def test_numbers(text: str, expr: Expr) -> None:
    assert read(text, "number") == expr


def _blocks() -> list[tuple[str, str]]:
    parts = [part.partition("\n") for part in re.split(r"^=== ", CASES, flags=re.MULTILINE)[1:]]
    return [(text, expected.strip("\n")) for text, _, expected in parts]


@pytest.mark.parametrize(("text", "expected"), _blocks(), ids=lambda case: case.split("\n")[0][:40])
def test_what_cannot_be_read_is_explained(text: str, expected: str) -> None:
    assert report(text) == expected


def _first_line(text: str) -> str:
    return report(text).splitlines()[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1:1: the expression is empty"),
        (" \t ", "1:1: the expression is empty"),
        ("tp_size == 1\0", "1:13: the character U+0000 cannot stand here"),
        ("tp_size\u00a0== 1", "1:8: the character U+00A0 cannot stand here"),
        ("tp_size == \ud800", "1:12: the text is not valid Unicode"),
        ('backend == "\\ud800"', "1:12: the string is not valid Unicode"),
        ("overlap or " * 1000 + "overlap", "1:1: the expression is longer than 10,000 characters"),
        ("(" * 300 + "overlap" + ")" * 300, "1:201: more than 200 brackets are open at once"),
        ("not " * 101 + "overlap", "1:1: the expression nests deeper than 100 levels"),
        ("-" * 9000 + "tp_size", "1:1: the expression nests deeper than 100 levels"),
        ("overlap == " + "9" * 5000, "1:12: the integer does not fit in 64 bits"),
    ],
)
def test_what_is_odd_or_too_much_is_refused(text: str, message: str) -> None:
    assert _first_line(text) == f"space.yaml:{message}"


def test_nesting_of_100_levels_is_read() -> None:
    assert read("not " * 100 + "overlap")


def test_a_chain_of_1000_terms_is_one_sum() -> None:
    expr = read(" + ".join(["tp_size"] * 1000), "number")
    assert expr == Sum((TP,) * 1000)


def test_derived_values_count_in_full() -> None:
    large: Expr = And((OVERLAP,) * 60_000)
    names = Names({"large": large}, DOMAINS)
    with pytest.raises(SpaceError, match="more than 100,000 parts"):
        parse("large or large", Span(Source("t", ""), 1, 1), names)
    deep: Expr = OVERLAP
    for _ in range(60):
        deep = Not(deep)
    text = "not " * 60 + "deep"
    with pytest.raises(SpaceError, match="nests deeper than 100 levels"):
        parse(text, Span(Source("t", text), 1, 1), Names({"deep": deep}, DOMAINS))


def test_a_bomb_of_derived_values_is_refused_before_it_grows() -> None:
    bomb: Expr = OVERLAP
    for _ in range(3):
        bomb = Or((bomb,) * 5_000)
    text = "bomb or overlap"
    with pytest.raises(SpaceError, match="more than 100,000 parts"):
        parse(text, Span(Source("t", text), 1, 1), Names({"bomb": bomb, "overlap": OVERLAP}, DOMAINS))


def test_all_faults_of_an_expression_are_told_at_once() -> None:
    with pytest.raises(SpaceError) as caught:
        read("nope == 1 and backend == 2 and other(3) and nope == 2")
    assert [fault.message for fault in caught.value.faults] == [
        "unknown name `nope`",
        "cannot compare `backend` (a string) with `2` (a number)",
        "unknown function `other`",
    ]


def test_a_value_may_be_of_any_type() -> None:
    assert read("'x' if overlap else chunk", "any") == IfElse(OVERLAP, Const("x"), CHUNK)
    with pytest.raises(SpaceError, match="expected a number, but `backend` is a string"):
        read("backend", "number")


LINES = 'a: 1\nrule: {{require: {0}, because: "x"}}\n'


@pytest.mark.parametrize(
    ("written", "text", "column"),
    [
        ("tp_size > nope", "tp_size > nope", 27),
        ('"tp_size > nope"', "tp_size > nope", 28),
        ("'tp_size > nope'", "tp_size > nope", 28),
        ('"tp_size\\x20> nope"', "tp_size > nope", 17),
    ],
)
def test_the_caret_is_exact_where_the_source_spells_the_text(written: str, text: str, column: int) -> None:
    source = Source("space.yaml", LINES.format(written))
    with pytest.raises(SpaceError) as caught:
        parse(text, Span(source, 2, 17), NAMES)
    [fault] = caught.value.faults
    assert fault.span == Span(source, 2, column)


def test_lines_of_a_block_are_one_expression() -> None:
    source = Source("space.yaml", "require: |\n  overlap\n  and nope\n")
    with pytest.raises(SpaceError, match=r"space\.yaml:1:10: unknown name `nope`"):
        parse("overlap\nand nope\n", Span(source, 1, 10), NAMES)
    assert parse("overlap\nand\n  overlap\n", Span(source, 1, 10), NAMES) == And((OVERLAP, OVERLAP))


def test_columns_count_characters() -> None:
    assert _first_line("backend == 'é…' and nope") == "space.yaml:1:21: unknown name `nope`"


def test_a_name_wins_over_a_literal() -> None:
    names = Names({"null": OVERLAP}, DOMAINS)
    assert parse("null", Span(Source("t", "null"), 1, 1), names) == OVERLAP


@pytest.mark.parametrize("name", ["tp_size", "_x", "A1", "rule", "in_"])
def test_names(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize(
    "name", ["", "tp-size", "1a", "and", "lambda", "None", "null", "min", "ﬁ", "é", "a b"]
)
def test_what_expressions_cannot_mention(name: str) -> None:
    assert not is_name(name)


def test_the_bound_on_length_is_what_the_message_says() -> None:
    assert f"{MAX_LENGTH:,}" in report("x" * (MAX_LENGTH + 1))
