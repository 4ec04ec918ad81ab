"""Commands that end with their parent: each way to die, and nothing left afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from spacegen.tune.running import warden
from spacegen.tune.running.guarded import Guarded, guard
from spacegen.tune.running.leftovers import end_marked, marked, new_mark, with_mark
from tune_processes import alive, open_files, until, with_word

PATIENT = "while :; do sleep 0.05; done"


@pytest.fixture
def word() -> Iterator[str]:
    """A word that all processes of a test carry, and none of them after it."""
    word = f"word-{uuid4().hex}"
    yield word
    left = with_word(word)
    for process in left:
        process.kill()
    assert left == []


@pytest.fixture
def start(word: str, tmp_path: Path) -> Callable[..., Guarded]:
    def start(script: str, **options: object) -> Guarded:
        given = {"grace": 0.3, "log": tmp_path / "log", "env": {**os.environ, "WORD": word}, **options}
        return guard(["sh", "-c", script], **given)  # type: ignore[arg-type]

    return start


def wardens(word: str) -> tuple[psutil.Process, psutil.Process]:
    """The outer and the inner one."""
    outer, inner = sorted(with_word(word, "warden.py"), key=lambda process: process.create_time())
    assert inner.ppid() == outer.pid
    return outer, inner


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", -9), ("kill -11 $$", -11)]
)
def test_the_code_is_the_command_s(start: Callable[..., Guarded], script: str, code: int) -> None:
    with start(script) as command:
        assert command.wait(10) == code
        assert command.poll() == code
        assert command.stop() == code


def test_words_go_to_the_log_and_are_added(start: Callable[..., Guarded], tmp_path: Path) -> None:
    (tmp_path / "log").write_text("before\n")
    with start("echo out; echo err >&2") as command:
        command.wait(10)
    assert (tmp_path / "log").read_text() == "before\nout\nerr\n"


def test_standard_output_may_go_elsewhere(start: Callable[..., Guarded], tmp_path: Path) -> None:
    with start("echo out; echo err >&2", stdout=tmp_path / "out") as command:
        command.wait(10)
    assert (tmp_path / "log").read_text() == "err\n"
    assert (tmp_path / "out").read_text() == "out\n"


def test_a_talkative_command_is_not_held_up(start: Callable[..., Guarded], tmp_path: Path) -> None:
    with start("head -c 3000000 /dev/zero") as command:
        assert command.wait(10) == 0
    assert (tmp_path / "log").stat().st_size == 3_000_000


def test_a_running_command_has_no_code(start: Callable[..., Guarded]) -> None:
    with start(PATIENT) as command:
        assert command.poll() is None
        assert command.wait(0.05) is None
        assert psutil.Process(command.pid).status() != psutil.STATUS_ZOMBIE
    assert command.poll() == -signal.SIGTERM


def test_it_leads_a_session_and_reads_nothing(start: Callable[..., Guarded], tmp_path: Path) -> None:
    with start("cat; echo read; exec sleep 60") as command:
        until(lambda: (tmp_path / "log").read_text() == "read\n")
        assert os.getsid(command.pid) == os.getpgid(command.pid) == command.pid


def test_it_starts_in_a_moment(start: Callable[..., Guarded]) -> None:
    def once() -> float:
        began = time.perf_counter()
        with start("exit 0") as command:
            command.wait(10)
        return time.perf_counter() - began

    assert min(once() for _ in range(5)) < 0.5


def test_a_program_that_is_missing_is_named(word: str) -> None:
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        guard(["no-such-program"], env={**os.environ, "WORD": word})


def test_a_folder_that_is_missing_is_named(word: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        guard(["true"], env={**os.environ, "WORD": word}, cwd=tmp_path / "nowhere")


def test_only_the_given_files_are_inherited(start: Callable[..., Guarded], tmp_path: Path) -> None:
    given, secret = (os.open(tmp_path / name, os.O_CREAT | os.O_RDWR) for name in ("given", "secret"))
    os.set_inheritable(secret, True)
    try:
        with start("ls -l /proc/self/fd > files", fds=[given], cwd=tmp_path) as command:
            assert command.wait(10) == 0
        files = (tmp_path / "files").read_text()
        assert str(tmp_path / "given") in files
        assert str(tmp_path / "secret") not in files
        assert "pipe:" not in files
    finally:
        os.close(given)
        os.close(secret)


def test_stop_asks_first(start: Callable[..., Guarded], tmp_path: Path) -> None:
    with start(f"trap 'echo asked; exit 7' TERM; echo up; {PATIENT}", grace=10.0) as command:
        until(lambda: "up" in (tmp_path / "log").read_text())
        assert command.stop() == 7
    assert "asked" in (tmp_path / "log").read_text()


TREES = {
    "a child": f"sh -c '{PATIENT}' & {PATIENT}",
    "a child that ignores TERM": f"sh -c 'trap \"\" TERM; {PATIENT}' & {PATIENT}",
    "all ignore TERM": f"trap '' TERM; sh -c '{PATIENT}' & {PATIENT}",
    "another session": f"setsid sh -c '{PATIENT}' & {PATIENT}",
    "an orphan in another session": f"(setsid sh -c 'trap \"\" TERM; {PATIENT}' &); {PATIENT}",
    "a stopped child": f"sh -c 'kill -STOP $$' & {PATIENT}",
    "a zombie": f"(sh -c 'exit 0' & exec sleep 60) & {PATIENT}",
}
every_tree = pytest.mark.parametrize("tree", TREES.values(), ids=TREES)


def is_up(word: str, children: int = 2) -> bool:
    """Whether the wardens, the command and its first descendant run."""
    return len(with_word(word)) >= 2 + children


@every_tree
def test_stop_leaves_nothing(start: Callable[..., Guarded], word: str, tree: str) -> None:
    with start(tree):
        until(lambda: is_up(word))
    assert with_word(word) == []


@every_tree
def test_a_command_that_ends_leaves_nothing(start: Callable[..., Guarded], word: str, tree: str) -> None:
    with start(f"({tree}) & sleep 0.1; exit 5", grace=0.1) as command:
        assert command.wait(10) == 5
        until(lambda: with_word(word) == [])
        assert command.stop() == 5


@every_tree
@pytest.mark.parametrize("victim", ["outer", "inner"])
def test_a_killed_warden_leaves_nothing(
    start: Callable[..., Guarded], word: str, tree: str, victim: str
) -> None:
    with start(tree) as command:
        until(lambda: is_up(word))
        outer, inner = wardens(word)
        (outer if victim == "outer" else inner).kill()
        assert command.wait(10) is not None
        until(lambda: with_word(word) == [])
        assert (command.stop() or 0) < 0


@every_tree
def test_two_killed_wardens_leave_nothing(start: Callable[..., Guarded], word: str, tree: str) -> None:
    with start(tree) as command:
        until(lambda: is_up(word))
        pids = [warden.pid for warden in wardens(word)]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        assert command.wait(10) == -signal.SIGKILL
        assert with_word(word) == []


PARENT = """
import os, sys, time
from spacegen.tune.running import warden
from spacegen.tune.running.guarded import guard
command = guard(["sh", "-c", sys.argv[1]], grace=0.3)
if sys.argv[2] == "fork" and os.fork() == 0:
    os.setsid()
    time.sleep(1.5)
    os._exit(0)
print(command.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def parent(word: str) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    parents = []

    def start(tree: str, how: str = "") -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PARENT, tree, how]
        environment = {**os.environ, "WORD": word}
        started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        parents.append(started)
        assert started.stdout is not None
        assert started.stdout.readline()
        until(lambda: is_up(word, 3))
        return started

    yield start
    for each in parents:
        each.kill()
        each.wait()
        assert each.stdout is not None
        each.stdout.close()


@every_tree
def test_a_killed_parent_leaves_nothing(
    parent: Callable[..., subprocess.Popen[str]], word: str, tree: str
) -> None:
    parent(tree).kill()
    until(lambda: with_word(word) == [])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGSEGV])
def test_a_parent_that_a_signal_ends_leaves_nothing(
    parent: Callable[..., subprocess.Popen[str]], word: str, number: int
) -> None:
    parent(TREES["all ignore TERM"]).send_signal(number)
    until(lambda: with_word(word) == [])


@pytest.mark.parametrize("victim", ["outer", "inner"])
def test_a_parent_killed_with_a_warden_leaves_nothing(
    parent: Callable[..., subprocess.Popen[str]], word: str, victim: str
) -> None:
    killed = parent(TREES["an orphan in another session"])
    outer, inner = wardens(word)
    (outer if victim == "outer" else inner).kill()
    killed.kill()
    until(lambda: with_word(word) == [])


def test_a_fork_of_the_parent_does_not_keep_the_command(
    parent: Callable[..., subprocess.Popen[str]], word: str
) -> None:
    started = parent(PATIENT, "fork")
    started.kill()
    started.wait()
    until(lambda: len(with_word(word)) == 1, 1.4)
    until(lambda: with_word(word) == [])


@pytest.mark.parametrize("victim", ["outer", "inner"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_warden_takes_a_signal_as_the_order_to_end(
    start: Callable[..., Guarded], word: str, victim: str, number: int
) -> None:
    with start(TREES["a child"]) as command:
        until(lambda: is_up(word))
        outer, inner = wardens(word)
        (outer if victim == "outer" else inner).send_signal(number)
        assert command.wait(10) == -signal.SIGTERM
        until(lambda: with_word(word) == [])


@pytest.fixture
def no_prctl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A warden as on systems without prctl and /proc."""
    script = Path(warden.__file__).read_text()
    assert script.count('_LINUX = sys.platform == "linux"') == 1
    copy = tmp_path / "warden.py"
    copy.write_text(script.replace('_LINUX = sys.platform == "linux"', "_LINUX = False"))
    monkeypatch.setattr(warden, "__file__", str(copy))


@pytest.mark.usefixtures("no_prctl")
@pytest.mark.parametrize(
    ("script", "end"),
    [
        (TREES["all ignore TERM"], "stop"),
        ("sleep 60 & sleep 0.1; exit 5", "exit"),
        ("exec sleep 60", "drop"),
        ("exec sleep 60", "kill outer"),
        ("exec sleep 60", "kill inner"),
        ("exec sleep 60", "kill both"),
    ],
)
def test_a_process_group_is_enough_for_most(
    start: Callable[..., Guarded], word: str, script: str, end: str
) -> None:
    with start(script, grace=0.1) as command:
        until(lambda: is_up(word, 1))
        outer, inner = wardens(word)
        match end:
            case "drop":
                command._control.close()
            case "kill inner" | "kill outer" | "kill both":
                for process in {"kill inner": [inner], "kill outer": [outer]}.get(end, [inner, outer]):
                    process.kill()
        if end != "stop":
            assert command.wait(10) is not None
        command.stop()
        assert with_word(word) == []


def test_no_file_stays_open(start: Callable[..., Guarded]) -> None:
    before = open_files()
    for script in ("exit 0", "exec sleep 60"):
        with start(script):
            pass
    with pytest.raises(FileNotFoundError):
        guard(["no-such-program"])
    with pytest.raises(FileNotFoundError):
        guard(["true"], cwd=Path("/nowhere"))
    assert open_files() == before


def test_ctrl_c_reaches_only_the_parent(tmp_path: Path, start: Callable[..., Guarded]) -> None:
    script = f"trap 'echo interrupted' INT; echo up; {PATIENT}"
    with start(script) as command:
        until(lambda: "up" in (tmp_path / "log").read_text())
        assert os.getpgid(command.pid) != os.getpgid(0)
        assert os.getsid(command.pid) != os.getsid(0)
    assert (tmp_path / "log").read_text() == "up\n"


def test_what_is_dropped_is_ended(start: Callable[..., Guarded], word: str) -> None:
    command = start(PATIENT)
    # As when a process goes without leaving its contexts.
    command._control.close()
    until(lambda: with_word(word) == [])
    assert command.stop() == -signal.SIGTERM


def test_marks_add_up_and_find_their_processes(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    outer, inner = new_mark(), new_mark()
    monkeypatch.setenv("SPACEGEN_MARKS", with_mark({}, outer)["SPACEGEN_MARKS"])
    with subprocess.Popen(["sleep", "60"], env=with_mark({"WORD": word}, inner)) as process:
        until(lambda: marked(inner))
        assert marked(outer) == marked(inner) == [psutil.Process(process.pid)]
        assert marked(new_mark()) == []
        assert end_marked(new_mark())
        assert alive(process.pid)
        assert end_marked(outer)
        assert process.wait(10) == -signal.SIGKILL
