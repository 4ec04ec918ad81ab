"""CP-SAT's cheapest solutions against listing all, and what happens when time ends."""

from __future__ import annotations

from time import monotonic

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from build import le, parameter, space
from engines import codes_of
from laws.test_costs_laws import costs
from spacegen.engines.costs import Cost
from spacegen.engines.cpsat import CpSat, optimum
from spacegen.engines.cpsat.optimum import Priced
from spacegen.engines.listed import Listed
from spacegen.engines.protocol import Engine
from spacegen.language import expr as e
from spacegen.language.model import Model
from strategies import givens, models

laws = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(autouse=True)
def _never_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimum, "_FEW", 0)


@laws
@given(st.data(), models())
def test_the_cheapest_are_those_of_the_list(data: st.DataObject, model: Model) -> None:
    parts, chosen = data.draw(costs(model)), data.draw(givens(model))
    engine = CpSat(model)
    found, listed = engine.costed(parts, chosen), Listed(engine, parts, chosen)
    n = data.draw(st.integers(0, 8))
    assert found.least() == listed.least()
    assert codes_of(found.best(n).block) == codes_of(listed.best(n).block)
    assert found.best(n).costs.tolist() == listed.best(n).costs.tolist()
    assert found.best(n).bound is None
    assert found.count_cheapest() == listed.count_cheapest()
    assert found.least_by_value() == listed.least_by_value()


@laws
@given(st.data(), models())
def test_a_limit_keeps_the_same_solutions(data: st.DataObject, model: Model) -> None:
    parts = data.draw(costs(model))
    engine = CpSat(model)
    found, listed = engine.costed(parts), Listed(engine, parts, {})
    limit = (listed.least() or 0) + data.draw(st.integers(-1, 4))
    assert [row for block in found.within(limit) for row in codes_of(block)] == [
        row for block in listed.within(limit) for row in codes_of(block)
    ]


def _knapsack(size: int) -> tuple[Engine, list[Cost]]:
    """Things of odd weights and worths that no bound tells apart soon."""
    random = np.random.default_rng(7)
    weights = random.integers(10**6, 2 * 10**6, size).tolist()
    worths = [weight + int(random.integers(1, 10)) for weight in weights]
    names = [f"x{i}" for i in range(size)]
    total = e.Sum(tuple(e.Product((e.Const(w), e.Ref(n))) for w, n in zip(weights, names, strict=True)))
    model = space(*(parameter(name, 0, 1) for name in names), rules=[le(total, sum(weights) // 2)])
    return CpSat(model, timeout=1.0), [
        Cost((name,), np.array([0, -worth], np.int64)) for name, worth in zip(names, worths, strict=True)
    ]


def test_the_end_of_time_leaves_the_best_found_and_a_bound() -> None:
    engine, parts = _knapsack(300)
    began = monotonic()
    found = engine.costed(parts).best(3)
    assert monotonic() - began < 10
    assert len(found.block) >= 1
    if found.bound is not None:
        assert found.bound <= found.costs[-1]


def test_few_combinations_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimum, "_FEW", 10**6)
    engine, parts = _knapsack(8)
    found = engine.costed(parts)
    assert isinstance(found, Priced)
    assert found.best(1).costs.tolist() == Listed(engine, parts, {}).best(1).costs.tolist()
