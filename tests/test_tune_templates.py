"""Launches elsewhere: what stands in the places of a template, and that what it starts ends."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pytest

from spacegen.errors import UsageError
from spacegen.tune.outcome import Cause
from spacegen.tune.running.templates import Places, assigns_gpus, filled, for_elsewhere, read_template
from spacegen.tune.setup import Setup, Timeouts
from test_tune_server import DIE, failure, run, setup_of, stubs
from tune_elsewhere import Elsewhere, elsewhere

JSON = '{"a": "b c", "d": \'$HOME\'}'
PLACES = Places(("python", "-m", "x", "--json", JSON), ("2", "3"), 30000, "spacegen-t-1")
LINE = shlex.join(PLACES.command)


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("srun --gres=gpu:{count} {command}", ("srun", "--gres=gpu:2", *PLACES.command)),
        ("ssh node1 {command}", ("ssh", "node1", LINE)),
        (
            "sshpass -e /usr/bin/ssh -tt node1 {command}",
            ("sshpass", "-e", "/usr/bin/ssh", "-tt", "node1", LINE),
        ),
        ("ssh node1 'cd /srv && exec {command}'", ("ssh", "node1", f"cd /srv && exec {LINE}")),
        ("sh -c {line}", ("sh", "-c", LINE)),
        (
            "docker run -i --name {name} --gpus '\"device={gpus}\"' -p {port}:{port} img {command}",
            (
                *(
                    "docker",
                    "run",
                    "-i",
                    "--name",
                    "spacegen-t-1",
                    "--gpus",
                    '"device=2,3"',
                    "-p",
                    "30000:30000",
                ),
                *("img", *PLACES.command),
            ),
        ),
    ],
)
def test_places_are_filled(template: str, words: tuple[str, ...]) -> None:
    assert filled(read_template(template, "the template"), PLACES) == words


def test_braces_that_are_no_places_stay() -> None:
    template = read_template("x --format '{{.ID}}' '${HOME}' {command}", "the template")
    assert filled(template, PLACES)[:4] == ("x", "--format", "{{.ID}}", "${HOME}")


@pytest.mark.parametrize(
    ("template", "message", "hint"),
    [
        (
            "ssh node1",
            "the template `ssh node1` has no place for the `{command}`",
            "such as `ssh node1 {command}`",
        ),
        ("ssh {nmae} {command}", "the template `ssh {nmae} {command}` has an unknown place `{nmae}`", "name"),
        (
            "ssh 'node1 {command}",
            "the template `ssh 'node1 {command}` cannot be read: no closing quotation",
            "",
        ),
        (" ", "the template is empty", ""),
    ],
)
def test_what_is_no_template_is_refused(template: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_template(template, "the template")
    (fault,) = raised.value.faults
    assert fault.message == message
    assert hint in (fault.hint or "")


def test_who_assigns_the_gpus() -> None:
    assert assigns_gpus(read_template("docker run --gpus device={gpus} img {command}", "x"))
    assert assigns_gpus(read_template("srun --gres=gpu:{count} {command}", "x"))
    assert not assigns_gpus(read_template("ssh node1 {command}", "x"))


def test_a_command_elsewhere_has_its_variables_and_its_words() -> None:
    told = 'import os, sys; print(os.environ["A_B"], *sys.argv[1:], sep="|")'
    words = (sys.executable, "-I", "-c", told, JSON, "", "*")
    command = for_elsewhere(words, {"A_B": "it's $HOME"}, sys.executable, 1.0)
    # As ssh does it: the words become a line, which another shell reads.
    done = subprocess.run(["sh", "-c", shlex.join(command)], capture_output=True, text=True, check=True)
    assert done.stdout == f"it's $HOME|{JSON}||*\n"


@pytest.mark.parametrize("python", [sys.executable, "/no/such/python"])
def test_a_command_elsewhere_ends_with_its_input(python: str) -> None:
    """Whatever it started, too; another interpreter serves where the named one is not there."""
    command = for_elsewhere(("sh", "-c", "sleep 61 & echo $!; sleep 62"), {}, python, 1.0)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        child = int(process.stdout.readline())
        assert psutil.pid_exists(child)
        process.stdin.close()
        process.wait(5)
        assert not psutil.pid_exists(child)


def test_a_command_without_an_input_that_says_anything_runs_by_itself() -> None:
    """As in a container without `-i`, whose input is at its end from the start."""
    command = for_elsewhere(("sh", "-c", "sleep 0.2; echo done"), {}, sys.executable, 1.0)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    assert done.stdout == "done\n"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Elsewhere]:
    """Another machine, and an `ssh` that reaches it."""
    # The name of a socket must be short.
    with TemporaryDirectory(prefix="node-") as folder, elsewhere(Path(folder)) as found:
        yield found


def by_ssh(folder: Path, node: Elsewhere, mode: str = "", **more: Any) -> Setup:
    """A setup that launches on the other machine."""
    template = f"{node.client} node1 {{command}}"
    known = {"launch_template": template, "arguments": {"model_path": f"it's {folder}"}}
    return setup_of(folder, mode, **{**known, **more})


def test_a_launch_by_ssh_is_measured_and_ended(tmp_path: Path, node: Elsewhere) -> None:
    setup = by_ssh(tmp_path, node)
    outcome, _ = run(setup)
    assert outcome.failure is None
    assert outcome.command[:3] == (sys.executable, "-I", "-S")
    assert outcome.command[outcome.command.index("--host") + 1] == "0.0.0.0"
    assert outcome.gpu_use is None
    assert outcome.altered == {}
    assert "CUDA_VISIBLE_DEVICES=4,5" in node.lines[0]


def test_a_launch_elsewhere_that_fails_says_why(tmp_path: Path, node: Elsewhere) -> None:
    assert failure(run(by_ssh(tmp_path, node, "refuse"))[0])[0] is Cause.ARGUMENTS
    outcome, _ = run(by_ssh(tmp_path, node, "silent"))
    assert failure(outcome) == (Cause.CRASH, "the server ended with status 7 while starting")


def test_a_server_elsewhere_that_dies_under_load(tmp_path: Path, node: Elsewhere) -> None:
    assert failure(run(by_ssh(tmp_path, node, load=DIE))[0])[0] is Cause.SERVING_MEMORY


def test_a_server_elsewhere_that_hangs_is_ended(tmp_path: Path, node: Elsewhere) -> None:
    setup = by_ssh(tmp_path, node, "hang", timeouts=Timeouts(ready=1.0, stop=2.0))
    assert failure(run(setup)[0])[0] is Cause.TIMEOUT


def test_a_server_elsewhere_that_does_not_want_to_end_is_killed(tmp_path: Path, node: Elsewhere) -> None:
    outcome, _ = run(by_ssh(tmp_path, node, "stubborn", timeouts=Timeouts(ready=20.0, stop=0.3)))
    assert outcome.ok


def test_a_server_elsewhere_ends_when_all_here_are_killed(tmp_path: Path, node: Elsewhere) -> None:
    """Not even the runner has to end in order: what it holds closes with it."""
    setup = by_ssh(tmp_path, node, "hang")
    program = (
        "import sys; from spacegen.tune.jobs import Job; from spacegen.tune.setup import Setup\n"
        "from spacegen.tune.running.runners import runner_for\n"
        "setup = Setup.model_validate_json(sys.stdin.read())\n"
        "runner_for(setup).run(Job(name='t', config={}), lambda *_: None)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        process.stdin.write(setup.model_dump_json())
        process.stdin.close()
        try:
            until(lambda: bool(stubs(setup)))
        finally:
            process.kill()
    until(lambda: not stubs(setup))


def until(holds: Any, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_template_assigns_the_gpus_itself(tmp_path: Path, node: Elsewhere) -> None:
    template = f"env ASSIGNED={{gpus}} COUNT={{count}} {node.client} node1 {{command}}"
    run(by_ssh(tmp_path, node, launch_template=template))
    assert "CUDA_VISIBLE_DEVICES" not in node.lines[0]


def test_the_stop_template_runs_after_each_launch(tmp_path: Path, node: Elsewhere) -> None:
    noted = tmp_path / "stopped"
    setup = by_ssh(tmp_path, node, stop_template=f"sh -c 'echo {{name}} {{port}} >> {noted}'")
    outcome, _ = run(setup)
    name, port = noted.read_text().split()
    assert name.startswith("spacegen-trial-1-")
    assert port == outcome.command[outcome.command.index("--port") + 1]


def test_a_program_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no program `/no/ssh`"):
        run(setup_of(tmp_path, launch_template="/no/ssh {command}"))
