"""Random solutions for trials, from engines that draw at once and from those that prepare for long."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engines import solutions
from spacegen import EngineError, Space
from spacegen.engines.protocol import ANYTHING, Draw
from spacegen.tune import tune
from spacegen.tune.sampling.draws import Draws

SPACE = Space.build("s", {"a": [1, 2, 3, 4], "b": [1, 2, 3, 4], "c": ["x", "y"]}, ["a * b <= 8"])
EVERY = solutions(SPACE.model)


class Slow:
    """An engine without ranks that refuses balanced draws and counts those it makes."""

    def __init__(self) -> None:
        self.model = SPACE.model
        self.calls: list[str] = []

    def sample(self, size: int, rng: np.random.Generator, *, method: str, given: Any) -> Draw:
        self.calls.append(method)
        if method == "balanced":
            raise EngineError("engine `slow` draws uniformly")
        return SPACE.engine.sample(size, rng, method="uniform", given=given)

    def costed(self, *asked: Any) -> Any:
        return SPACE.engine.costed(*asked)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_search_engine_is_asked_once_for_many_trials() -> None:
    slow: Any = Slow()
    draws = Draws(slow, "balanced", 0)
    rows = [draws.row(number, ANYTHING, set(), rng()) for number in range(20)]
    assert slow.calls == ["balanced", "uniform"]
    assert set(rows) <= set(EVERY)
    assert len(set(rows)) == 20
    assert Draws(slow, "uniform", 0).row(7, ANYTHING, set(), rng()) == rows[7]


def test_what_is_given_and_taken_counts_for_batches_too() -> None:
    slow: Any = Slow()
    draws = Draws(slow, "uniform", 0)
    given = {"a": (3,)}
    fitting = {row for row in EVERY if row[0] == 3}
    taken: set[Any] = set()
    while (row := draws.row(len(taken), given, taken, rng())) is not None:
        assert row in fitting - taken
        taken.add(row)
    assert taken == fitting


def test_an_engine_that_cannot_draw_at_all_says_so() -> None:
    class Broken(Slow):
        def sample(self, *_: Any, **__: Any) -> Draw:
            raise EngineError("no draws today")

    broken: Any = Broken()
    with pytest.raises(EngineError, match="no draws today"):
        Draws(broken, "balanced", 0).row(0, ANYTHING, set(), rng())


def test_exact_draws_are_uniform_over_what_is_left() -> None:
    taken = set(EVERY[:4])
    draws = Draws(SPACE.engine, "uniform", 0)
    counts = dict.fromkeys(EVERY[4:], 0)
    for number in range(1500):
        row = draws.row(number, ANYTHING, taken, np.random.default_rng(number))
        assert row is not None
        counts[row] += 1
    expected = 1500 / len(counts)
    chi_square = sum((n - expected) ** 2 / expected for n in counts.values())
    assert chi_square < 50  # 19 degrees of freedom: 1 in 8,000 are above


def test_a_study_of_single_values_ends_when_its_one_config_was_tried() -> None:
    space = Space.build("one", {"a": [1]})
    found = tune(space, lambda _: {"ttft": 1.0, "tps": 1.0}, trials=3, storage="memory", repeats=1)
    assert [record.config for record in found.records] == [{"a": 1}]
