"""The vectorised meaning against the plain one, on random expressions and values."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import UNKNOWN, value_of
from spacegen.language import expr as e
from spacegen.language.columns import Column, column
from spacegen.language.evaluate import evaluate

INTS = st.integers(-6, 9) | st.sampled_from([2**31, -(2**53) - 1, 2**61, 2**63 - 1])
NUMBERS = INTS | st.none() | st.sampled_from([0.5, -1.5, 0.1, 3.0])
NAMES = {"n": NUMBERS, "m": INTS, "b": st.booleans() | st.none(), "s": st.sampled_from(["a", "b", "c", None])}


def _number(inner: st.SearchStrategy[e.Expr], truths: st.SearchStrategy[e.Expr]) -> st.SearchStrategy[e.Expr]:
    pairs = st.tuples(inner, inner)
    return (
        pairs.map(e.Sum)
        | pairs.map(e.Product)
        | st.builds(e.Divide, st.sampled_from(["/", "//", "%"]), inner, inner)
        | inner.map(e.Negate)
        | inner.map(e.Abs)
        | st.builds(e.Extreme, st.sampled_from(["min", "max"]), pairs)
        | st.builds(e.IfElse, truths, inner, inner)
    )


LEAVES = st.sampled_from([e.Ref("n"), e.Ref("m"), e.Unset("u")]) | INTS.map(e.Const)
SIMPLE = st.sampled_from(
    [e.Ref("b"), e.Const(True), e.IsNull(e.Ref("n")), e.Compare("==", e.Ref("s"), e.Const("a"))]
)
NUMERIC = st.recursive(LEAVES, lambda inner: _number(inner, SIMPLE), max_leaves=5)
VALUES = st.sampled_from([e.Ref("n"), e.Ref("m"), e.Const(1), e.Const(None), e.Const(3.0)])
PAIRS = st.tuples(VALUES, VALUES)
ROWS = st.lists(st.tuples(INTS | st.none(), INTS | st.none()), max_size=4).map(tuple)
EDGES = st.dictionaries(st.tuples(st.integers(0, 2), st.integers(-1, 2)), st.integers(0, 2), max_size=6).map(
    lambda d: tuple((s, v, t) for (s, v), t in d.items())
)
ENDS = INTS | st.none()
ATOMS = (
    SIMPLE
    | st.builds(e.Compare, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), NUMERIC, NUMERIC)
    | st.builds(e.In, NUMERIC, st.lists(VALUES, max_size=3).map(tuple))
    | st.builds(e.Within, NUMERIC, st.lists(st.tuples(ENDS, ENDS), max_size=3).map(tuple))
    | st.builds(e.Table, PAIRS, ROWS)
    | st.builds(e.Automaton, PAIRS, st.integers(0, 2), st.frozensets(st.integers(0, 2)), EDGES)
    | st.builds(e.AllDifferent, st.lists(VALUES, max_size=3).map(tuple))
    | st.builds(e.Element, NUMERIC, st.lists(VALUES, min_size=1, max_size=3).map(tuple), VALUES)
)


def _logical(inner: st.SearchStrategy[e.Expr]) -> st.SearchStrategy[e.Expr]:
    some = st.lists(inner, min_size=1, max_size=3).map(tuple)
    return (
        inner.map(e.Not)
        | some.map(e.And)
        | some.map(e.Or)
        | inner.map(e.IsTrue)
        | st.builds(e.Count, some, st.frozensets(st.integers(0, 3)))
        | st.builds(e.IfElse, inner, inner, inner)
    )


LOGICAL = st.recursive(ATOMS, _logical, max_leaves=6)


@settings(max_examples=400, deadline=None)
@given(st.data(), LOGICAL | NUMERIC)
def test_evaluate_means_what_the_reference_means(data: st.DataObject, expr: e.Expr) -> None:
    domains = {name: data.draw(st.lists(s, min_size=1, max_size=3, unique=True)) for name, s in NAMES.items()}
    sizes = [len(d) for d in domains.values()]
    grid = np.indices(sizes).reshape(len(sizes), -1)
    env = {name: column(d).take(codes) for (name, d), codes in zip(domains.items(), grid, strict=True)}
    result = evaluate(expr, env)
    unknown = np.broadcast_to(False if result.unknown is None else result.unknown, grid.shape[1:])
    shown = _spread(result, grid.shape[1]).values()
    floats = any(isinstance(v, float) for v in domains["n"])
    for i, codes in enumerate(grid.T):
        row = {name: d[c] for (name, d), c in zip(domains.items(), codes.tolist(), strict=True)}
        if floats and isinstance(row["n"], int):
            row["n"] = float(row["n"])  # a domain with one float is a domain of floats
        try:
            expected = value_of(expr, row)
        except OverflowError:
            return  # Python refuses what doubles round to infinity
        assert (expected is UNKNOWN) == bool(unknown[i]), (expr, row)
        if expected is not UNKNOWN:
            assert _same(shown[i], expected), (expr, row, shown[i], expected)


def _spread(result: Any, size: int) -> Any:
    kind = result.kind if isinstance(result.kind, int) else np.broadcast_to(result.kind, (size,))
    return Column(np.broadcast_to(result.data, (size,)), kind, None, result.bound)


def _same(a: Any, b: Any) -> bool:
    return isinstance(a, bool) == isinstance(b, bool) and (a == b or (a != a and b != b))
