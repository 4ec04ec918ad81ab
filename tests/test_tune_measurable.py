"""Which metrics there will be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spacegen.tune.measurable import metrics_of
from spacegen.tune.setup import Setup
from spacegen.tune.workload import Workload


def known(server: str = "sglang", version: str = "0.5.23", asked: Any = None, **more: Any) -> set[str] | None:
    workload = Workload(**(asked or {}))
    found = metrics_of(Setup(server=server, version=version, workload=workload, folder=Path(), **more))
    return None if found is None else set(found)


def test_metrics_are_those_of_the_version_and_what_comes_of_them() -> None:
    new, old = known(), known(version="0.5.6.post2")
    assert new is not None
    assert old is not None
    assert {"ttft", "tps", "tps_per_gpu", "p99_ttft_ms", "output_throughput", "p95_itl_ms"} <= old < new
    assert {"p90_ttft_ms", "p95_ttft_ms"} <= new - old


def test_the_formula_and_commands_say_theirs() -> None:
    simulated = known(version="0.5.6", runner="sim")
    assert simulated is not None
    assert {"ttft", "tps", "p99_ttft_ms"} <= simulated
    named = {"generator": "command", "command": "x", "metrics": {"speed": "$.speed"}}
    assert known(asked=named) == {"speed"}


@pytest.mark.parametrize(
    "more",
    [
        {"version": "0.5.30"},
        {"server": "minisgl", "version": "0.1.0"},
        {"asked": {"extra": ("--goodput", "ttft:500")}},
        {"asked": {"generator": "command", "command": "x"}},
        {"asked": {"generator": "offline"}},
        {"bench_command": ("own",)},
    ],
)
def test_what_nobody_can_know_is_not_refused(more: dict[str, Any]) -> None:
    assert known(**more) is None
