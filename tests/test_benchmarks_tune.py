"""What the comparison of samplers measures, in small: the full one is `python -m benchmarks.tune`."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.tune.overhead import overheads
from benchmarks.tune.samplers import SAMPLERS, Tried, fronts, tried
from benchmarks.tune.tradeoffs import TRADEOFFS, gained, measured
from spacegen import load

SPACE = load("sglang-tuner-18")
every_tradeoff = pytest.mark.parametrize("name", TRADEOFFS)

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


@pytest.mark.parametrize("devices", [8, 4, 2, 1])
@pytest.mark.parametrize("base", ["tpe", "nsga2", "nsga3"])
def test_no_trial_breaks_a_rule_or_comes_twice(devices: int, base: str) -> None:
    assert tried(base, devices, seed=1, trials=50) == Tried(50, 0, 0)


@every_tradeoff
def test_a_made_up_server_depends_on_every_parameter(name: str) -> None:
    configs = SPACE.sample(40, seed=1)
    for parameter in SPACE.parameters:
        assert any(
            measured(config, TRADEOFFS[name]) != measured({**config, parameter.name: value}, TRADEOFFS[name])
            for config in configs
            for value in parameter.domain
        )


@every_tradeoff
def test_the_two_objectives_are_at_odds(name: str) -> None:
    points = [measured(config, TRADEOFFS[name]) for config in SPACE.sample(500, seed=1)]
    assert min(points)[1] < max(tps for _, tps in points)


def test_what_a_front_has_gained() -> None:
    assert gained([(1.0, 2.0)], start=(2.0, 1.0)) == pytest.approx(0.480453)
    assert gained([(1.0, 0.5), (3.0, 5.0)], start=(2.0, 1.0)) == 0


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_has_a_study(name: str) -> None:
    found, broken = fronts(name, "chat", 1, (12, 16))
    assert found[0] <= found[1]
    assert (broken == 0) == (SAMPLERS[name].rules == "kept")


def test_the_seconds_of_a_proposal_are_told_apart() -> None:
    times: list[Any] = overheads("sglang-throughput-10", "nsga2", None, 5)
    assert len(times) == 5
    assert all(own > 0 and beyond > 0 for own, beyond in times)
