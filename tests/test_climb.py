"""Climbing: the largest value that survives, in as few probes as bisection takes."""

from __future__ import annotations

import math
from typing import Any

import pytest

from spacegen.api import Space
from spacegen.errors import UsageError
from spacegen.tune.climb import climb, values_beside
from spacegen.tune.outcome import Cause, Outcome

OK = Outcome(metrics={"output_throughput": 1.0})
NO = Outcome.failed(Cause.SERVING_MEMORY, "out of memory")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 25])
def test_the_largest_survivor_is_found_wherever_it_is(size: int) -> None:
    values = [round(0.7 + 0.01 * i, 2) for i in range(size)]
    for limit in range(-1, size):
        found = climb("share", values, lambda value, limit=limit: OK if values.index(value) <= limit else NO)
        assert found.best == (values[limit] if limit >= 0 else None)
        assert found.failing == (values[limit + 1] if limit + 1 < size else None)
        assert len(found.probes) <= math.floor(math.log2(size)) + 1
        assert len({probe.value for probe in found.probes}) == len(found.probes)


def test_the_evidence_is_told_as_data() -> None:
    found = climb("share", [1, 2, 3], lambda value: OK if value == 1 else NO).as_dict()
    assert (found["best"], found["failing"], found["simulated"]) == (1, 2, False)
    assert [probe["survives"] for probe in found["probes"]] == [False, True]
    assert found["probes"][0]["failure"]["cause"] == "out of memory while serving"


def _space() -> Space:
    return Space.build(
        "s", {"tp": [1, 2], "share": [None, 0.9, 0.7, 0.8], "mode": ["a", "b"]}, ["tp == 2 or share != 0.9"]
    )


def test_only_values_that_are_valid_beside_the_rest_are_tried() -> None:
    assert values_beside(_space(), "share", {"tp": 1, "mode": "a", "share": None}) == (0.7, 0.8)
    assert values_beside(_space(), "share", {"tp": 2, "mode": "a"}) == (0.7, 0.8, 0.9)
    assert values_beside(_space(), "share", {"host": "0.0.0.0"}) == (0.7, 0.8, 0.9)


@pytest.mark.parametrize(
    ("parameter", "config", "words"),
    [
        ("shares", {}, "no parameter"),
        ("mode", {}, "have no order"),
        ("share", {"tp": 3}, "tp"),
    ],
)
def test_what_cannot_be_climbed_is_refused(parameter: str, config: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        values_beside(_space(), parameter, config)


def test_a_config_that_leaves_no_value_is_refused() -> None:
    space = Space.build("s", {"a": [1, 2], "b": [1, 2]}, ["a == 1"])
    with pytest.raises(UsageError, match="no value of `b` is valid"):
        values_beside(space, "b", {"a": 2})
