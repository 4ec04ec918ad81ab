"""Min-plus elimination where it could go wrong: sentinels, big numbers, wide parts, ties."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from build import le, parameter, space, sum_of
from engines import codes_of
from spacegen.engines.costs import Cost
from spacegen.engines.jointree import JoinTree
from spacegen.engines.plan import compile_model
from spacegen.engines.tropical import costing
from spacegen.engines.tropical.costing import Pricing
from spacegen.errors import EngineError

MODEL = space(parameter("a", 0, 1, 2), parameter("b", 0, 1, 2), rules=[le(sum_of("a", "b"), 2)])


def test_an_impossible_row_is_never_taken_for_a_dear_one() -> None:
    # The impossible (2, 2) would cost nothing, and the possible rows almost as much as the sentinel.
    table = np.full((3, 3), 10)
    table[2, 2] = 0
    costed = JoinTree(MODEL).costed([Cost(("a", "b"), table)])
    assert costed.least() == 10
    assert costed.count_cheapest() == 6
    assert costed.count_within(10**9) == 6
    assert sum(map(len, costed.within(10**9))) == 6


def test_costs_may_be_any_integers() -> None:
    huge = 10**30
    tables = [np.array([huge, -huge, 0], np.object_), np.array([0, -(2**63), 2**63 - 1], np.int64)]
    costed = JoinTree(MODEL).costed([Cost(("a",), tables[0]), Cost(("b",), tables[1])])
    assert costed.least() == -huge - 2**63
    ranking = costed.best(2)
    assert ranking.costs.tolist() == [-huge - 2**63, -huge]
    assert codes_of(ranking.block) == [(1, 1), (1, 0)]
    assert costed.least_by_value() == (
        (huge - 2**63, -huge - 2**63, 0),
        (-huge, -huge - 2**63, huge + 2**63 - 1),
    )


def test_a_constant_part_is_added() -> None:
    costed = JoinTree(MODEL).costed([Cost((), np.array(-7)), Cost(("a",), np.array([3, 3, 3]))])
    assert costed.least() == -4
    assert costed.count_cheapest() == 6


def test_nothing_to_decide_has_one_solution_and_a_contradiction_none() -> None:
    nothing = JoinTree(space()).costed([Cost((), np.array(5))])
    assert (nothing.least(), nothing.count_cheapest(), nothing.count_within(5)) == (5, 1, 1)
    assert len(nothing.best(3).block) == 1
    assert nothing.cheapest([], 1) == ()
    contradiction = JoinTree(space(parameter("a", 1), rules=[le("a", 0)])).costed([])
    assert contradiction.least() is None
    assert (contradiction.count_cheapest(), contradiction.count_within(9)) == (0, 0)
    assert len(contradiction.best(1).block) == 0
    assert list(contradiction.within(9)) == []
    assert contradiction.least_by_value() == ((None,),)


def test_a_part_across_branches_keeps_the_canonical_order() -> None:
    names = [f"x{i}" for i in range(6)]
    chain = [le(sum_of(left, right), 2) for left, right in pairwise(names)]
    model = space(*(parameter(name, 0, 1, 2) for name in names), rules=chain)
    rng = np.random.default_rng(3)
    parts = [Cost(("x5", "x0"), rng.integers(0, 2, (3, 3))), Cost(("x4", "x1"), rng.integers(0, 2, (3, 3)))]
    tree, plain = JoinTree(model), compile_model(model, "backtrack")
    assert codes_of(tree.costed(parts).best(1000).block) == codes_of(plain.costed(parts).best(1000).block)
    assert tree.costed(parts).count_cheapest() == plain.costed(parts).count_cheapest()


def test_solutions_are_sorted_where_the_canonical_walk_is_too_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"x{i}" for i in range(8)]
    chain = [le(sum_of(left, right), 2) for left, right in pairwise(names)]
    model = space(*(parameter(name, 0, 1, 2) for name in names), rules=chain)
    rng = np.random.default_rng(4)
    parts = [Cost(names, rng.integers(0, 2, (3, 3))) for names in (("x7", "x0"), ("x2", "x5"))]
    tree, plain = JoinTree(model), compile_model(model, "backtrack")
    monkeypatch.setattr(costing, "order_along", lambda *_: replace(tree.order, largest=2**30))
    costed = Pricing(tree.form, tree.order, most=2**20).costed(parts, {})
    assert costed.tree is not None
    assert costed.tree.layout.walk != costed.tree.layout.wanted
    assert codes_of(costed.best(30).block) == codes_of(plain.costed(parts).best(30).block)
    found = [row for block in costed.within(0, rows=5) for row in codes_of(block)]
    assert found == [row for block in plain.costed(parts).within(0) for row in codes_of(block)]
    assert costed.count_within(1) == plain.costed(parts).count_within(1)
    monkeypatch.setattr(costing, "_SORTED", 3)
    with pytest.raises(EngineError, match="more than 3 solutions would have to be put in canonical order"):
        costed.best(30)


def test_a_part_over_too_many_parameters_is_refused() -> None:
    names = [f"x{i}" for i in range(9)]
    model = space(*(parameter(name, *range(8)) for name in names))
    table = np.broadcast_to(np.array([0, 1, 2, 3, 4, 5, 6, 7]), (8,) * 9)
    with pytest.raises(EngineError, match="costs over 9 parameters take too wide a table"):
        JoinTree(model).costed([Cost(tuple(names), table)])


def test_other_costs_and_other_conditions_do_not_mix() -> None:
    engine = JoinTree(MODEL)
    parts = [Cost(("a",), np.array([0, 1, 2])), Cost(("b",), np.array([0, 1, 2]))]
    assert [engine.costed(parts, {"a": (code,)}).least() for code in (2, 1, 0)] == [2, 1, 0]
    assert engine.costed(parts, {"a": (2,), "b": (1, 2)}).least() is None
    assert engine.costed(parts, {"a": ()}).least() is None
    assert engine.costed([Cost(("a",), np.array([5, 0, 5]))]).least() == 0
    assert engine.costed(parts).least() == 0


def test_limits_with_too_many_different_costs_are_counted_one_by_one() -> None:
    names = [f"x{i}" for i in range(3)]
    model = space(*(parameter(name, *range(30)) for name in names), rules=[le(sum_of(*names), 40)])
    rng = np.random.default_rng(1)
    parts = [Cost((name,), rng.integers(0, 10**6, 30)) for name in names]
    tree, plain = JoinTree(model).costed(parts), compile_model(model, "backtrack").costed(parts)
    limit = 10**6
    assert tree.count_within(limit) == plain.count_within(limit) > 0


def test_counting_by_cost_passes_64_bits() -> None:
    names = [f"x{i}" for i in range(40)]
    model = space(*(parameter(name, *range(10)) for name in names))
    costed = JoinTree(model).costed([Cost((name,), (np.arange(10) > 0).astype(np.int64)) for name in names])
    assert costed.count_within(40) == 10**40
    assert costed.count_within(1) == 1 + 40 * 9
