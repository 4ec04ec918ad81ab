"""Verdicts from bounds are right wherever they are given."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacegen.engines.cpsat.bounds import verdict
from spacegen.language.columns import column
from spacegen.language.evaluate import not_false
from spacegen.language.expr import And, Compare, Const, Expr, Extreme, Negate, Or, Product, Ref, Sum

A, B = Ref("a"), Ref("b")
VALUES = st.lists(st.integers(-3, 4) | st.sampled_from([0.5, -2.5]), min_size=1, max_size=3, unique=True)
TERMS = st.recursive(
    st.sampled_from([A, B, Const(2), Const(-1)]),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        .map(tuple)
        .flatmap(
            lambda items: st.sampled_from(
                [Sum(items), Product(items), Extreme("min", items), Extreme("max", items)]
            )
        )
        | inner.map(Negate)
    ),
    max_leaves=5,
)
COMPARED = st.builds(Compare, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), TERMS, TERMS)
CLAUSES = st.recursive(
    COMPARED,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        .map(tuple)
        .flatmap(lambda items: st.sampled_from([And(items), Or(items)]))
    ),
    max_leaves=4,
)


@settings(deadline=None, max_examples=300)
@given(CLAUSES, VALUES, VALUES)
def test_a_verdict_holds_for_every_assignment(clause: Expr, a: list[float], b: list[float]) -> None:
    found = verdict(clause, {"a": column(a), "b": column(b)})
    kept = not_false(clause, {"a": column(a).reshape((-1, 1)), "b": column(b).reshape((1, -1))})
    assert found is None or np.all(kept == found)


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        (Compare("<=", Sum((A, B)), Const(10)), True),
        (Compare(">", Sum((A, B)), Const(10)), False),
        (Compare("<", Product((A, B)), Const(9)), None),
        (Compare("==", A, Const(9)), False),
        (Compare("!=", A, Sum((B, Const(20)))), True),
        (Or((Compare("<", A, B), Compare("<", A, Const(5)))), True),
        (And((Compare("<", A, B), Compare("<", A, Const(0)))), False),
        (Compare("<", A, Ref("nullable")), None),
        (Compare("<=", A, Ref("flag")), None),
        (Compare("<", A, Ref("flag")), False),
        (A, None),
    ],
)
def test_bounds_tell(clause: Expr, expected: bool | None) -> None:
    columns = {"a": [1, 2, 3], "b": [1, 4], "nullable": [None, 9], "flag": [True, False]}
    assert verdict(clause, {name: column(values) for name, values in columns.items()}) is expected
