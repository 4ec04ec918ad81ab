"""Jobs on a Ray cluster: a local one, whose eight GPUs are made up."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from spacegen.cli.main import main
from spacegen.errors import UsageError
from spacegen.tune.jobs import Job, Phase
from spacegen.tune.outcome import Cause, Outcome
from spacegen.tune.results import ResultsFile
from spacegen.tune.running.cluster import RayExecutor
from spacegen.tune.running.connecting import Connection
from spacegen.tune.running.pool import WorkerFault
from spacegen.tune.setup import Setup, Timeouts
from spacegen.tune.workload import Workload
from tune_processes import until, with_word

ray = pytest.importorskip("ray")

# One Ray for all tests: it takes seconds to start.
pytestmark = pytest.mark.xdist_group("ray")
STUB = (sys.executable, "-P", str(Path(__file__).parent / "tune_stubs" / "cluster.py"))
GPUS = tuple("01234567")


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        # No token for access is written to this user's home.
        patched.setenv("RAY_AUTH_MODE", "disabled")
        connection = Connection(ray, None, GPUS)
        yield
        connection.close()


def make(folder: Path) -> Setup:
    return Setup(
        server="sglang",
        version="0.5.23",
        workload=Workload(),
        folder=folder / "runs",
        lease_folder=folder / "leases",
        gpu_ids=GPUS,
        timeouts=Timeouts(stop=0.5),
    )


@pytest.fixture
def phases() -> list[tuple[str, Phase]]:
    return []


@pytest.fixture
def executor(cluster: None, tmp_path: Path, phases: list[tuple[str, Phase]]) -> Iterator[RayExecutor]:
    def report(job: Job, phase: Phase) -> None:
        phases.append((job.name, phase))

    with RayExecutor(make(tmp_path), None, 8, report, command=STUB) as executor:
        yield executor


def job(name: str, do: str, gpus: int = 1) -> Job:
    return Job(name=name, config={"do": do}, gpus=gpus)


def most_in_use(outcomes: list[Outcome]) -> int:
    """The most GPUs that were held at one moment; fails where one of them was held twice."""
    turns = sorted(
        (moment, change, outcome.gpu_ids)
        for outcome in outcomes
        for moment, change in ((outcome.started, 1), (outcome.started + outcome.seconds, -1))
    )
    held: set[str] = set()
    most = 0
    for _, change, ids in turns:
        if change > 0:
            assert not held & set(ids)
            held |= set(ids)
        else:
            held -= set(ids)
        most = max(most, len(held))
    return most


def test_jobs_of_all_sizes_are_packed_on_the_gpus(
    executor: RayExecutor, phases: list[tuple[str, Phase]]
) -> None:
    sizes = [1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 8, 8]
    random.Random(0).shuffle(sizes)
    futures = [executor.submit(job(f"job-{i}", "hold", size)) for i, size in enumerate(sizes)]
    outcomes = [future.result(180) for future in futures]
    assert [len(outcome.gpu_ids) for outcome in outcomes] == sizes
    assert all(outcome.ok for outcome in outcomes)
    assert max(sizes) <= most_in_use(outcomes) <= 8
    assert {id for outcome in outcomes for id in outcome.gpu_ids} == set(GPUS)
    assert [phase for name, phase in phases if name == "job-3"] == ["waiting for GPUs", "measuring"]
    assert executor.slots == 8


def test_a_task_that_dies_is_run_again(executor: RayExecutor) -> None:
    outcome = executor.submit(job("dies", "die once", 2)).result(120)
    assert outcome.metrics == {"threads": 0.0}


def test_a_job_that_fits_no_node_does_not_wait_for_one(executor: RayExecutor) -> None:
    failure = executor.submit(job("big", "hold", 9)).result(5).failure
    assert failure is not None
    assert failure.cause is Cause.ARGUMENTS
    assert failure.message == "the launch takes 9 GPUs, and the largest node of the cluster has 8"
    assert executor.largest_node == 8


def test_a_fault_of_this_program_is_raised(executor: RayExecutor) -> None:
    with pytest.raises(WorkerFault, match="ZeroDivisionError: of the stub"):
        executor.submit(job("errs", "err")).result(120)


def test_closing_ends_what_runs_and_what_waits(
    cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = make(tmp_path)
    setup = setup.model_copy(update={"exclusive": True})
    with RayExecutor(setup, None, 3, lambda *_: None, command=STUB) as executor:
        futures = [executor.submit(job(f"serve-{i}", "serve")) for i in range(5)]
        until(lambda: list(setup.folder.glob("*/serving")), 60)
    found = [future.result(0).failure for future in futures]
    assert [failure.cause for failure in found if failure] == [Cause.INTERRUPTED] * 5
    # Each job had the node to itself.
    assert len(list(setup.folder.glob("*/ended"))) == 1
    assert with_word(str(setup.folder)) == []


DRIVER = """
import json, sys
from pathlib import Path
from spacegen.tune.jobs import Job
from spacegen.tune.running.cluster import RayExecutor
from spacegen.tune.setup import Setup

setup = Setup.model_validate_json(sys.argv[1])
executor = RayExecutor(setup, None, 2, lambda *_: None, command=json.loads(sys.argv[2]))
executor.submit(Job(name="served", config={"do": "serve"}, gpus=2)).result()
"""


def test_nothing_outlives_a_driver_that_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    word = f"driver-of-{tmp_path}"
    monkeypatch.setenv("WORD", word)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    setup = make(tmp_path)
    words = (sys.executable, "-c", DRIVER, setup.model_dump_json(), json.dumps(STUB))
    with (tmp_path / "log").open("wb") as log:
        driver = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        until(lambda: (setup.folder / "served" / "serving").exists() or driver.poll() is not None, 90)
        assert driver.poll() is None, (tmp_path / "log").read_text()
        assert len(with_word(word)) > 3
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        try:
            until(lambda: with_word(word) == [], 60)
        except AssertionError:
            pytest.fail(f"still there: {[process.cmdline() for process in with_word(word)]}")
    finally:
        driver.kill()
        for process in with_word(word):
            process.kill()


SPACE = """\
spacegen: 1
name: node
target: {server: sglang, version: "0.5.23"}
parameters: {tp_size: [1, 2, 4, 8], schedule_policy: [fcfs, lpm]}
derived: {gpus: tp_size}
"""


@pytest.fixture
def folder(cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "node.yaml").write_text(SPACE)
    return tmp_path


def tune(*more: str) -> int:
    return main(["tune", "node.yaml", "--runner", "sim", "--executor", "ray", "--repeats", "1", *more])


def test_a_study_on_a_cluster(folder: Path) -> None:
    assert tune("--address", "auto", "--trials", "5", "--workers", "4", "--quiet") == 0
    records = ResultsFile(folder / "node-simulated.jsonl").records()
    assert len(records) == 5
    for record in records:
        assert record.outcome.ok
        assert len(record.outcome.gpu_ids) == record.config["tp_size"]


@pytest.mark.parametrize(
    ("extra", "large", "words"),
    [
        ("--address auto --gpus 0-3", "8", "`--gpus` are those of this machine, and `--address` is given"),
        ("--address auto", "16", "2 solutions of `node` take more than 8 GPUs"),
    ],
)
def test_what_no_cluster_can_do_is_said_before_the_study(
    folder: Path, capsys: pytest.CaptureFixture[str], extra: str, large: str, words: str
) -> None:
    (folder / "node.yaml").write_text(SPACE.replace("8]", f"{large}]"))
    assert tune(*extra.split(), "--trials", "5") == 2
    assert words in capsys.readouterr().err
    assert list(folder.glob("*.jsonl")) == []


class NoRay(SimpleNamespace):
    """Ray where there is no cluster."""

    def init(self, **options: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise ConnectionError(f"Could not find any running Ray instance {sorted(options)}.\nMore.")

    def is_initialized(self) -> bool:
        return False


def test_a_cluster_that_is_not_there() -> None:
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(UsageError, match="no Ray cluster at `auto`: Could not find any running") as caught:
        Connection(NoRay(), "auto", GPUS)
    assert "More" not in str(caught.value)
    assert signal.getsignal(signal.SIGTERM) == handler


def test_the_client_of_ray_is_refused() -> None:
    with pytest.raises(UsageError, match=r"`ray://head:10001` is for Ray's client"):
        Connection(NoRay(), "ray://head:10001", GPUS)


def test_without_ray_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match="`--executor ray` needs `ray`"):
        RayExecutor(make(tmp_path), None, 1, lambda *_: None)
