"""Workers that measure side by side: what they answer, and what is left when any of them dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from threading import Event, active_count

import psutil
import pytest

from spacegen.tune.jobs import Job, Phase
from spacegen.tune.outcome import Cause, Outcome
from spacegen.tune.running.pool import WORKER, WorkerFault, WorkerPool
from spacegen.tune.setup import Setup, Timeouts
from spacegen.tune.workload import Workload
from tune_processes import alive, open_files, until, with_word

STUB = (sys.executable, "-P", str(Path(__file__).parent / "tune_stubs" / "worker.py"))


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return Setup(
        server="sglang",
        version="0.5.23",
        workload=Workload(),
        folder=tmp_path / "runs",
        timeouts=Timeouts(stop=0.3),
    )


@pytest.fixture
def phases() -> list[tuple[str, Phase]]:
    return []


@pytest.fixture
def pool(
    setup: Setup, phases: list[tuple[str, Phase]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[WorkerPool]:
    word = f"folder-{setup.folder}"
    monkeypatch.setenv("WORD", word)
    with WorkerPool(setup, 2, lambda job, phase: phases.append((job.name, phase)), command=STUB) as pool:
        yield pool
    left = with_word(word)
    for process in left:
        process.kill()
    assert left == []


def job(name: str, do: str, **more: object) -> Job:
    return Job(name=name, config={"do": do, **more})  # type: ignore[dict-item]


def runs(setup: Setup, name: str) -> list[int]:
    """The workers that took a job, in order."""
    file = setup.folder / f"{name}.runs"
    return [int(pid) for pid in file.read_text().split()] if file.exists() else []


def serving(pool: WorkerPool, setup: Setup, name: str = "a", **more: object) -> tuple[Future[Outcome], int]:
    """A job whose server runs, and the server's process."""
    future = pool.submit(job(name, "serve", **more))
    file = setup.folder / name / "server.pid"
    until(lambda: file.exists() and file.read_text().strip())
    return future, int(file.read_text())


def test_jobs_are_answered_each_with_its_own(pool: WorkerPool) -> None:
    futures = [pool.submit(job(f"n{number}", "add", number=number)) for number in range(20)]
    outcomes = [future.result(10) for future in futures]
    assert [outcome.metrics["tps"] for outcome in outcomes] == list(range(1, 21))
    assert len({outcome.metrics["pid"] for outcome in outcomes}) <= pool.slots == 2


def test_phases_are_told_and_jobs_have_folders(
    pool: WorkerPool, phases: list[tuple[str, Phase]], setup: Setup
) -> None:
    pool.submit(job("one", "add")).result(10)
    assert phases == [("one", "doing add")]
    assert (setup.folder / "one").is_dir()


def test_what_a_runner_prints_and_reads_stays_off_the_pipes(pool: WorkerPool, setup: Setup) -> None:
    assert pool.submit(job("a", "print")).result(10).metrics == {"read": 0.0}
    assert pool.submit(job("b", "add", number=1)).result(10).metrics["tps"] == 2.0
    log = (setup.folder / "workers.log").read_text()
    assert "of a chatterbox" in log
    assert "half a line" in log
    assert "of a child" in log


def test_a_fault_is_raised_with_its_trace(pool: WorkerPool) -> None:
    with pytest.raises(WorkerFault, match="ZeroDivisionError: of the stub"):
        pool.submit(job("a", "err")).result(10)
    assert pool.submit(job("b", "add")).result(10).ok


def test_a_dead_worker_is_replaced_and_its_job_run_again(pool: WorkerPool, setup: Setup) -> None:
    assert pool.submit(job("a", "die once")).result(10).metrics == {"tps": 1.0}
    first, second = runs(setup, "a")
    assert first != second


def test_a_job_that_kills_its_workers_is_given_up(pool: WorkerPool, setup: Setup) -> None:
    failure = pool.submit(job("a", "die")).result(20).failure
    assert failure is not None
    assert failure.cause is Cause.CRASH
    assert failure.message == "the process that measured this config died 3 times, last by SIGKILL"
    assert len(runs(setup, "a")) == 3
    assert pool.submit(job("b", "add")).result(10).ok


def test_a_worker_killed_while_idle_costs_nothing(pool: WorkerPool) -> None:
    for number in range(4):
        outcome = pool.submit(job(f"a{number}", "add")).result(10)
        os.kill(int(outcome.metrics["pid"]), signal.SIGKILL)
    assert pool.submit(job("b", "add")).result(10).ok


def test_close_ends_servers_and_interrupts_jobs(pool: WorkerPool, setup: Setup) -> None:
    running, server = serving(pool, setup, stubborn=True)
    other, _ = serving(pool, setup, "b")
    queued = pool.submit(job("c", "add"))
    pool.close()
    assert not alive(server)
    for future in (running, other, queued):
        failure = future.result(0).failure
        assert failure is not None
        assert failure.cause is Cause.INTERRUPTED
    assert (setup.folder / "a" / "interrupted").exists()
    assert runs(setup, "c") == []
    pool.close()
    with pytest.raises(RuntimeError, match="closed"):
        pool.submit(job("d", "add"))


def test_close_does_not_wait_for_ever(
    pool: WorkerPool, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spacegen.tune.running.pool._PATIENCE", 0.1)
    hanging = pool.submit(job("a", "hang"))
    file = setup.folder / "a" / "server.pid"
    until(lambda: file.exists() and file.read_text().strip())
    pool.close()
    failure = hanging.result(0).failure
    assert failure is not None
    assert failure.cause is Cause.INTERRUPTED
    assert not alive(int(file.read_text()))


def test_no_file_and_no_thread_stay(setup: Setup) -> None:
    files, threads = open_files(), active_count()
    with WorkerPool(setup, 2, lambda *_: None, command=STUB) as pool:
        pool.submit(job("a", "add")).result(10)
        pool.submit(job("b", "die once")).result(10)
    assert open_files() == files
    assert active_count() == threads


def test_a_cancelled_job_is_not_run(pool: WorkerPool, setup: Setup) -> None:
    serving(pool, setup)
    serving(pool, setup, "b")
    queued = pool.submit(job("c", "add"))
    assert queued.cancel()
    pool.close()
    assert runs(setup, "c") == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_a_signal_ends_takes_its_server_along_before_the_job_runs_again(
    pool: WorkerPool, setup: Setup, number: int
) -> None:
    _, server = serving(pool, setup, stubborn=True)
    file = setup.folder / "a" / "server.pid"
    os.kill(runs(setup, "a")[0], number)
    until(lambda: file.read_text().strip() not in ("", str(server)))
    assert not alive(server)
    assert len(runs(setup, "a")) == 2


def test_a_worker_killed_with_its_wardens_leaves_nothing(pool: WorkerPool, setup: Setup) -> None:
    _, server = serving(pool, setup, stubborn=True)
    family = [p for p in with_word(f"folder-{setup.folder}") if p.pid != server]
    wardens = with_word(f"folder-{setup.folder}", "warden.py")
    for process in (psutil.Process(runs(setup, "a")[0]), *wardens):
        process.kill()
    file = setup.folder / "a" / "server.pid"
    until(lambda: file.read_text().strip() not in ("", str(server)))
    assert [process.pid for process in family if alive(process.pid)] == []


def test_a_report_is_told_by_one_thread_at_a_time(setup: Setup) -> None:
    inside, overlaps = Event(), []

    def report(job: Job, phase: Phase) -> None:
        overlaps.append(inside.is_set())
        inside.set()
        # Long enough for the other worker to answer.
        Event().wait(0.02)
        inside.clear()

    with WorkerPool(setup, 2, report, command=STUB) as pool:
        for future in [pool.submit(job(f"a{number}", "add")) for number in range(8)]:
            future.result(10)
    assert overlaps == [False] * 8


def test_a_report_that_fails_ends_its_job_and_mixes_nothing_up(setup: Setup) -> None:
    def report(job: Job, phase: Phase) -> None:
        if job.name == "a":
            raise ZeroDivisionError

    with WorkerPool(setup, 1, report, command=STUB) as pool:
        with pytest.raises(ZeroDivisionError):
            pool.submit(job("a", "serve")).result(10)
        assert pool.submit(job("b", "add", number=1)).result(10).metrics["tps"] == 2


DRIVER = """
import sys, time
from pathlib import Path
from spacegen.tune.jobs import Job
from spacegen.tune.running.pool import WorkerPool
from spacegen.tune.setup import Setup
setup = Setup.model_validate_json(sys.argv[1])
try:
    with WorkerPool(setup, 2, lambda *_: None, command=sys.argv[2:]) as pool:
        futures = [pool.submit(Job(name=n, config={"do": "serve", "stubborn": True})) for n in "ab"]
        print("up", flush=True)
        time.sleep(60)
except KeyboardInterrupt:
    print([future.result(0).failure.cause.value for future in futures], flush=True)
    sys.exit(130)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_driver_that_a_signal_ends_leaves_nothing(setup: Setup, number: int) -> None:
    word = f"driver-{setup.folder}"
    command = [sys.executable, "-c", DRIVER, setup.model_dump_json(), *STUB]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "WORD": word}, process_group=0
    ) as driver:
        until(lambda: len(list(setup.folder.glob("*/server.pid"))) == 2)
        # As Ctrl-C does: to all of the process group.
        os.killpg(driver.pid, number)
        said, _ = driver.communicate(timeout=60)
        if number == signal.SIGINT:
            assert said == "up\n['interrupted', 'interrupted']\n"
            assert driver.returncode == 130
            assert with_word(word) == []
    until(lambda: with_word(word) == [])
    assert len(list(setup.folder.glob("*/interrupted"))) == 2


def test_a_worker_whose_input_ends_goes(setup: Setup) -> None:
    for said in ("", setup.model_dump_json() + "\n"):
        done = subprocess.run(STUB, input=said, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (0, "")


def test_the_real_worker_starts_without_slow_libraries() -> None:
    program = "import sys, json, spacegen.tune.running.worker; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    assert loaded.isdisjoint({"aiohttp", "numpy", "optuna", "ortools", "plotly", "psutil", "ray", "yaml"})


def test_the_real_worker_measures_by_the_formula(setup: Setup) -> None:
    simulated = setup.model_copy(update={"runner": "sim", "gpu_ids": ("0",)})
    with WorkerPool(simulated, 1, lambda *_: None, command=WORKER) as pool:
        outcome = pool.submit(Job(name="a", config={})).result(20)
    assert outcome.simulated
