"""The runner of servers, with a stub of one."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from spacegen.errors import UsageError
from spacegen.tune.jobs import Job
from spacegen.tune.outcome import Cause, Outcome
from spacegen.tune.running import measuring, sites
from spacegen.tune.running.leases import LeaseTimeoutError, lease
from spacegen.tune.running.ports import Ports
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
        # What the processes of a test are known by.
        "arguments": {"model_path": f"model in {folder}", "page_size": 1},
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


def test_a_launch_over_several_machines_is_refused(tmp_path: Path) -> None:
    outcome, _ = run(setup_of(tmp_path), nnodes=2)
    assert failure(outcome) == (Cause.ARGUMENTS, "`nnodes` is 2, and a launch is on one machine")


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
    setup = setup_of(tmp_path, load=DIE, asked={"timeout": 120.0})
    outcome, _ = run(setup)
    assert failure(outcome)[0] is Cause.SERVING_MEMORY
    # The load itself would go on for a minute.
    assert outcome.seconds < 60


def test_a_load_that_fails_on_a_healthy_server_blames_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "_PATIENCE", 0.1)
    load = "import sys; print('no tokenizer', file=sys.stderr); sys.exit(4)"
    outcome, _ = run(setup_of(tmp_path, load=load))
    assert failure(outcome) == (Cause.LOAD, "the load generator ended with status 4: no tokenizer")
    assert outcome.failure is not None
    assert outcome.failure.log_tail == ("no tokenizer",)
    assert outcome.load_command[1:3] == ("-I", "-S")


def test_a_load_generator_that_is_not_there_is_refused_before_any_launch(tmp_path: Path) -> None:
    workload = Workload(generator="command", command="no-such-program {base_url}")
    with pytest.raises(UsageError, match="no program `no-such-program` to put the load on"):
        runner_for(setup_of(tmp_path).model_copy(update={"workload": workload}))


def test_a_load_that_takes_too_long_is_the_fault_of_the_config(tmp_path: Path) -> None:
    outcome, _ = run(setup_of(tmp_path, load=SLOW, asked={"timeout": 0.5}))
    assert failure(outcome) == (Cause.TIMEOUT, "the load was not done after 0.5 s")


def test_a_server_that_is_never_well_is_late(tmp_path: Path) -> None:
    outcome, _ = run(setup_of(tmp_path, "unhealthy", timeouts=Timeouts(ready=0.5, stop=5.0)))
    assert failure(outcome) == (Cause.TIMEOUT, "not ready after 0.5 s: still serving")


def test_a_server_that_does_not_want_to_end_is_killed(tmp_path: Path) -> None:
    outcome, _ = run(setup_of(tmp_path, "stubborn", timeouts=Timeouts(ready=20.0, stop=0.3)))
    assert outcome.ok
    # It would not end by itself, and is not waited for as long as others are.
    assert outcome.seconds < Timeouts().stop


@pytest.mark.parametrize("moment", ["starting", "measuring"])
def test_whoever_interrupts_finds_the_server_ended(moment: str, tmp_path: Path) -> None:
    setup = setup_of(tmp_path)

    def report(_: Job, phase: str) -> None:
        if phase == moment:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner_for(setup).run(Job(name="t", config={}), report)
    assert stubs(setup) == []
    with lease(setup.gpu_ids, 3, folder=setup.lease_folder, timeout=5.0):
        pass


def test_gpus_are_held_until_the_server_has_gone(tmp_path: Path) -> None:
    setup = setup_of(tmp_path)

    def report(_: Job, phase: str) -> None:
        if phase in ("starting", "measuring", "stopping"):
            phases.append(phase)
            with (
                pytest.raises(LeaseTimeoutError),
                lease(setup.gpu_ids, 2, folder=setup.lease_folder, timeout=0.0),
            ):
                pass

    phases: list[str] = []
    assert runner_for(setup).run(Job(name="t", config={}, gpus=2), report).ok
    assert len(phases) == 3


def test_gpus_that_others_keep_are_not_the_fault_of_the_config(tmp_path: Path) -> None:
    setup = setup_of(tmp_path, timeouts=Timeouts(gpus=0.2))
    with lease(setup.gpu_ids, 2, folder=setup.lease_folder, name="somebody"):
        outcome, _ = run(setup)
    cause, message = failure(outcome)
    assert cause is Cause.INTERRUPTED
    assert message.startswith("2 GPUs not free within 0.2 s (4, 5: somebody, process ")


def test_all_gpus_go_to_a_launch_that_is_exclusive(tmp_path: Path) -> None:
    assert run(setup_of(tmp_path, exclusive=True), gpus=1)[0].gpu_ids == ("4", "5", "6")


def test_without_gpus_nothing_is_leased(tmp_path: Path) -> None:
    outcome, _ = run(setup_of(tmp_path, gpu_ids=(), environment={"STUB_MODE": ""}), gpus=8)
    assert outcome.ok
    assert outcome.gpu_ids == ()
    assert "CUDA_VISIBLE_DEVICES" not in (tmp_path / "jobs" / "trial-1" / "command.txt").read_text()


def test_a_config_wins_over_what_all_launches_have_under_any_name(tmp_path: Path) -> None:
    shared = {"model_path": str(tmp_path), "tp_size": 2, "page_size": 16, "chunked_prefill_size": 4096}
    setup = setup_of(tmp_path, arguments=shared)
    words = run(setup, tensor_parallel_size=4, page_size=None)[0].command
    assert ("--tensor-parallel-size", "4") in pairwise(words)
    assert {"--tp-size", "--page-size"} & set(words) == set()
    assert ("--chunked-prefill-size", "4096") in pairwise(words)


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """An interpreter that runs the stub, whatever module it is asked for."""
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nshift 2\nexec {sys.executable} -I -S {STUB} "$@"\n')
    script.chmod(0o755)
    return script


def test_the_interpreter_of_the_server_starts_its_module(tmp_path: Path, python: Path) -> None:
    outcome, _ = run(setup_of(tmp_path, server_command=None, python=str(python)))
    assert outcome.ok
    assert outcome.command[:3] == (str(python), "-m", "sglang.launch_server")


def test_a_stranger_at_the_port_is_not_measured(
    tmp_path: Path, python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers listen only once their model is loaded: their port may be gone by then."""
    command = [sys.executable, "-I", "-S", STUB, "--host", "127.0.0.1", "--port", "0"]
    with subprocess.Popen(command) as stranger, ExitStack() as ending:
        ending.callback(stranger.kill)
        port = until(lambda: listening(stranger.pid))

        @contextmanager
        def reserved(*_: Any, **__: Any) -> Iterator[Ports]:
            yield Ports(port, ())

        monkeypatch.setattr(sites, "free_ports", reserved)
        outcome, _ = run(setup_of(tmp_path, "hang", server_command=None, python=str(python)))
    cause, message = failure(outcome)
    assert cause is Cause.PORT
    assert message.startswith(f"another server answers at http://127.0.0.1:{port} (while ")


def listening(pid: int) -> int:
    links = psutil.Process(pid).net_connections("tcp")
    return next((link.laddr.port for link in links if link.status == psutil.CONN_LISTEN), 0)


def until(found: Callable[[], int], seconds: float = 15.0) -> int:
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return value


def test_where_a_server_listens_is_the_runners_business(tmp_path: Path) -> None:
    shared = {"model_path": str(tmp_path), "port": 12345, "nccl_port": 23456}
    words = run(setup_of(tmp_path, arguments=shared))[0].command
    assert words.count("--port") == 1
    assert "12345" not in words
    assert words.count("--nccl-port") == 1
    assert words[words.index("--nccl-port") + 1] == "23456"


def test_mini_sglang_is_ready_when_its_log_says_so(tmp_path: Path) -> None:
    setup = setup_of(
        tmp_path, "mini", server="minisgl", version="0.1.0", arguments={"model_path": str(tmp_path)}
    )
    outcome, phases = run(setup, page_size=16)
    assert outcome.ok
    assert phases[-2:] == ["measuring", "stopping"]
    assert outcome.altered == {}
    assert "--nccl-port" not in outcome.command


def test_a_job_that_runs_again_keeps_the_log_of_the_first_time(tmp_path: Path) -> None:
    assert failure(run(setup_of(tmp_path, "refuse"))[0])[0] is Cause.ARGUMENTS
    assert run(setup_of(tmp_path))[0].ok
    folder = tmp_path / "jobs" / "trial-1"
    assert "invalid int value" in (folder / "server-1.log").read_text()
    assert "invalid int value" not in (folder / "server.log").read_text()


def test_a_launch_rests_before_its_gpus_are_given_back(tmp_path: Path) -> None:
    setup = setup_of(tmp_path, timeouts=Timeouts(ready=20.0, stop=5.0, cooldown=0.5))
    began = time.monotonic()
    outcome, _ = run(setup)
    assert time.monotonic() - began >= outcome.seconds + 0.5


def test_programs_that_are_not_there_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no program `/no/python`") as raised:
        runner_for(setup_of(tmp_path, server_command=None, python="/no/python"))
    assert "--python" in (raised.value.faults[0].hint or "")


def test_a_program_that_goes_meanwhile_is_not_the_fault_of_the_config(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    runner = runner_for(setup_of(tmp_path, server_command=(str(program),)))
    program.unlink()
    outcome = runner.run(Job(name="t", config={}), lambda *_: None)
    assert failure(outcome) == (Cause.INTERRUPTED, f"`{program}` does not start: no such file or directory")


OFFLINE = r"""
import json, os, sys
words = sys.argv[1:]
def after(flag): return words[words.index(flag) + 1]
if "--page-size" in words and after("--page-size") == "3":
    for line in ("Capture cuda graph begin", "torch.OutOfMemoryError: CUDA out of memory."):
        print(line, file=sys.stderr)
    sys.exit(1)
found = {"successful_requests": 4, "gpus": len(os.environ["CUDA_VISIBLE_DEVICES"].split(","))}
print(json.dumps(found), file=open(after("--result-filename"), "a"))
"""


def offline(folder: Path) -> Setup:
    workload = Workload(generator="offline", dataset="random", repeats=2, timeout=20.0)
    setup = setup_of(folder, bench_command=(sys.executable, "-I", "-S", "-c", OFFLINE))
    return setup.model_copy(update={"workload": workload})


def test_the_offline_benchmark_is_its_own_server(tmp_path: Path) -> None:
    outcome, phases = run(offline(tmp_path), page_size=16)
    assert outcome.failure is None
    assert phases == ["waiting for GPUs", "measuring"]
    assert outcome.metrics["gpus"] == 2
    assert len(outcome.repeats) == 2
    assert {"--page-size", "--model-path"} < set(outcome.command)
    assert {"--port", "--host", "--nccl-port"} & set(outcome.command) == set()


def test_the_offline_benchmark_fails_as_servers_do(tmp_path: Path) -> None:
    assert failure(run(offline(tmp_path), page_size=3)[0])[0] is Cause.GRAPH_MEMORY
    assert failure(run(offline(tmp_path), pagesize=3)[0])[0] is Cause.ARGUMENTS


def test_only_sglang_has_an_offline_benchmark(tmp_path: Path) -> None:
    setup = offline(tmp_path).model_copy(update={"server": "minisgl", "version": "0.1.0"})
    with pytest.raises(UsageError, match="is sglang's"):
        runner_for(setup)


SIMULATED = (sys.executable, "-m", "spacegen.tune.simulated.server")


def simulated(folder: Path, fail: str = "", **more: Any) -> Setup:
    environment = {"SPACEGEN_SIM_SPEED": "1000", "SPACEGEN_SIM_FAIL": fail}
    known = {
        "server_command": SIMULATED,
        "environment": environment,
        "arguments": {"model_path": str(folder)},
    }
    return setup_of(folder, **{**known, **more})


def test_a_simulated_server_says_so(tmp_path: Path) -> None:
    outcome, _ = run(simulated(tmp_path, hardware="H100"), page_size=16)
    assert outcome.failure is None
    assert outcome.simulated
    assert outcome.hardware == "SIMULATED"
    assert outcome.altered == {}


@pytest.mark.parametrize(
    ("fail", "cause"),
    [
        ("arguments", Cause.ARGUMENTS),
        ("loading", Cause.LOADING_MEMORY),
        ("graphs", Cause.GRAPH_MEMORY),
        ("crash", Cause.CRASH),
        ("port", Cause.PORT),
    ],
)
def test_a_simulated_server_fails_as_a_real_one(fail: str, cause: Cause, tmp_path: Path) -> None:
    outcome, _ = run(simulated(tmp_path, fail))
    found, message = failure(outcome)
    assert found is cause
    assert message.startswith("SIMULATED: ")
    assert outcome.simulated
