from __future__ import annotations

from typing import Any

import pytest

from build import parameter
from spacegen.errors import SpaceError
from spacegen.language import catalog
from spacegen.language.elaborate import load_model, read_model
from spacegen.language.emit import emit
from spacegen.language.expr import (
    Compare,
    Const,
    Count,
    IsTrue,
    Or,
    Ref,
    Sum,
    Unset,
)
from spacegen.language.model import Constant, Derived, Domain, Kind, Model, Parameter, Rule, Target
from spacegen.language.walk import implies
from spacegen.source import Source

MODEL = Model(
    name="every part",
    description="one of each: all of them",
    target=Target("sglang", "0.5.6"),
    constants=(Constant("gpus", 8, "GPUs"), Constant("length", None)),
    parameters=(
        parameter("a", None, 1, 2.5, "yes", "a b", "1", default=None),
        Parameter("b", Domain((False, True))),
        Parameter("c", Domain(("low", "high"), ordered=True), "low", Ref("b"), "g", "is it: so", "high", "C"),
    ),
    derived=(
        Derived("d", Sum((Ref("a"), Const(1))), "a + 1", "MiB"),
        Derived("e", Unset("length"), "length"),
    ),
    rules=(
        Rule(
            "r-1", Compare("<", Ref("a"), Const(8)), "a < n", "too # many", "me", Kind.NEEDS, ">=0.5", "pack"
        ),
        Rule("r-2", implies(Ref("b"), Compare("==", Ref("c"), Const("low"))), "text"),
        Rule("r-3", Count((Ref("b"), Compare("==", Ref("c"), Const("high"))), frozenset({0, 1})), "text"),
        Rule("r-4", Or((IsTrue(Ref("b")), Compare("!=", Ref("a"), Const("a b")))), "text"),
    ),
    fixed={"path": "a: b"},
)

TEXT = """\
spacegen: 1
name: every part
description: "one of each: all of them"
target: {server: sglang, version: "0.5.6"}
constants:
  gpus: {value: 8, unit: GPUs}
  length: null
parameters:
  a:
    values: [null, 1, 2.5, "yes", "a b", "1"]
    default: null
  b: [false, true]
  c:
    values: [low, high]
    default: low
    ordered: true
    active_when: b
    group: g
    description: "is it: so"
    impact: high
    unit: C
derived:
  d: {value: "a + 1", unit: MiB}
  e: length
rules:
  - id: r-1
    require: a < 8
    because: "too # many"
    source: me
    kind: needs
    versions: ">=0.5"
  - id: r-2
    when: b
    require: c == "low"
  - id: r-3
    at_most_one: [b, "c == \\"high\\""]
"""


def test_a_model_is_written_part_by_part() -> None:
    text = emit(MODEL)
    assert text.startswith(TEXT)
    assert text.endswith('fixed:\n  path: "a: b"\n')


def test_a_model_of_parameters_alone_is_short() -> None:
    assert emit(Model("x", (parameter("a", 1, 2),))) == "spacegen: 1\nname: x\nparameters:\n  a: [1, 2]\n"


@pytest.mark.parametrize("name", catalog.names("spaces"))
def test_a_bundled_space_reads_back_the_same(name: str) -> None:
    model = load_model(name)
    again = read_model(Source("again", emit(model)))
    assert parts(again) == parts(model)


def parts(model: Model) -> dict[str, Any]:
    rules = [(r.id, r.condition, r.because, r.source, r.kind, r.versions) for r in model.rules]
    derived = [(d.name, d.expr, d.unit) for d in model.derived]
    rest = (model.name, model.description, model.target, model.parameters, model.constants, dict(model.fixed))
    return {"rules": rules, "derived": derived, "rest": rest}


def test_an_expression_that_no_file_could_hold_is_refused() -> None:
    long = Sum(tuple(Ref("a") for _ in range(5000)))
    with pytest.raises(SpaceError, match="too long to write out"):
        emit(Model("x", (parameter("a", 1, 2),), derived=(Derived("d", long, ""),)))


STACKED = """\
spacegen: 1
name: stacked
parameters: {a: [1, 2], b: {values: [1, 2], default: 1, active_when: big}}
derived: {far: near * near + near, near: a + b, alias: near, big: a > 1}
rules:
  - {id: r, require: far - near < 9 or big}
"""


def test_derived_values_are_named_where_they_stand() -> None:
    model = read_model(Source("stacked", STACKED))
    text = emit(model)
    assert "  far: near * near + near\n" in text
    assert "  near: a + b\n  alias: near\n  big: a > 1\n" in text
    assert "    active_when: big\n" in text
    assert "    require: far - near < 9 or big\n" in text
    assert parts(read_model(Source("again", text))) == parts(model)
