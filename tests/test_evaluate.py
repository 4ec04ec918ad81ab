"""The meaning of operators on nulls and unknowns, case by case; `laws/test_evaluate_laws.py` has the rest."""

import numpy as np
import pytest

from spacegen.language import expr as e
from spacegen.language.columns import column
from spacegen.language.evaluate import evaluate, logic, not_false, truth

N, X = e.Ref("n"), e.Ref("x")
ENV = {"n": column([None]), "x": column([2]), "b": column([None, True, False]), "s": column(["a"])}


def verdict(expr: e.Expr) -> str:
    yes, maybe = (bool(np.all(mask)) for mask in truth(expr, ENV))
    return "true" if yes else "unknown" if maybe else "false"


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (e.Compare("<", N, X), "unknown"),
        (e.Compare("==", N, X), "false"),
        (e.Compare("!=", N, X), "true"),
        (e.Compare("==", N, e.Const(None)), "true"),
        (e.Compare("==", e.Sum((N, X)), X), "unknown"),
        (e.Compare("<", e.Divide("/", X, e.Const(0)), X), "unknown"),
        (e.Compare("==", e.Divide("%", X, e.Const(0)), X), "unknown"),
        (e.In(N, (X, e.Const(None))), "true"),
        (e.In(e.Negate(N), (X,)), "unknown"),
        (e.IsNull(N), "true"),
        (e.IsNull(e.Abs(N)), "unknown"),
        (e.Compare("==", e.Extreme("min", (N, X)), X), "unknown"),
        (e.Compare("==", e.IfElse(e.Compare("<", N, X), X, X), X), "unknown"),
        (e.Compare("==", e.Unset("c"), X), "unknown"),
        (e.Or((e.Compare("<", N, X), e.Const(True))), "true"),
        (e.And((e.Compare("<", N, X), e.Const(False))), "false"),
        (e.Not(e.Compare("<", N, X)), "unknown"),
        (e.IsTrue(e.Compare("<", N, X)), "false"),
        (e.Count((e.Compare("<", N, X), e.Const(True)), frozenset({1})), "unknown"),
        (e.Count((e.Compare("<", N, X), e.Const(True)), frozenset({1, 2})), "true"),
        (e.Count((e.Compare("<", N, X), e.Const(True)), frozenset({0})), "false"),
        (e.Element(e.Const(5), (X,), X), "false"),
        (e.Element(N, (X,), X), "unknown"),
        (e.Table((N, X), ((None, 2),)), "true"),
        (e.Table((N, X), ()), "false"),
        (e.Within(N, ((None, 3),)), "unknown"),
        (e.Within(X, ()), "false"),
        (e.Compare("==", e.Ref("s"), e.Const("a")), "true"),
        (e.Compare("==", e.Sum((e.Const(True), X)), e.Const(3)), "true"),
    ],
)
def test_truth_has_three_values(expr: e.Expr, expected: str) -> None:
    assert verdict(expr) == expected


def test_a_null_bool_is_unknown_and_rejects_nothing() -> None:
    assert not_false(e.Ref("b"), ENV).tolist() == [True, True, False]
    yes, maybe = logic(evaluate(e.Not(e.Ref("b")), ENV))
    assert (yes.tolist(), maybe.tolist()) == ([False, False, True], [True, False, True])


def test_columns_broadcast_along_their_axes() -> None:
    env = {"a": column([1, 2, 3]).reshape((3, 1)), "b": column([2, 3]).reshape((1, 2))}
    assert not_false(e.Compare("<=", e.Ref("a"), e.Ref("b")), env).astype(int).tolist() == [
        [1, 1],
        [1, 1],
        [0, 1],
    ]
