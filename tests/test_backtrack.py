"""Plain backtracking: the edges that python-constraint2 has no answer for, and the limit."""

from __future__ import annotations

import numpy as np
import pytest

from build import le, parameter, space, sum_of
from engines import enumerated, solutions
from spacegen.engines.backtrack import Backtrack
from spacegen.errors import EngineError
from spacegen.language.expr import Const, Not, Ref


def test_a_large_product_is_refused() -> None:
    model = space(*(parameter(f"x{i}", *range(101)) for i in range(3)))
    with pytest.raises(EngineError, match="at most 1,000,000 combinations, these are 1,030,301"):
        Backtrack(model).count()


def test_given_can_make_a_large_product_small() -> None:
    model = space(*(parameter(f"x{i}", *range(101)) for i in range(4)), rules=[le(sum_of("x0", "x3"), 50)])
    assert Backtrack(model).count({"x0": (7, 40), "x1": (1,), "x2": (2, 3)}) == 2 * (44 + 11)


def test_a_rule_on_one_parameter_may_leave_it_nothing() -> None:
    model = space(parameter("a", 1, 2), parameter("b", 1, 2), rules=[le("a", 0)])
    assert Backtrack(model).count() == 0


def test_a_lone_bool_is_a_rule() -> None:
    model = space(parameter("a", None, True, False), rules=[Not(Ref("a"))])
    assert enumerated(Backtrack(model)) == solutions(model) == [(0,), (2,)]


def test_no_parameters_have_one_solution_unless_a_constant_forbids_it() -> None:
    assert Backtrack(space()).count() == 1
    assert Backtrack(space(rules=[Const(False)])).count() == 0
    assert len(Backtrack(space()).sample(4, np.random.default_rng(0), replace=True).block) == 4


def test_a_new_given_is_a_new_search() -> None:
    engine = Backtrack(space(parameter("a", 1, 2, 3)))
    assert [engine.count({"a": (0, 1)}), engine.count({"a": (2,)}), engine.count()] == [2, 1, 3]
