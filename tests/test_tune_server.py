"""The runner of servers, with a stub of one."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from spacegen.tune.jobs import Job
from spacegen.tune.outcome import Cause, Outcome
from spacegen.tune.running.runners import runner_for
from spacegen.tune.setup import Setup, Timeouts
from spacegen.tune.workload import Workload

STUB = Path(__file__).parent / "stubs" / "server.py"
LOAD = "import urllib.request, json; print(json.dumps({'output_throughput': 5.0, 'mean_ttft_ms': 20}))"
DIE = """
import sys, time, urllib.request
try: urllib.request.urlopen(sys.argv[1] + '/die')
except OSError: pass
time.sleep(60)
"""
SLOW = "import time; time.sleep(60)"


def setup_of(folder: Path, mode: str = "", load: str = LOAD, **more: Any) -> Setup:
    python = shlex.join([sys.executable, "-I", "-S", "-c", load])
    asked = {"timeout": 20.0, **more.pop("asked", {})}
    workload = Workload(generator="command", command=f"{python} {{base_url}}", **asked)
    known: dict[str, Any] = {
        "server": "sglang",
        "version": "0.5.23",
        "workload": workload,
        "folder": folder / "jobs",
        "lease_folder": folder / "leases",
        "gpu_ids": ("4", "5", "6"),
        "arguments": {"model_path": "a model", "page_size": 1},
        "server_command": (sys.executable, "-I", "-S", str(STUB)),
        "environment": {"STUB_MODE": mode},
        "timeouts": Timeouts(ready=20.0, stop=5.0),
    }
    return Setup(**{**known, **more})


def run(setup: Setup, gpus: int = 2, **config: Any) -> tuple[Outcome, list[str]]:
    phases: list[str] = []
    job = Job(name="trial-1", config=config, gpus=gpus)
    outcome = runner_for(setup).run(job, lambda _, phase: phases.append(phase))
    assert stubs(setup) == []
    return outcome, phases


def stubs(setup: Setup) -> list[int]:
    """The living processes of a setup's servers."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        ours = str(STUB) in words and f"{setup.arguments['model_path']}" in words
        if ours and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process.pid)
    return found


def failure(outcome: Outcome) -> tuple[Cause, str]:
    assert outcome.failure is not None
    return outcome.failure.cause, outcome.failure.message


def test_a_job_is_launched_measured_and_ended(tmp_path: Path) -> None:
    setup = setup_of(tmp_path, arguments={"model_path": f"model in {tmp_path}", "page_size": 16})
    outcome, phases = run(setup, schedule_policy="fcfs", tensor_parallel_size=2)
    assert phases == ["waiting for GPUs", "starting", "loading", "measuring", "stopping"]
    assert outcome.failure is None
    assert outcome.metrics == {"output_throughput": 5.0, "mean_ttft_ms": 20.0}
    assert outcome.gpu_ids == ("4", "5")
    assert outcome.altered == {"page_size": (16, 64), "schedule_policy": ("fcfs", "lpm")}
    assert outcome.command[3] == str(STUB)
    assert outcome.load_command[0] == sys.executable
    assert outcome.seconds > 0
    assert not outcome.simulated
    folder = tmp_path / "jobs" / "trial-1"
    assert outcome.log == str(folder / "server.log")
    assert "fired up" in (folder / "server.log").read_text()
    told = (folder / "command.txt").read_text()
    assert "CUDA_VISIBLE_DEVICES=4,5" in told
    assert shlex.join(outcome.command) in told


def test_the_ports_are_a_pair(tmp_path: Path) -> None:
    words = run(setup_of(tmp_path))[0].command
    port = int(words[words.index("--port") + 1])
    assert int(words[words.index("--nccl-port") + 1]) == port + 1
    assert words[words.index("--host") + 1] == "127.0.0.1"


def test_the_median_of_loads_counts(tmp_path: Path) -> None:
    count = tmp_path / "count"
    load = f"p='{count}'; open(p, 'a').write('x'); print('{{\"m\": %d}}' % len(open(p).read()) ** 2)"
    outcome, _ = run(setup_of(tmp_path, load=load, asked={"repeats": 3}))
    assert outcome.repeats == ({"m": 1.0}, {"m": 4.0}, {"m": 9.0})
    assert outcome.metrics == {"m": 4.0}
    assert (tmp_path / "jobs" / "trial-1" / "load-3").is_dir()


def test_a_launch_that_is_refused_says_why(tmp_path: Path) -> None:
    outcome, phases = run(setup_of(tmp_path, "refuse"))
    assert failure(outcome) == (Cause.ARGUMENTS, "argument --page-size: invalid int value: 'x'")
    assert "measuring" not in phases


def test_an_argument_that_the_target_lacks_launches_nothing(tmp_path: Path) -> None:
    outcome, phases = run(setup_of(tmp_path), shedule_policy="fcfs")
    assert failure(outcome)[0] is Cause.ARGUMENTS
    assert phases == []


def test_more_gpus_than_there_are_launch_nothing(tmp_path: Path) -> None:
    outcome, _ = run(setup_of(tmp_path), gpus=4)
    assert failure(outcome) == (Cause.ARGUMENTS, "the launch takes 4 GPUs, and 3 are given")


def test_memory_that_does_not_suffice_at_loading(tmp_path: Path) -> None:
    cause, message = failure(run(setup_of(tmp_path, "memory"))[0])
    assert cause is Cause.LOADING_MEMORY
    assert message.startswith("torch.OutOfMemoryError: CUDA out of memory")


def test_a_server_that_does_not_come_up_in_time(tmp_path: Path) -> None:
    outcome, _ = run(setup_of(tmp_path, "hang", timeouts=Timeouts(ready=0.5, stop=5.0)))
    assert failure(outcome) == (Cause.TIMEOUT, "not ready after 0.5 s: still loading weights")


def test_a_server_that_dies_under_load_is_noticed_at_once(tmp_path: Path) -> None:
    began = time.monotonic()
    outcome, _ = run(setup_of(tmp_path, load=DIE))
    assert failure(outcome)[0] is Cause.SERVING_MEMORY
    assert time.monotonic() - began < 8
