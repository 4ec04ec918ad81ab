"""The command line as a process: streams, signals, files, helps."""

from __future__ import annotations

import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

import spacegen
from spacegen.cli.main import VERBS, app, main

SERVER = str(Path(__file__).parent / "cases" / "cli" / "server.yaml")
SPACEGEN = [sys.executable, "-m", "spacegen"]


def start(*arguments: str, **more: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*SPACEGEN, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)  # type: ignore[call-overload, no-any-return]


@pytest.fixture
def endless(tmp_path: Path) -> str:
    """A space that takes far longer to write than anybody waits."""
    path = tmp_path / "endless.yaml"
    names = "".join(f"  p{i}: {{range: {{from: 0, to: 99}}}}\n" for i in range(12))
    path.write_text(f"spacegen: 1\nparameters:\n{names}", encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_in_its_own_words(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    said = capsys.readouterr().out
    command = typer.main.get_command(app).get_command(None, verb)  # type: ignore[attr-defined]
    assert command.help.startswith(VERBS[verb])
    assert f"Usage: spacegen {verb}" in said
    for param in command.params:
        assert getattr(param, "help", None), f"{verb} {param.name}"


def test_the_command_alone_says_what_it_can(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    said = capsys.readouterr()
    assert all(verb in said.out for verb in VERBS)
    assert said.err == ""


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"spacegen {spacegen.__version__}\n"


def test_a_closed_pipe_is_quiet_and_no_whole_answer(endless: str) -> None:
    with start("solve", endless, "--method", "all", "-q") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b'{"p0": 0')
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=30) == 141


def test_an_answer_that_is_not_read_is_no_yes(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 3.50 GiB.\n")
    line = f"set -o pipefail; {shlex.join([*SPACEGEN, 'diagnose', str(log), '-q'])} | true"
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signals_leave_no_half_written_file(
    number: signal.Signals, status: int, endless: str, tmp_path: Path
) -> None:
    target = tmp_path / "rows.jsonl"
    process = start("solve", endless, "--method", "all", "-o", str(target))
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob(".rows.jsonl.*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == status
    assert said == b"note: writing 1,000,000,000,000,000,000,000,000 solutions; `-n` takes fewer\n"
    assert [p.name for p in tmp_path.iterdir()] == ["endless.yaml"]


@pytest.mark.parametrize("verb", ["count", "solve"])
def test_a_closed_output_is_nowhere(verb: str) -> None:
    command = f"{shlex.join([*SPACEGEN, verb, SERVER, '-q'])} >&-"
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_closed_input_is_said() -> None:
    command = f"{shlex.join([*SPACEGEN, 'check', SERVER, '-'])} <&-"
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (2, b"error: <stdin> is closed\n")


@pytest.mark.parametrize("where", ["/dev/full", "&-"])
def test_errors_that_cannot_be_said_keep_their_status(where: str) -> None:
    command = f"{shlex.join([*SPACEGEN, 'count', 'nope'])} 2>{where}"
    assert subprocess.run(["sh", "-c", command], check=False).returncode == 2


def test_ctrl_c_while_modules_are_imported_is_quiet() -> None:
    program = (
        "import sys; sys.meta_path.insert(0, type('Stop', (), {'find_spec': lambda self, name, *_: "
        "(_ for _ in ()).throw(KeyboardInterrupt) if name == 'typer' else None})()); "
        "from spacegen.__main__ import run; run()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (130, b"")


def test_a_full_disk_is_said_in_words() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with full.open("wb") as stream:
        done = subprocess.run(
            [*SPACEGEN, "solve", SERVER, "-q"], stdout=stream, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 2
    assert done.stderr == b"error: no space left on device\n"


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "no" / "rows.csv"
    assert main(["solve", SERVER, "-q", "-o", str(target)]) == 2
    assert capsys.readouterr().err == f"error: no such file or directory: {target}\n"
    assert main(["solve", SERVER, "-q", "-o", str(tmp_path), "--format", "csv"]) == 2
    assert capsys.readouterr().err == f"error: is a folder: {tmp_path}\n"


def test_a_file_gets_the_format_of_its_suffix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for suffix, start_ in {"json": "[\n", "csv": "tp_size,", "yml": "- tp_size", "ndjson": "{"}.items():
        target = tmp_path / f"rows.{suffix}"
        assert main(["solve", SERVER, "-n", "2", "-o", str(target)]) == 0
        assert target.read_text(encoding="utf-8").startswith(start_)
        assert main(["check", SERVER, str(target), "-q"]) == 0
    assert capsys.readouterr().out.count(": valid\n") == 8


def test_an_open_file_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    if not Path("/dev/stdout").exists():
        pytest.skip("this system has no /dev/stdout")
    target = tmp_path / "rows.jsonl"
    target.write_text("before\n", encoding="utf-8")
    command = [*SPACEGEN, "solve", SERVER, "-n", "2", "-q", "--format", "jsonl", "-o", "/dev/stdout"]
    with target.open("a", encoding="utf-8") as stream:
        subprocess.run(command, stdout=stream, check=True)
        stream.write("after\n")
    lines = target.read_text(encoding="utf-8").splitlines()
    assert (lines[0], len(lines), lines[-1]) == ("before", 4, "after")


def test_a_terminal_gets_a_table() -> None:
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [*SPACEGEN, "info", SERVER], stdout=theirs, env={**os.environ, "TERM": "xterm"}, check=True
    )
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "━" in shown
    assert "tp_size" in shown


def test_what_does_not_fit_is_said_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for error, words in {
        MemoryError(): "this does not fit in memory",
        RecursionError(): "this is nested too deeply",
        spacegen.EngineError("the engine gave up"): "the engine gave up",
        PermissionError(13, "Permission denied", "x.yaml"): "permission denied: x.yaml",
    }.items():

        def fail(*_: object, error: BaseException = error, **__: object) -> None:
            raise error

        monkeypatch.setattr("spacegen.api.load", fail)
        assert main(["count", SERVER]) == 2
        assert capsys.readouterr().err == f"error: {words}\n"


def test_notes_on_the_engine_come_before_a_count_that_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Hopeless:
        name, notes = "cpsat", ("too wide: CP-SAT answers instead",)

        def count(self) -> int:
            raise spacegen.EngineError("engine `cpsat` gives up")

    monkeypatch.setattr("spacegen.compiled.compile_model", lambda *_: Hopeless())
    assert main(["count", SERVER]) == 2
    assert capsys.readouterr().err == (
        "note: too wide: CP-SAT answers instead\nerror: engine `cpsat` gives up\n"
    )


@pytest.mark.parametrize("text", ["", "[]", "tp_size,dp_size\n"])
@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl"])
def test_a_file_without_configs_is_said(
    text: str, suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"none.{suffix}"
    path.write_text(text, encoding="utf-8")
    assert main(["check", SERVER, str(path)]) == 2
    if (text, suffix) in {("", "csv"), ("tp_size,dp_size\n", "csv"), ("[]", "json"), ("", "jsonl")}:
        assert capsys.readouterr().err == f"error: there is no config in {path}\n"


def test_an_option_gives_a_name_one_value(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["count", SERVER, "--pin", "tp_size=1", "--pin", "tp_size=2"]) == 2
    assert capsys.readouterr().err == (
        "error: `--pin` gives `tp_size` twice\nhint: it is `1` and `2`: leave out one of them\n"
    )
    assert main(["count", SERVER, "--set", "gpus=1", "--set", "gpus=2"]) == 2
    assert main(["count", SERVER, "--pin", "tp_size=2", "--pin", "tp_size=2"]) == 0


def test_completions_are_counted_of_configs_inside_the_space() -> None:
    verdict = spacegen.load(SERVER).check({"tp_size": 9})
    assert "completions" not in verdict.as_dict()
    assert "completions" in spacegen.load(SERVER).check({"tp_size": 2}).as_dict()


def test_what_was_asked_for_is_not_called_lopsided(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", SERVER, "--pin", "tp_size=1", "--where", "dp_size == 1"]) == 0
    said = capsys.readouterr().err
    assert "tp_size" not in said
    assert "dp_size" not in said


def test_a_suffix_names_its_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", SERVER, "-n", "1", "-q", "--format", "yml"]) == 0
    path = tmp_path / "rows"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    assert main(["check", SERVER, str(path), "--format", "yml"]) == 0


def test_no_shard_of_none_has_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", SERVER, "--shard", "1/0"]) == 2
    assert "hint: one is the least: shard 0 of 1" in capsys.readouterr().err


def test_standard_input_must_be_text() -> None:
    done = subprocess.run(
        [*SPACEGEN, "check", SERVER, "-"], input=b"\xff\xfe", capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (2, b"error: <stdin> is not UTF-8 text\n")


@pytest.mark.parametrize("verb", ["solve", "count"])
def test_a_verb_imports_no_slow_library(verb: str) -> None:
    program = (
        "import sys; from spacegen.cli.main import main; "
        f"main([{verb!r}, {SERVER!r}, '-q']); "
        "print({m.split('.')[0] for m in sys.modules} & {'rich', 'ortools', 'pandas', 'scipy', 'constraint'})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
