"""A space written as YAML and read back has the same parameters and the same solutions."""

from __future__ import annotations

from typing import Any

from hypothesis import given, reject, settings
from hypothesis import strategies as st

from expressions import LOGICAL, NAMES
from oracle import solutions
from spacegen.errors import SpaceError
from spacegen.language.elaborate import read_model
from spacegen.language.emit import emit
from spacegen.language.expr import Expr
from spacegen.language.model import NO_DEFAULT, Constant, Domain, Model, Parameter, Rule, identity
from spacegen.source import Source


@st.composite
def parameters(draw: st.DrawFn, name: str) -> Parameter:
    values = draw(st.lists(NAMES[name], min_size=1, max_size=3, unique_by=identity))
    active: Expr | None = draw(st.none() | LOGICAL) if name != "b" else None
    default: Any = draw(st.sampled_from(values)) if active is not None else NO_DEFAULT
    return Parameter(name, Domain(tuple(values)), default)


@st.composite
def models(draw: st.DrawFn) -> Model:
    made = tuple(draw(parameters(name)) for name in NAMES)
    rules = tuple(Rule(f"r{i}", draw(LOGICAL), "") for i in range(draw(st.integers(0, 2))))
    return Model("law", made, rules, constants=(Constant("u", NO_DEFAULT),))


@settings(max_examples=100, deadline=None)
@given(models())
def test_emitting_keeps_the_meaning(model: Model) -> None:
    try:
        text = emit(model)
    except SpaceError:
        reject()
    again = read_model(Source("law", text))
    assert again.parameters == model.parameters
    assert again.constants == model.constants
    assert solutions(again) == solutions(model), text
    assert emit(again) == emit(read_model(Source("law", emit(again))))
