"""Given configs are measured once: known ones are left alone, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from spacegen.tune.jobs import Job
from spacegen.tune.outcome import Cause, Failure, Outcome
from spacegen.tune.record import Provenance
from spacegen.tune.results import ResultsFile
from spacegen.tune.running.executors import local_executor
from spacegen.tune.running.threads import ThreadExecutor
from spacegen.tune.setup import Setup
from spacegen.tune.sweep import Candidate, Finding, Sweep
from spacegen.tune.workload import Workload

DONE = Outcome(metrics={"output_throughput": 1.0}, simulated=True)


class Listening:
    """Keeps what a sweep says."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.retries: list[Failure] = []
        self.found: list[Finding] = []

    def started(self, _candidate: Candidate, job: Job) -> None:
        self.names.append(job.name)

    def retried(self, _candidate: Candidate, failure: Failure) -> None:
        self.retries.append(failure)

    def measured(self, found: Finding) -> None:
        self.found.append(found)


def _sweep(tmp_path: Path, **provenance: Any) -> tuple[Sweep, Listening]:
    workload = Workload(num_prompts=10)
    setup = Setup(server="sglang", version="0.5.23", workload=workload, folder=tmp_path, runner="sim")
    told = Listening()
    known = {"spacegen": "0", "target": setup.target, "workload": workload, "simulated": True} | provenance
    return Sweep(setup, ResultsFile(tmp_path / "results.jsonl"), Provenance(**known), told), told


def _candidates(*sizes: int) -> list[Candidate]:
    return [Candidate(f"config {n}", {"tp_size": n}) for n in sizes]


def _measuring(outcome: Callable[[Job], Outcome], slots: int = 1) -> ThreadExecutor:
    return ThreadExecutor(outcome, slots)


def test_every_config_is_measured_once_and_numbered(tmp_path: Path) -> None:
    sweep, told = _sweep(tmp_path)
    setup = sweep._setup
    with closing(local_executor(setup, 2, lambda _job, _phase: None)) as executor:
        found = sweep.run(_candidates(1, 2, 4), executor)
    assert sorted(one.record.trial or 0 for one in found) == [0, 1, 2]
    assert [one.kept for one in found] == [False] * 3
    assert len(told.names) == 3
    assert all(one.record.outcome.simulated for one in found)


def test_what_the_file_has_is_not_measured_again(tmp_path: Path) -> None:
    for expected in (2, 0):
        sweep, told = _sweep(tmp_path)
        with _measuring(lambda _: DONE) as executor:
            found = sweep.run(_candidates(1, 2), executor)
        assert len(told.names) == expected
        assert [one.candidate.label for one in found] == ["config 1", "config 2"]
    assert all(one.kept for one in found)
    assert len(ResultsFile(tmp_path / "results.jsonl").records()) == 2


@pytest.mark.parametrize(
    "other",
    [{"target": "sglang==0.5.6"}, {"model": "another"}, {"workload": Workload()}],
)
def test_what_was_measured_otherwise_is_measured_again(tmp_path: Path, other: dict[str, Any]) -> None:
    for more in (other, {}):
        sweep, told = _sweep(tmp_path, **more)
        with _measuring(lambda _: DONE) as executor:
            sweep.run(_candidates(1), executor)
        assert len(told.names) == 1


def test_what_is_simulated_is_no_result_of_a_server(tmp_path: Path) -> None:
    sweep, told = _sweep(tmp_path)
    for simulated in (False, True):
        with _measuring(lambda _, simulated=simulated: DONE.model_copy(update={"simulated": simulated})) as e:
            (found,) = sweep.run(_candidates(1), e)
    assert len(told.names) == 2
    assert found.record.provenance.simulated


def test_a_launch_is_known_by_any_names_of_its_arguments(tmp_path: Path) -> None:
    sweep, _ = _sweep(tmp_path)
    with _measuring(lambda _: DONE) as executor:
        sweep.run(
            [Candidate("a", {"tp_size": 2, "chunked_prefill_size": None, "hicache_ratio": 2})], executor
        )
    for same in ({"tensor_parallel_size": 2, "hicache_ratio": 2.0}, {"hicache_ratio": 2, "tp_size": 2}):
        assert sweep.known(Candidate("b", same)) is not None
    for other in ({"tp_size": 2}, {"tp_size": 2, "hicache_ratio": True}):
        assert sweep.known(Candidate("b", other)) is None


def test_a_failure_of_the_config_counts_and_another_is_tried_again(tmp_path: Path) -> None:
    sweep, told = _sweep(tmp_path)
    causes = iter([Cause.PORT, Cause.LOAD, Cause.CRASH])
    with _measuring(lambda _: Outcome.failed(next(causes), "it failed", simulated=True)) as executor:
        (found,) = sweep.run(_candidates(1), executor)
    assert [failure.cause for failure in told.retries] == [Cause.PORT, Cause.LOAD]
    assert found.record.outcome.failure is not None
    assert found.record.outcome.failure.cause is Cause.CRASH
    assert sweep.known(_candidates(1)[0]) is not None
    assert len(set(told.names)) == 3


def test_a_failure_that_says_nothing_is_measured_again_the_next_time(tmp_path: Path) -> None:
    sweep, told = _sweep(tmp_path)
    with _measuring(lambda _: Outcome.failed(Cause.LOAD, "no answer")) as executor:
        sweep.run(_candidates(1), executor)
    assert len(told.names) == 3
    assert sweep.known(_candidates(1)[0]) is None


def test_an_interruption_keeps_what_was_measured(tmp_path: Path) -> None:
    sweep, told = _sweep(tmp_path)
    started: list[str] = []

    def measure(job: Job) -> Outcome:
        started.append(job.name)
        if len(started) == 2:
            raise KeyboardInterrupt
        return DONE

    with pytest.raises(KeyboardInterrupt), _measuring(measure) as executor:
        sweep.run(_candidates(1, 2, 4), executor)
    assert len(told.found) == 1
    assert len(ResultsFile(tmp_path / "results.jsonl").records()) == 1


def test_an_interruption_keeps_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep, told = _sweep(tmp_path)

    def interrupted(_found: Finding) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(told, "measured", interrupted)
    with pytest.raises(KeyboardInterrupt), _measuring(lambda _: DONE) as executor:
        sweep.run(_candidates(1), executor)
    assert len(ResultsFile(tmp_path / "results.jsonl").records()) == 1
