"""Why a rule is false, in words: one line for every kind of condition."""

from __future__ import annotations

import random

import numpy as np
import pytest

from build import parameter
from spacegen.api import load
from spacegen.language import expr as e
from spacegen.language.columns import column
from spacegen.language.evaluate import not_false
from spacegen.language.model import Constant, Derived, Model
from spacegen.language.syntax import Names, parse
from spacegen.language.walk import scope
from spacegen.questions.why.reasoning import reason
from spacegen.questions.why.terms import number
from spacegen.source import Source, Span

VALUES: dict[str, e.Scalar] = {
    "tp": 8,
    "pp": 2,
    "dp": 3,
    "share": 0.5,
    "none": None,
    "on": True,
    "off": False,
    "also": True,
    "attn": "fa3",
    "io": "kernel",
    "same": "fa3",
    "big": 131072,
}
PARAMETERS = tuple(parameter(name, value) for name, value in VALUES.items())
CONSTANTS: dict[str, tuple[e.Scalar, str | None]] = {
    "gpus": (8, "GPUs"),
    "budget": (100, None),
    "kind": ("moe", None),
}
RANKS = e.Product((e.Ref("tp"), e.Ref("pp")))
REPLICAS = e.IfElse(e.Ref("off"), e.Const(1), e.Ref("dp"))
SYMBOLS: dict[str, e.Expr] = {
    **{name: e.Ref(name) for name in VALUES},
    **{name: e.Const(value, name) for name, (value, _) in CONSTANTS.items()},
    "lost": e.Unset("lost"),
    "ranks": RANKS,
    "launched": e.Product((RANKS, REPLICAS)),
}
MODEL = Model(
    "words",
    PARAMETERS,
    derived=(Derived("ranks", RANKS, "", "ranks"), Derived("launched", SYMBOLS["launched"], "")),
    constants=tuple(Constant(name, value, unit) for name, (value, unit) in CONSTANTS.items()),
)


def read(text: str) -> e.Expr:
    span = Span(Source("test", text), 1, 1)
    return parse(text, span, Names(SYMBOLS, {p.name: p.domain for p in PARAMETERS}), want="any")


def why(condition: e.Expr) -> str:
    return reason(MODEL, condition, {name: VALUES[name] for name in scope(condition)})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        # Both sides, with what they come to.
        ("tp * pp * dp <= gpus", "tp=8 × pp=2 × dp=3 = 48 > 8 GPUs"),
        ("tp * pp <= gpus + budget - 100", "tp=8 × pp=2 = 16 ranks > 8"),
        ("tp <= pp", "tp=8 > pp=2"),
        ("tp + pp <= dp * pp", "tp=8 + pp=2 = 10 > 6 = dp=3 × pp=2"),
        ("tp - pp - 1 < 5", "tp=8 - pp=2 - 1 = 5 >= 5"),
        ("tp * (pp + dp) == budget", "tp=8 × (pp=2 + dp=3) = 40 != budget=100"),
        ("-tp > -(pp + 1)", "-tp=8 = -8 <= -3 = -(pp=2 + 1)"),
        ("tp // dp / share == 5", "tp=8 // dp=3 / share=0.5 = 4 != 5"),
        ("tp % dp == 0", "tp=8 % dp=3 = 2 != 0"),
        ("abs(pp - tp) < max(pp, dp)", "abs(pp=2 - tp=8) = 6 >= 3 = max(pp=2, dp=3)"),
        ("big * tp <= 1000000", "big=131072 × tp=8 = 1,048,576 > 1000000"),
        ("share * 3 - 1.4 == 0.1", "share=0.5 × 3 - 1.4 = 0.10000000000000009 != 0.1"),
        # Equality says the value, and what it is not.
        ("attn == io", "attn=fa3 != io=kernel"),
        ("attn != same", "attn = same = fa3"),
        ('attn == "nsa"', "attn=fa3 is not nsa"),
        ('"nsa" == attn', "attn=fa3 is not nsa"),
        ('attn != "fa3"', "attn=fa3"),
        ("none is not null", "none=null"),
        ("attn is null", "attn=fa3 is not null"),
        ("tp in [1, 2, 4]", "tp=8 is not one of 1, 2, 4"),
        ("tp * pp in [1, 2, 3, 4, 5, 6, 7]", "tp=8 × pp=2 = 16 ranks is not one of 1, 2, 3, 4, 5, …"),
        ("tp not in [8]", "tp=8"),
        ('kind == "dense"', "kind=moe is not dense"),
        ("on == off", "on=true != off=false"),
        # Truths and what joins them.
        ("off", "off=false"),
        ("not on", "on=true"),
        ("off and tp < 3 and on", "off=false and tp=8 >= 3"),
        ("off or tp < 3", "off=false and tp=8 >= 3"),
        ("not (on and also)", "on=true and also=true"),
        ("not (off or on)", "on=true"),
        ("implies(on, off)", "on=true, but off=false"),
        ('implies(attn != "x" and on, io is null)', "attn=fa3 and on=true, but io=kernel is not null"),
        ("implies(on, not also)", "on=true, but also=true"),
        ("off if on else also", "on=true, but off=false"),
        ("tp < 3 if off else pp < 1", "off=false, but pp=2 >= 1"),
        # What is not known makes nothing false by itself.
        ("implies(none is null, off)", "none=null, but off=false"),
        # Terms that depend on a choice, and derived values.
        ("tp * (1 if off else dp) <= gpus", "tp=8 × dp=3 = 24 > 8 GPUs, as off=false"),
        ("launched <= gpus", "tp=8 × pp=2 × dp=3 = 48 > 8 GPUs, as off=false"),
        ("ranks < 10", "tp=8 × pp=2 = 16 ranks >= 10"),
    ],
)
def test_a_line_says_why_a_rule_is_false(text: str, line: str) -> None:
    condition = read(text)
    env = {name: column([VALUES[name]]) for name in scope(condition)}
    assert not np.any(not_false(condition, env)), "the rule is false"
    assert why(condition) == line


ITEMS = (e.Ref("on"), e.Ref("off"), e.Ref("also"))
PAIR = (e.Ref("tp"), e.Ref("attn"))


@pytest.mark.parametrize(
    ("condition", "line"),
    [
        (e.Count(ITEMS, frozenset({0, 1})), "on=true and also=true where at most 1 may hold"),
        (e.Count(ITEMS, frozenset({0})), "on=true and also=true where none may hold"),
        (e.Count(ITEMS, frozenset({1})), "on=true and also=true where 1 must hold"),
        (e.Count(ITEMS, frozenset({1, 3})), "on=true, off=false, also=true where an odd number must hold"),
        (e.Count(ITEMS, frozenset({3})), "on=true, off=false, also=true where 3 must hold"),
        (e.Count(ITEMS, frozenset()), "on=true and also=true where no number may hold"),
        (e.AllDifferent((e.Ref("attn"), e.Ref("io"), e.Ref("same"))), "attn = same = fa3"),
        (e.Table(PAIR, ((1, "fa3"), (8, "nsa"))), "tp=8, attn=fa3 is none of the 2 allowed combinations"),
        (e.Not(e.Table(PAIR, ((8, "fa3"),))), "tp=8, attn=fa3"),
        (e.Automaton(PAIR, 0, frozenset({1}), ()), "tp=8, attn=fa3 is not accepted by the automaton"),
        (e.Within(RANKS, ((0, 10),)), "tp=8 × pp=2 = 16 ranks > 10"),
        (e.Within(RANKS, ((20, None),)), "tp=8 × pp=2 = 16 ranks < 20"),
        (e.Within(e.Ref("tp"), ((0, 3), (9, None))), "tp=8 lies outside 0..3, 9.."),
        (e.Not(e.Within(e.Ref("tp"), ((7, 9),))), "tp=8 lies in 7..9"),
        (
            e.Element(e.Ref("pp"), (e.Const(1), e.Const(2), e.Ref("dp")), e.Ref("tp")),
            "pp=2, but dp=3 != tp=8",
        ),
        (e.Element(e.Ref("tp"), (e.Const(1),), e.Const(1)), "tp=8 > 0"),
        (
            e.Or((e.IsTrue(e.Ref("off")), e.Compare("==", e.Ref("tp"), e.Const(4)))),
            "off=false, but tp=8 is not 4",
        ),
        (e.IsTrue(e.Compare("<", e.Ref("none"), e.Const(4))), "none=null < 4 is unknown"),
        (e.IsTrue(e.Unset("lost")), "lost=unknown"),
        (e.Const(False), "false"),
    ],
)
def test_every_kind_of_condition_has_words(condition: e.Expr, line: str) -> None:
    assert why(condition) == line


@pytest.mark.parametrize(
    ("value", "text"),
    [(9999, "9999"), (10000, "10,000"), (-123456, "-123,456"), (2.0, "2"), (1e300, "1e+300"), (0.1, "0.1")],
)
def test_computed_numbers(value: float, text: str) -> None:
    assert number(value) == text


def test_long_reasons_fall_back_on_the_names_of_derived_values() -> None:
    long = e.Sum(tuple(e.Product((e.Ref("tp"), e.Const(i), e.Ref("big"))) for i in range(1, 5)))
    model = MODEL.replace(derived=(Derived("load", long, "", "MiB"),))
    condition = e.Compare("<=", e.Sum((long, e.Ref("pp"))), e.Ref("dp"))
    text = reason(model, condition, {"tp": 8, "big": 131072, "pp": 2, "dp": 3})
    assert text == "load=10,485,760 + pp=2 = 10,485,762 > dp=3"


@pytest.mark.parametrize(
    "name", ["h100", "sglang-tuner-18", "sglang-throughput-33", "mini-sglang", "sglang-throughput-10"]
)
def test_shipped_rules_have_short_lines(name: str) -> None:
    model = load(name).model
    chance = random.Random(0)
    for _ in range(20):
        config = {p.name: chance.choice(p.domain.values) for p in model.parameters}
        env = {
            p.name: column(p.domain.values).take(np.array([p.domain.code(config[p.name])]))
            for p in model.parameters
        }
        for rule in model.conditions:
            if not not_false(rule.condition, env).any():
                line = reason(model, rule.condition, {name: config[name] for name in model.scope(rule)})
                assert 0 < len(line) < 160
                assert any(
                    f"{name}={'null' if config[name] is None else str(config[name]).lower()}" in line.lower()
                    for name in model.scope(rule)
                )


def test_a_condition_without_facts_is_false_whatever_the_values_are() -> None:
    nothing = e.Not(e.And((e.AllDifferent(()),)))
    assert reason(MODEL, nothing, {}) == "false whatever the values are"
