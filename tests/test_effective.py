"""Configs that come to the same launch: one of them stands for all."""

from __future__ import annotations

from typing import Any

import pytest

import spacegen
from spacegen.cli.main import main

OLD, NEW = "sglang==0.5.6", "sglang==0.5.23"


def launch(config: dict[str, Any], graphs: str, *, capped: bool) -> tuple[Any, ...]:
    """What an H100 runs for a config of the ten parameters, the server's own choices filled in."""
    given = dict(config)
    largest = 256 if given["tp_size"] < 4 else 512
    if capped and given["max_running_requests"] is not None:
        largest = min(largest, given["max_running_requests"])
    if given[graphs] is None and not given["disable_cuda_graph"]:
        given[graphs] = largest
    if given["chunked_prefill_size"] is None:
        given["chunked_prefill_size"] = 8192
    if given["attention_backend"] is None:
        given["attention_backend"] = "fa3"
    return tuple(given.values())


@pytest.mark.parametrize(
    ("target", "graphs", "capped"),
    [(OLD, "cuda_graph_max_bs", False), (NEW, "cuda_graph_max_bs_decode", True)],
)
def test_one_config_is_left_for_each_launch(target: str, graphs: str, capped: bool) -> None:
    written = spacegen.load("sglang-throughput-10", target=target, hardware="h100x8")
    effective = spacegen.load("sglang-throughput-10", target=target, hardware="h100x8", effective=True)
    launches = {launch(config, graphs, capped=capped) for config in written.solutions()}
    kept = [launch(config, graphs, capped=capped) for config in effective.solutions()]
    assert len(kept) == len(set(kept))
    assert set(kept) == launches
    assert effective.count() < written.count()


@pytest.mark.parametrize("target", [OLD, NEW])
@pytest.mark.parametrize("name", ["h100", "b200", "sglang-throughput-33", "sglang-tuner-18"])
def test_every_space_has_fewer_launches_than_configs(name: str, target: str) -> None:
    written = spacegen.load(name, target=target)
    effective = spacegen.load(name, target=target, effective=True)
    assert 0 < effective.count() < written.count()
    assert effective.check({p.name: p.default for p in effective.parameters}).valid


def test_the_command_line_counts_and_draws_launches(capsys: pytest.CaptureFixture[str]) -> None:
    space = ["sglang-throughput-10", "--hardware", "h100x8"]
    assert main(["count", *space, "--effective"]) == 0
    count = capsys.readouterr().out.split()[0]
    assert main(["solve", *space, "--distinct", "effective", "--method", "all", "--format", "jsonl"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"{len(lines):,}" == count
    assert not [line for line in lines if '"chunked_prefill_size": 8192' in line]
    assert main(["solve", *space, "--distinct", "both"]) == 2
    assert "effective" in capsys.readouterr().err
