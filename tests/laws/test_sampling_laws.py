"""Draws follow their weights: chi-square over spaces that are small enough to list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import prod

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from build import le, parameter, space, sum_of
from engines import ENGINES, Codes, block_of, codes_of, solutions
from spacegen.engines.balance import balance_weights
from spacegen.engines.plan import compile_model
from spacegen.engines.protocol import Method
from spacegen.engines.relation import normalise
from spacegen.language.columns import column
from spacegen.language.evaluate import truth
from spacegen.language.expr import And, Compare, Const, Or, Ref, Sum
from spacegen.language.model import Model
from spacegen.language.walk import scope
from strategies import models

laws = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def fits(rows: list[Codes], weights: dict[Codes, int]) -> bool:
    """Whether the rows follow the weights; rare solutions are thrown together."""
    total = sum(weights.values())
    cells = {row: row if weight * len(rows) >= 5 * total else None for row, weight in weights.items()}
    seen = dict.fromkeys(cells.values(), 0)
    expected = dict.fromkeys(cells.values(), 0.0)
    for row, cell in cells.items():
        expected[cell] += weights[row] * len(rows) / total
    for row in rows:
        seen[cells[row]] += 1
    return len(seen) == 1 or bool(chisquare(list(seen.values()), list(expected.values())).pvalue > 1e-4)


def weights_of(model: Model, rows: list[Codes], method: Method) -> dict[Codes, int]:
    """Brute force: an inactive parameter counts as often as it has values that rules on it alone allow."""
    if method == "uniform":
        return dict.fromkeys(rows, 1)
    return {row: prod(_factors(model, row)) for row in rows}


def _factors(model: Model, row: Codes) -> Iterator[int]:
    env = {p.name: column([p.domain[code]]) for p, code in zip(model.parameters, row, strict=True)}
    for conditional in model.parameters:
        active = conditional.active_when
        if active is not None and not truth(active, env)[0].all():
            own = tuple(rule for rule in model.rules if scope(rule.condition) == (conditional.name,))
            yield len(solutions(Model("one", (replace(conditional, active_when=None),), own)))


def switches() -> Model:
    """A switch with two children, one of them with a child of its own and a dead value."""
    nested = And((Ref("on"), Compare("==", Ref("policy"), Const("lfu"))))
    return space(
        parameter("on", False, True),
        parameter("policy", "lru", "lfu", None, default="lru", active_when=Ref("on")),
        parameter("size", 1, 2, 4, 8, 16, default=2, active_when=nested),
        parameter("x", *range(12)),
        parameter("y", *range(12)),
        rules=[le("size", 8), le("x", "y"), Compare("!=", Sum((Ref("x"), Ref("size"))), Const(5))],
    )


def plain() -> Model:
    return space(
        parameter("a", None, *range(10)),
        parameter("b", *range(10)),
        parameter("c", "x", "y", None),
        parameter("d", False, True),
        parameter("e", 0.5, 1.5),
        rules=[le(sum_of("a", "b"), 11), Or((Ref("d"), Compare("!=", Ref("c"), Const("x"))))],
    )


@pytest.mark.parametrize("make", [switches, plain])
@pytest.mark.parametrize("method", ["uniform", "balanced"])
@pytest.mark.parametrize("name", ENGINES)
def test_draws_follow_the_weights(make: Callable[[], Model], method: Method, name: str) -> None:
    model = make()
    engine, weights = compile_model(model, name), weights_of(model, solutions(model), method)
    assert 300 < len(weights) <= 2000
    drawn = engine.sample(20 * len(weights), np.random.default_rng(11), method=method, replace=True)
    assert fits(codes_of(drawn.block), weights)
    assert drawn.note is None


@pytest.mark.parametrize("name", ENGINES)
def test_sets_of_distinct_draws_are_uniform(name: str) -> None:
    model = plain()
    engine, rng = compile_model(model, name), np.random.default_rng(5)
    rows = [row for _ in range(300) for row in codes_of(engine.sample(60, rng).block)]
    assert fits(rows, weights_of(model, solutions(model), "uniform"))


@settings(laws, derandomize=True)
@given(models(), st.sampled_from(["uniform", "balanced"]))
def test_random_spaces_are_drawn_by_their_weights(model: Model, method: Method) -> None:
    rows = solutions(model)
    assume(rows)
    weights = dict.fromkeys(rows, 1)
    if method == "balanced":
        balanced = balance_weights(normalise(model), block_of(model, rows)).tolist()
        weights = dict(zip(rows, balanced, strict=True))
    for name in ENGINES:
        drawn = compile_model(model, name).sample(500, np.random.default_rng(1), method=method, replace=True)
        assert fits(codes_of(drawn.block), weights)
