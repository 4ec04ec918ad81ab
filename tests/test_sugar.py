"""CP-SAT's arithmetic constraints as equations."""

from __future__ import annotations

import pytest

from spacegen.language.expr import (
    Abs,
    Compare,
    Const,
    Divide,
    Expr,
    Extreme,
    Negate,
    Product,
    Ref,
    Sum,
)
from spacegen.language.sugar import SUGAR
from test_bodies import M, N, read

CASES: dict[str, tuple[str, Expr]] = {
    "multiplication": ("{target: n, expressions: [m, m, 2]}", Product((M, M, Const(2)))),
    "division": ("{target: n, numerator: m + 1, denominator: 2}", Divide("//", Sum((M, Const(1))), Const(2))),
    "modulo": ("{target: n, expression: m, modulus: n}", Divide("%", M, N)),
    "maximum": ("{target: n, expressions: [m, 2]}", Extreme("max", (M, Const(2)))),
    "minimum": ("{target: n, expressions: [m]}", Extreme("min", (M,))),
    "abs": ("{target: n, expression: -m}", Abs(Negate(M))),
}


@pytest.mark.parametrize("keyword", SUGAR)
def test_each_is_an_equation(keyword: str) -> None:
    body, right = CASES[keyword]
    assert read(f"{keyword}: {body}") == Compare("==", N, right)


def test_a_factor_may_be_a_bool() -> None:
    both = Product((Ref("b"), Ref("c")))
    assert read("multiplication: {target: n, expressions: [b, c]}") == Compare("==", N, both)
