"""The SIMULATED formula: deterministic, finite, with the trade-offs that docs/simulated.md names."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from spacegen.api import load
from spacegen.errors import UsageError
from spacegen.servers.schema import load as load_schema
from spacegen.tune.jobs import Job
from spacegen.tune.outcome import Cause, Outcome
from spacegen.tune.setup import Setup
from spacegen.tune.simulated.effective import effective, filled, gpus_of
from spacegen.tune.simulated.formula import memory
from spacegen.tune.simulated.runner import SimRunner
from spacegen.tune.workload import Workload

WORKLOAD = Workload(input_len=1024, output_len=128, num_prompts=64, concurrency=32)
MODEL = Path(__file__).parents[1] / "solver" / "spacegen" / "launch" / "inside" / "models" / "llama"


def _setup(version: str = "0.5.23", server: str = "sglang", **fields: Any) -> Setup:
    given = {"workload": WORKLOAD, "folder": Path("logs"), "runner": "sim"} | fields
    return Setup(server=server, version=version, **given)


def _run(config: dict[str, Any], *, gpus: int = 1, name: str = "job", **fields: Any) -> Outcome:
    return SimRunner(_setup(**fields)).run(
        Job(name=name, config=config, gpus=gpus), lambda _job, _phase: None
    )


def test_the_same_config_has_the_same_metrics_and_another_seed_has_a_little_noise() -> None:
    once, again = _run({"tp_size": 2}, gpus=2), _run({"tp_size": 2}, gpus=2)
    assert once.metrics == again.metrics
    other = _run({"tp_size": 2}, gpus=2, workload=WORKLOAD.model_copy(update={"seed": 2}))
    assert other.metrics != once.metrics
    assert other.metrics["output_throughput"] == pytest.approx(once.metrics["output_throughput"], rel=0.1)


def test_a_config_that_is_measured_again_differs_by_noise_alone() -> None:
    metrics = [_run({}, name=name).metrics["mean_ttft_ms"] for name in ("trial-1", "trial-1-again-1")]
    assert metrics[0] != metrics[1]
    assert metrics[0] == pytest.approx(metrics[1], rel=0.1)


def test_repeats_are_all_kept_and_their_median_counts() -> None:
    outcome = _run({}, workload=WORKLOAD.model_copy(update={"repeats": 3}))
    rates = sorted(r["request_throughput"] for r in outcome.repeats)
    assert len(set(rates)) == 3
    assert outcome.metrics["request_throughput"] == rates[1]


def test_an_outcome_says_that_it_is_simulated() -> None:
    outcome = _run({})
    assert outcome.simulated
    assert "SIMULATED" in (outcome.hardware or "")
    assert outcome.command[:3] == ("python", "-m", "sglang.launch_server")
    failed = _run({"mem_fraction_static": 0.99})
    assert failed.failure is not None
    assert "SIMULATED" in failed.failure.message


@pytest.mark.parametrize("name", ["h100", "sglang-tuner-18", "sglang-throughput-33", "mini-sglang"])
def test_every_solution_of_a_shipped_space_has_an_outcome(name: str) -> None:
    space = load(name, model=MODEL if name == "h100" else None)
    target = space.model.target
    assert target is not None
    schema = load_schema(target.server, target.version)
    runner = SimRunner(_setup(target.version, target.server))
    for config in space.sample(40):
        gpus = gpus_of(schema, config)
        assert 1 <= gpus <= 8
        outcome = runner.run(Job(name="job", config=dict(config), gpus=gpus), lambda _job, _phase: None)
        assert outcome.ok or (outcome.failure is not None and outcome.failure.cause.teaches)
        assert outcome.failure is None or outcome.failure.cause is not Cause.ARGUMENTS
        assert all(math.isfinite(value) and value > 0 for value in outcome.metrics.values())


def test_more_gpus_in_one_replica_answer_sooner_and_more_replicas_serve_more() -> None:
    ttft = [_run({"tp_size": n}, gpus=n).metrics["mean_ttft_ms"] for n in (1, 2, 4, 8)]
    assert all(a > b for a, b in pairwise(ttft))
    wide, split = (
        _run(c, gpus=8, workload=WORKLOAD.model_copy(update={"concurrency": None, "num_prompts": 512}))
        for c in ({"tp_size": 8}, {"tp_size": 2, "dp_size": 4})
    )
    assert split.metrics["output_throughput"] > wide.metrics["output_throughput"]


def test_memory_fails_in_each_phase_as_the_share_grows() -> None:
    causes = [
        _run({"mem_fraction_static": share, "chunked_prefill_size": 16384}).failure
        for share in (0.1, 0.85, 0.96, 0.982, 0.99)
    ]
    assert [failure and failure.cause for failure in causes] == [
        Cause.LOADING_MEMORY,
        None,
        Cause.SERVING_MEMORY,
        Cause.GRAPH_MEMORY,
        Cause.LOADING_MEMORY,
    ]


def test_memory_that_is_left_to_the_server_suffices() -> None:
    schema = load_schema("sglang", "0.5.23")
    for chunk in (None, 512, 8192, 32768):
        for size in (1, 2, 4, 8):
            launch = effective(schema, {"chunked_prefill_size": chunk, "tp_size": size})
            assert memory(launch, 4096).failing is None


def test_prompts_that_the_cache_cannot_hold_fail_while_serving() -> None:
    failure = _run({"max_total_tokens": 512}).failure
    assert failure is not None
    assert failure.cause is Cause.SERVING_MEMORY


def test_arguments_that_the_target_does_not_take_are_refused() -> None:
    failure = _run({"schedule_policy": "first"}).failure
    assert failure is not None
    assert failure.cause is Cause.ARGUMENTS
    assert "`schedule_policy` cannot be `first`" in failure.message


def test_a_launch_that_takes_more_gpus_than_there_are_is_refused() -> None:
    failure = _run({"tp_size": 4}, gpus=4, gpu_ids=("0", "1")).failure
    assert failure is not None
    assert "takes 4 GPUs, and 2 are given" in failure.message


def test_gpus_are_named_and_all_of_them_where_launches_are_exclusive() -> None:
    assert _run({}, gpu_ids=("4", "5", "6")).gpu_ids == ("4",)
    assert _run({}, gpu_ids=("4", "5", "6"), exclusive=True).gpu_ids == ("4", "5", "6")
    assert _run({"tp_size": 2}, gpus=2).gpu_ids == ("0", "1")


@pytest.mark.parametrize(
    ("server", "version", "config"),
    [
        ("sglang", "0.5.6", {"tensor_parallel_size": 4, "pp_size": 2}),
        ("sglang", "0.5.6", {"tp_size": 8, "dp_size": 8, "enable_dp_attention": True}),
        ("sglang", "0.5.23", {"tp_size": 8, "attn_dp_size": 4}),
        ("minisgl", "0.1.0", {"tp_size": 8}),
    ],
)
def test_gpus_are_counted_for_each_target(server: str, version: str, config: dict[str, Any]) -> None:
    assert gpus_of(load_schema(server, version), config) == 8


def test_negative_flags_and_other_names_reach_their_fields() -> None:
    schema = load_schema("minisgl", "0.1.0")
    known = filled(schema, {"disable_pynccl": True, "max_prefill_length": 2048, "dummy_weight": None})
    assert known["use_pynccl"] is False
    assert known["max_extend_tokens"] == 2048
    assert known["use_dummy_weight"] is False
    assert "disable_pynccl" not in known


@pytest.mark.parametrize(
    ("given", "graphs"),
    [
        ({}, 160),
        ({"cuda_graph_max_bs_decode": 24}, 24),
        ({"cuda_graph_bs_decode": [1, 8, 64], "cuda_graph_max_bs_decode": 24}, 64),
        ({"cuda_graph_backend_decode": "disabled"}, 0),
        ({"disable_cuda_graph": True}, 0),
    ],
)
def test_graphs_are_as_large_as_the_arguments_say(given: dict[str, Any], graphs: int) -> None:
    assert effective(load_schema("sglang", "0.5.23"), given).graphs == graphs


def test_a_speed_makes_runs_take_their_time() -> None:
    outcome = _run({}, environment={"SPACEGEN_SIM_SPEED": "1000"})
    assert outcome.ok
    assert outcome.seconds > 10


def test_a_speed_that_is_none_is_refused() -> None:
    for text in ("fast", "0", "-1", "inf"):
        with pytest.raises(UsageError, match="which is no speed"):
            _run({}, environment={"SPACEGEN_SIM_SPEED": text})
