"""Random expressions for the laws, well typed over a number, an integer, a bool and a string."""

from __future__ import annotations

from hypothesis import strategies as st

from spacegen.language import expr as e

__all__ = ["LOGICAL", "NAMES", "NUMERIC"]

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
