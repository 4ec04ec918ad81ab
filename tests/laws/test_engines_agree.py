"""Three engines and the oracle: one meaning."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from build import le, parameter, product_of, space, sum_of
from engines import ENGINES, codes_of, enumerated, solutions
from spacegen.engines.jointree import JoinTree
from spacegen.engines.plan import compile_model
from spacegen.engines.protocol import Method
from spacegen.language.model import Model
from strategies import givens, models

laws = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
seeds = st.integers(0, 2**32 - 1)


@laws
@given(models())
def test_engines_agree_on_the_solutions(model: Model) -> None:
    expected = solutions(model)
    for name in ENGINES:
        engine = compile_model(model, name)
        assert sorted(enumerated(engine)) == expected
        assert engine.count() == len(expected)


@laws
@given(models())
def test_engines_enumerate_in_one_order(model: Model) -> None:
    # (Auxiliary variables, which give the join tree an order of its own, need wider rules than these.)
    tree, *others = (compile_model(model, name) for name in ENGINES)
    for other in others:
        assert enumerated(tree) == enumerated(other, rows=1000)


@laws
@given(st.data(), models())
def test_conditioning_is_filtering(data: st.DataObject, model: Model) -> None:
    chosen = data.draw(givens(model))
    for engine in (compile_model(model, name) for name in ENGINES):
        kept = [
            row
            for row in enumerated(engine)
            if all(row[model.index[name]] in codes for name, codes in chosen.items())
        ]
        assert enumerated(engine, chosen) == kept
        assert engine.count(chosen) == len(kept)
        columns = zip(*kept, strict=True) if kept else ((),) * len(model.parameters)
        tally = tuple(
            tuple(list(column).count(code) for code in range(len(p.domain)))
            for p, column in zip(model.parameters, columns, strict=True)
        )
        assert engine.marginals(chosen) == tally


@laws
@given(models())
def test_unrank_inverts_rank(model: Model) -> None:
    engine = JoinTree(model)
    ranks = np.arange(engine.count())
    block = engine.unrank(ranks)
    assert codes_of(block) == enumerated(engine)
    assert engine.rank(block).tolist() == ranks.tolist()


@laws
@given(models(), seeds, st.integers(0, 30), st.sampled_from(["uniform", "balanced"]))
def test_draws_are_distinct_solutions(model: Model, seed: int, size: int, method: Method) -> None:
    expected = solutions(model)
    for name in ENGINES:
        drawn = compile_model(model, name).sample(size, np.random.default_rng(seed), method=method)
        rows = codes_of(drawn.block)
        assert len(rows) == len(set(rows)) == min(size, len(expected))
        assert set(rows) <= set(expected)


def test_the_sum_of_forty_parameters_is_counted_as_by_convolution() -> None:
    names = [f"x{i}" for i in range(40)]
    model = space(*(parameter(n, *range(10)) for n in names), rules=[le(sum_of(*names), 57)])
    ways = [1]
    for _ in names:
        ways = [sum(ways[max(0, t - 9) : t + 1]) for t in range(len(ways) + 9)]
    assert JoinTree(model).count() == sum(ways[:58])


def test_the_product_of_twelve_parameters_is_counted_as_by_its_divisors() -> None:
    names = [f"x{i}" for i in range(12)]
    model = space(*(parameter(n, *range(1, 11)) for n in names), rules=[le(product_of(*names), 5000)])
    ways = {1: 1}
    for _ in names:
        longer: dict[int, int] = {}
        for total, number in ways.items():
            for value in range(1, 11):
                longer[total * value] = longer.get(total * value, 0) + number
        ways = longer
    assert JoinTree(model).count() == sum(n for total, n in ways.items() if total <= 5000)


def test_an_order_of_five_thousand_values_is_counted_as_by_formula() -> None:
    values = range(5000)
    model = space(parameter("a", *values), parameter("b", *values), rules=[le("a", "b")])
    assert JoinTree(model).count() == comb(5001, 2)


@pytest.mark.parametrize("bound", [3, 50])
def test_wide_rules_mean_the_same_to_cp_sat(bound: int) -> None:
    names = [f"x{i}" for i in range(40)]
    model = space(*(parameter(n, *range(10)) for n in names), rules=[le(sum_of(*names), bound)])
    fixed = dict.fromkeys(names[4:], (bound // 40,))
    tree, solver = JoinTree(model), compile_model(model, "cpsat")
    assert 0 < tree.count(fixed) == solver.count(fixed)
    assert sorted(enumerated(solver, fixed)) == sorted(enumerated(tree, fixed))
