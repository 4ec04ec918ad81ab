"""Random small spaces: every kind of domain, every node of the language, well typed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

from hypothesis import strategies as st

from spacegen.language import expr as e
from spacegen.language.model import Domain, Model, Parameter, Rule
from spacegen.language.walk import implies

__all__ = ["givens", "models", "truths"]

Strategy: TypeAlias = st.SearchStrategy[e.Expr]

LARGEST = 200
"""Combinations of a random space: the oracle tries each of them."""

INTS = st.integers(-4, 9) | st.sampled_from([16, 256, 4096, -(2**31), 2**53 + 1])
FLOATS = st.sampled_from([0.5, -1.5, 0.1, 2.0, 1e300])
STRINGS = st.sampled_from(["auto", "fa", "fi", "nsa"])
LABELS = {"i": INTS, "f": INTS | FLOATS, "s": STRINGS, "b": st.booleans()}


def distinct(values: st.SearchStrategy[e.Scalar], least: int, most: int) -> st.SearchStrategy[list[e.Scalar]]:
    """Lists without a value twice; no list mixes bools with numbers."""
    return st.lists(values, min_size=least, max_size=most, unique=True)


@st.composite
def domains(draw: st.DrawFn, kind: str) -> Domain:
    values = draw(distinct(LABELS[kind], 1, 2 if kind == "b" else 5))
    if draw(st.integers(0, 2)) == 0:
        values.insert(draw(st.integers(0, len(values))), None)
    return Domain(tuple(values))


@dataclass(frozen=True)
class Words:
    """What a rule of one space can mention: references by type."""

    numbers: tuple[e.Expr, ...]
    bools: tuple[e.Expr, ...]
    strings: tuple[e.Expr, ...]

    def leaf_numbers(self) -> Strategy:
        extra = st.just(e.Unset("unset")) if self.numbers else st.nothing()
        refs = st.sampled_from(self.numbers) if self.numbers else st.nothing()
        return refs | refs | st.integers(-3, 12).map(e.Const) | st.just(e.Const(0.5)) | extra


@st.composite
def numbers(draw: st.DrawFn, words: Words, depth: int = 2) -> e.Expr:
    """Arithmetic over the numeric parameters."""
    if depth == 0 or draw(st.integers(0, 2)) == 0:
        return draw(words.leaf_numbers())
    inner = numbers(words, depth - 1)
    some = st.lists(inner, min_size=1, max_size=3).map(tuple)
    counted = some if not words.bools else st.tuples(inner, st.sampled_from(words.bools))
    return draw(
        st.builds(e.Sum, counted)
        | st.builds(e.Product, counted)
        | st.builds(e.Divide, st.sampled_from(["/", "//", "%"]), inner, inner)
        | inner.map(e.Negate)
        | inner.map(e.Abs)
        | st.builds(e.Extreme, st.sampled_from(["min", "max"]), some)
        | st.builds(e.IfElse, truths(words, 0), inner, inner)
    )


def null_or(values: st.SearchStrategy[e.Scalar]) -> st.SearchStrategy[e.Scalar]:
    return st.none() | values | values


@st.composite
def over_values(draw: st.DrawFn, words: Words) -> e.Expr:
    """Conditions that only tell values apart: equality, membership, tables, automata."""
    groups = [
        (group, values)
        for group, values in (
            (words.numbers, INTS | FLOATS),
            (words.strings, STRINGS),
            (words.bools, st.booleans()),
        )
        if group
    ]
    refs, values = draw(st.sampled_from(groups))
    items = tuple(draw(st.lists(st.sampled_from(refs), min_size=1, max_size=3)))
    constants = null_or(values)
    some = st.lists(constants.map(e.Const) | st.sampled_from(refs), max_size=3).map(tuple)
    row = st.tuples(*([constants] * len(items)))
    arc = st.tuples(st.integers(0, 2), constants, st.integers(0, 2))
    arcs = st.lists(arc, max_size=8, unique_by=lambda a: (a[0], repr(a[1]))).map(tuple)
    return draw(
        st.builds(e.Compare, st.sampled_from(["==", "!="]), st.just(items[0]), constants.map(e.Const))
        | st.builds(e.Compare, st.sampled_from(["==", "!="]), st.just(items[0]), st.sampled_from(refs))
        | st.builds(e.In, st.just(items[0]), some)
        | st.builds(e.IsNull, st.just(items[0]))
        | st.builds(e.AllDifferent, st.just(items))
        | st.builds(e.Table, st.just(items), st.lists(row, max_size=5).map(tuple))
        | st.builds(e.Automaton, st.just(items), st.integers(0, 2), st.frozensets(st.integers(0, 2)), arcs)
    )


ENDS = st.none() | st.integers(-3, 20) | st.just(1.5)


@st.composite
def atoms(draw: st.DrawFn, words: Words) -> e.Expr:
    """Conditions without and, or, not."""
    if draw(st.booleans()):
        return draw(over_values(words))
    inner = numbers(words)
    order = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
    return draw(
        st.builds(e.Compare, order, inner, inner)
        | st.builds(e.Within, inner, st.lists(st.tuples(ENDS, ENDS), max_size=2).map(tuple))
        | st.builds(e.In, inner, st.lists(inner, max_size=2).map(tuple))
        | st.builds(e.AllDifferent, st.lists(inner, max_size=3).map(tuple))
        | st.builds(e.Element, inner, st.lists(inner, min_size=1, max_size=3).map(tuple), inner)
        | (st.sampled_from(words.bools) if words.bools else st.nothing())
    )


@st.composite
def truths(draw: st.DrawFn, words: Words, depth: int = 2) -> e.Expr:
    """Conditions."""
    if depth == 0 or draw(st.integers(0, 1)) == 0:
        return draw(atoms(words))
    inner = truths(words, depth - 1)
    some = st.lists(inner, min_size=1, max_size=3).map(tuple)
    return draw(
        inner.map(e.Not)
        | some.map(e.And)
        | some.map(e.Or)
        | some.map(e.Or)
        | inner.map(e.IsTrue)
        | st.builds(implies, inner, inner)
        | st.builds(e.Count, some, st.frozensets(st.integers(0, 3)))
        | st.builds(e.IfElse, inner, inner, inner)
    )


@st.composite
def models(draw: st.DrawFn, condition: Callable[[Words], Strategy] = truths) -> Model:
    """Spaces of 1 to 6 parameters and up to 3 rules, some parameters conditional."""
    kinds = draw(st.lists(st.sampled_from("iiifsb"), min_size=1, max_size=6))
    parameters = [Parameter(f"{kind}{i}", draw(domains(kind))) for i, kind in enumerate(kinds)]
    while prod(len(p.domain) for p in parameters) > LARGEST:
        parameters.pop()
    refs = {kind: tuple(e.Ref(p.name) for p in parameters if p.name[0] in kind) for kind in ("if", "b", "s")}
    words = Words(refs["if"], refs["b"], refs["s"])
    rules = draw(st.lists(condition(words), max_size=3))
    for i, parameter in enumerate(parameters):
        if draw(st.integers(0, 4)) == 0:
            default = draw(st.sampled_from(parameter.domain.values))
            active = draw(truths(words, 1))
            parameters[i] = Parameter(parameter.name, parameter.domain, default, active)
    return Model("random", tuple(parameters), tuple(Rule(f"rule-{i}", r, "") for i, r in enumerate(rules)))


@st.composite
def givens(draw: st.DrawFn, model: Model) -> dict[str, tuple[int, ...]]:
    """Codes left to some of the parameters, maybe none."""
    chosen = draw(st.lists(st.sampled_from(model.parameters), max_size=3, unique_by=lambda p: p.name))
    return {
        p.name: tuple(draw(st.lists(st.integers(0, len(p.domain) - 1), max_size=3, unique=True)))
        for p in chosen
    }
