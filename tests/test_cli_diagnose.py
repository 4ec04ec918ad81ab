"""`spacegen diagnose` from end to end: text, JSON, pages, spaces, and logs that grow."""

from __future__ import annotations

import gzip
import html
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import spacegen.diagnose
from spacegen.cli.main import main
from spacegen.diagnose import Severity
from spacegen.errors import UsageError
from tests.server_logs import NEW, Story, write

CASES = Path(__file__).parent / "cases" / "diagnose"
SERVER, FAILED = CASES / "server.log", CASES / "failed.log"
Capture = pytest.CaptureFixture[str]


def test_a_healthy_log_is_no_failure(tmp_path: Path, capsys: Capture) -> None:
    log = write(tmp_path / "server.log", NEW, "healthy")
    assert main(["diagnose", str(log)]) == 0
    out, err = capsys.readouterr()
    assert "error" not in out
    assert "warning" not in out
    assert "next launch" not in out
    assert err == ""


def test_a_failure_is_told_with_its_line_and_the_next_launch(capsys: Capture) -> None:
    assert main(["diagnose", str(FAILED)]) == 1
    out = capsys.readouterr().out
    head, rest = out.split("\n\n", maxsplit=1)
    assert head.endswith("ended: out of memory (serving)\n1 error")
    assert rest.startswith("error: the GPU ran out of memory in a prefill")
    assert f"{FAILED}:12: torch.OutOfMemoryError: CUDA out of memory." in out
    assert "next launch:\n  --chunked-prefill-size 4096  (was 8192)\n" in out


def test_nothing_is_announced_of_launches_without_figures(tmp_path: Path, capsys: Capture) -> None:
    first = SERVER.read_text().partition("\n")[0]
    assert "server_args=" in first
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_text(f"{first}\n")
    main(["diagnose", str(tmp_path), "--quiet"])
    assert not capsys.readouterr().out.rstrip().endswith(":")


def test_the_document_says_the_same(capsys: Capture) -> None:
    assert main(["diagnose", str(SERVER), str(FAILED), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    told = [(f["id"], f["severity"], f["launch"]) for f in found["findings"]]
    assert told == [
        ("out-of-memory-prefill", "error", 1),
        ("memory-unused", "warning", 0),
        ("too-conservative", "warning", 0),
    ]
    assert found["findings"][0]["evidence"][0]["number"] == 12
    assert found["findings"][0]["edit"]["moves"][0]["to"] == 4096
    assert [launch["version"] for launch in found["launches"]] == ["0.5.6", "0.5.6"]
    assert all(launch["version_guessed"] for launch in found["launches"])
    assert found["narrowed"] is None


def test_stdin_is_called_by_its_name(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"nothing\n")))
    assert main(["diagnose", "-"]) == 2
    assert "no server output in <stdin>" in capsys.readouterr().err


@pytest.mark.parametrize("part", [1.0, 0.7])
def test_an_archive_that_is_cut_off_is_read_and_told(part: float, tmp_path: Path, capsys: Capture) -> None:
    packed = gzip.compress(SERVER.read_bytes())
    (tmp_path / "old.log.gz").write_bytes(packed[: int(len(packed) * part)])
    main(["diagnose", str(tmp_path)])
    assert ("old.log.gz is truncated" in capsys.readouterr().err) is (part < 1)


def test_folders_archives_and_stdin_are_read(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old.log.gz").write_bytes(gzip.compress(FAILED.read_bytes()))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SERVER.read_bytes())))
    assert main(["diagnose", str(tmp_path), "-", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [launch["files"] for launch in found["launches"]] == [[str(tmp_path / "old.log.gz")], ["<stdin>"]]


def test_of_several_logs_one_may_be_of_no_server(capsys: Capture) -> None:
    assert main(["diagnose", str(SERVER), __file__]) == 1
    assert capsys.readouterr().err == f"note: no server output in {__file__}\n"


def test_python_asks_the_same() -> None:
    found = spacegen.diagnose.diagnose([SERVER], config={"mem_fraction_static": 0.8})
    assert found.worst is Severity.WARNING
    assert [finding.id for finding in found.findings][-1] == "arguments-changed"
    assert spacegen.diagnose.Diagnosis.model_validate_json(found.model_dump_json()) == found


def test_a_goal_that_there_is_not_is_refused() -> None:
    for ask in (spacegen.diagnose.diagnose, spacegen.diagnose.examine):
        with pytest.raises(UsageError, match="no goal is called `latancy`\nhint: did you mean `latency`"):
            ask([], goal="latancy")


def test_a_config_is_held_against_what_the_server_runs(tmp_path: Path, capsys: Capture) -> None:
    config = tmp_path / "launch.sh"
    config.write_text("python -m sglang.launch_server --model-path /models/x --mem-fraction-static 0.88\n")
    main(["diagnose", str(SERVER), "--config", str(config)])
    out = capsys.readouterr().out
    assert "`mem_fraction_static` is 0.83 instead of 0.88" in out


def test_a_variable_of_the_shell_is_no_value(tmp_path: Path, capsys: Capture) -> None:
    config = tmp_path / "launch.sh"
    given = "--model-path $MODEL --mem-fraction-static=${MEM:-0.9} --chunked-prefill-size 4096"
    config.write_text(f"python -m sglang.launch_server {given} --host $HOST\n")
    main(["diagnose", str(SERVER), "--config", str(config)])
    out, err = capsys.readouterr()
    assert "the server changed its arguments: `chunked_prefill_size` is 8192 instead of 4096  [" in out
    assert f"note: {config} sets `mem_fraction_static` from a shell variable: the log's value is used" in err
    assert "$" not in out + err
    main(["diagnose", str(SERVER), "--config", str(config), "-q"])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("plain", "secret"),
    [
        ("port=30000", 'port=30000, api_key=\'hush\', hf_token="hush", extra=\'{"api_key": "hush"}\''),
        (
            "ServerArgs(model_path='/models/llama-3.1-8b',",
            "{'api_key': 'hush', 'extra': {'a': ['--token', 'hush']}, 'model_path': '/models/x', 'port': 1}",
        ),
    ],
)
def test_no_secret_of_a_log_is_told(plain: str, secret: str, tmp_path: Path, capsys: Capture) -> None:
    log, config = tmp_path / "server.log", tmp_path / "config.json"
    failed = (
        "torch.OutOfMemoryError: CUDA out of memory. HF_TOKEN=hush\n"
        "RuntimeError: Command '['launch', '--api-key', 'hush']' failed at https://me:hush@host\n"
    )
    log.write_text(SERVER.read_text().replace(plain, secret) + failed)
    (tmp_path / "command.txt").write_text("python -m sglang.launch_server --api-key hush --tp-size 1\n")
    config.write_text(
        '{"model_path": "elsewhere", "api_key": "hush", "dist_init_addr": "tcp://me:hush@host", '
        '"extra": {"token": "hush"}, "mem_fraction_static": 0.5}'
    )
    overlay = tmp_path / "narrowed.yaml"
    narrowing = ["--space", "h100", "--narrow"]
    for more in ([], ["--json"], ["--html", "-"], ["-f", "--idle", "0"], [*narrowing, str(overlay)]):
        main(["diagnose", str(log), "--config", str(config), *more])
        out, err = capsys.readouterr()
        assert "arguments-changed" in out
        assert "hush" not in out + err
    main(["diagnose", str(log), *narrowing, "-"])
    assert "hush" not in overlay.read_text() + capsys.readouterr().out


@pytest.mark.parametrize("secret", ["hush", "other"])
def test_secrets_in_a_config_are_not_compared(secret: str, tmp_path: Path, capsys: Capture) -> None:
    log, config = tmp_path / "server.log", tmp_path / "config.json"
    extra = "json_model_override_args='{\"api_key\": \"hush\"}', model_loader_extra_config={'token': 'hush'}"
    log.write_text(SERVER.read_text().replace("port=30000", f"port=30000, {extra}"))
    given = {
        "json_model_override_args": json.dumps({"api_key": secret}),
        "model_loader_extra_config": json.dumps({"token": secret}),
    }
    config.write_text(json.dumps(given))
    main(["diagnose", str(log), "--config", str(config)])
    assert "arguments-changed" not in capsys.readouterr().out
    config = tmp_path / "another.json"
    config.write_text(json.dumps({**given, "json_model_override_args": '{"api_key": "hush", "layers": 2}'}))
    main(["diagnose", str(log), "--config", str(config)])
    out = capsys.readouterr().out
    assert '{"api_key": "***"} instead of {"api_key": "***", "layers": 2}' in out
    assert "hush" not in out


@pytest.mark.parametrize(
    "text", ['{"api_key": "hush", "tp_size": }', 'api_key: "hush" "hush"\n', "{'api_key': 'hush'"]
)
def test_a_config_that_cannot_be_read_keeps_its_secrets(text: str, tmp_path: Path, capsys: Capture) -> None:
    config = tmp_path / "config.json"
    config.write_text(text)
    assert main(["diagnose", str(SERVER), "--config", str(config)]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: {config}:1")
    assert "hush" not in err


def test_findings_narrow_a_space_and_again_change_nothing(tmp_path: Path, capsys: Capture) -> None:
    overlay = tmp_path / "narrowed.yaml"
    command = [
        "diagnose",
        str(SERVER),
        str(FAILED),
        "--space",
        "h100",
        "--narrow",
        str(overlay),
        "--json",
        "-q",
    ]
    assert main(command) == 1
    out, err = capsys.readouterr()
    assert err == ""
    narrowed = json.loads(out)["narrowed"]
    assert 0 < narrowed["after"] < narrowed["before"]
    assert {edit["finding"] for edit in narrowed["edits"]} == {
        "out-of-memory-prefill",
        "memory-unused",
        "too-conservative",
    }
    text = overlay.read_text()
    assert f"log line 8 of {SERVER}" in text
    main(command)
    assert overlay.read_text() == text
    assert main(["count", str(overlay), "-q"]) == 0
    assert f"{narrowed['after']:,} solutions" in capsys.readouterr().out


def test_findings_are_told_where_a_space_is_too_much_for_its_engine(capsys: Capture) -> None:
    assert main(["diagnose", str(FAILED), "--space", "h100", "--engine", "backtrack", "-q"]) == 2
    out, err = capsys.readouterr()
    assert "error: the GPU ran out of memory" in out
    assert err.startswith("error: engine `backtrack` takes at most")


def test_what_could_be_tried_narrows_where_it_is_asked_to(tmp_path: Path, capsys: Capture) -> None:
    log = write(tmp_path / "server.log", NEW, "nothing-shared")
    main(["diagnose", str(log), "--space", "h100", "--apply", "info", "-q"])
    out = capsys.readouterr().out
    assert "pin in `sglang-h100`: disable_radix_cache == true" in out
    assert "next launch, a solution of `sglang-h100`:\n  --disable-radix-cache  (was false)\n" in out


def test_without_apply_what_could_be_tried_narrows_nothing(tmp_path: Path, capsys: Capture) -> None:
    log = write(tmp_path / "server.log", NEW, "healthy")
    main(["diagnose", str(log), "--space", "h100", "--json", "-q"])
    narrowed = json.loads(capsys.readouterr().out)["narrowed"]
    assert (narrowed["edits"], narrowed["before"]) == ([], narrowed["after"])


def test_a_page_is_written_and_no_other_file_is_lost(tmp_path: Path, capsys: Capture) -> None:
    page = tmp_path / "page.html"
    assert main(["diagnose", str(FAILED), "--html", str(page)]) == 1
    assert capsys.readouterr().err == f"wrote {page}\n"
    assert "out-of-memory-prefill" in page.read_text()
    page.write_text("mine")
    assert main(["diagnose", str(FAILED), "--html", str(page)]) == 2
    assert page.read_text() == "mine"
    capsys.readouterr()
    assert main(["diagnose", str(FAILED), "--html", "-"]) == 1
    assert capsys.readouterr().out.startswith("<!doctype html>")


def test_a_page_says_what_findings_come_to_in_a_space(tmp_path: Path, capsys: Capture) -> None:
    stories = ("aborted", "prefill-oom", "full-slots", "conservative", "retracting")
    logs = [write(tmp_path / f"{story}.log", NEW, story) for story in stories]
    sides = (Story(share=0.84, ends="no-pool"), Story(share=0.85, ends="prefill-oom"))
    logs += [write(tmp_path / f"{number}.log", NEW, story) for number, story in enumerate(sides)]
    page = tmp_path / "page.html"
    command = ["diagnose", *map(str, logs), "--space", "h100"]
    assert main([*command, "--html", str(page), "-q"]) == 1
    out, err = capsys.readouterr()
    assert err == ""
    text = html.unescape(re.sub(r"</?code>", "`", page.read_text()))
    for words in (
        "restrict in",
        "rule in",
        "changes nothing",
        "next launch",
        "works with the rest of this launch",
        "configs are left",
    ):
        lines = [line.strip() for line in out.splitlines() if words in line]
        assert lines, words
        assert all(line in text for line in lines)


def test_null_that_stays_is_told(tmp_path: Path, capsys: Capture) -> None:
    log = write(tmp_path / "server.log", NEW, "full-slots")
    main(["diagnose", str(log), "--space", "h100", "-q"])
    said = "restrict in `sglang-h100`: max_running_requests is null or >= 256"
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.log"], "no such file: nowhere.log"),
        ([str(SERVER), "--goal", "speed"], "`--goal` cannot be `speed`"),
        ([str(SERVER), "--narrow", "out.yaml"], "nothing says which space is meant"),
        ([str(SERVER), "--pin", "tp_size=2"], "nothing says which space is meant"),
        ([str(SERVER), "--space", "h100", "--apply", "all"], "`--apply` cannot be `all`"),
        ([str(SERVER), "--html", "no/p.html"], "no/p.html cannot be written: there is no folder no\n"),
        ([str(SERVER), "--html", "."], ". is a folder\n"),
        (
            [str(SERVER), "--space", "h100", "--narrow", "no/n.yaml"],
            "no/n.yaml cannot be written: there is no",
        ),
        ([str(SERVER), "--html", "-", "--json"], "stdout takes one of `--html -` and `--json`"),
        (
            [str(SERVER), "--space", "h100", "--narrow", "-", "--json"],
            "stdout takes one of `--narrow -` and `--json`",
        ),
        ([str(SERVER), "--idle", "3"], "`--idle` is about `--follow`"),
        ([str(CASES / "failed.txt"), str(Path(__file__))], "no server output in"),
    ],
)
def test_what_makes_no_sense_is_said(
    words: list[str], said: str, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["diagnose", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err


def test_a_log_is_followed_until_nothing_comes(tmp_path: Path, capsys: Capture) -> None:
    log = tmp_path / "server.log"
    log.write_bytes(FAILED.read_bytes())
    assert main(["diagnose", "--follow", str(log), "--idle", "0"]) == 1
    out = capsys.readouterr().out
    assert out.count("error: the GPU ran out of memory in a prefill") == 2
    assert "next launch:" in out


def _followed(log: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "spacegen", "diagnose", "--follow", str(log), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_growing_log_tells_findings_as_they_appear_and_ctrl_c_the_last(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with _followed(log) as process:
        assert process.stdout is not None
        lines = SERVER.read_bytes().splitlines(keepends=True)
        log.write_bytes(b"".join(lines[:9]))
        first = process.stdout.readline()
        assert first.startswith("warning: 12.07 GB of GPU memory are left")
        with log.open("ab") as stream:
            stream.writelines(lines[9:])
        while not (line := process.stdout.readline()).startswith("warning: "):
            assert line
        assert "too-conservative" in line
        process.send_signal(signal.SIGINT)
        rest, complaints = process.communicate(timeout=20)
    assert process.returncode == 130
    assert complaints in ("", f"waiting for {log}\n")
    assert "next launch:" in rest


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_what_ends_a_follower_is_told_and_written_all_the_same(
    number: signal.Signals, status: int, tmp_path: Path
) -> None:
    html, overlay = tmp_path / "page.html", tmp_path / "narrowed.yaml"
    more = ["--html", str(html), "--space", "h100", "--narrow", str(overlay)]
    with _followed(SERVER, *more, "-q") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("warning: ")
        process.send_signal(number)
        rest, complaints = process.communicate(timeout=30)
    assert (process.returncode, complaints) == (status, "")
    assert "next launch, a solution of `sglang-h100`:" in rest
    assert html.is_file()
    assert overlay.is_file()


def test_a_follower_whose_reader_left_writes_its_page(tmp_path: Path) -> None:
    html = tmp_path / "page.html"
    log = tmp_path / "server.log"
    lines = SERVER.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:9]))
    with _followed(log, "--html", str(html), "-q") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("warning: ")
        process.stdout.close()
        log.write_bytes(b"".join(lines))
        assert process.wait(timeout=30) == 141
    assert html.is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_a_follower_whose_terminal_is_closed_writes_its_page(tmp_path: Path) -> None:
    import pty

    html = tmp_path / "page.html"
    command = [sys.executable, "-m", "spacegen", "diagnose", "-f", str(SERVER), "--html", str(html)]
    child, ours = pty.fork()
    if child == 0:
        os.execv(sys.executable, command)
    told = b""
    while b"warning" not in told:
        told += os.read(ours, 2**16)
    os.close(ours)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 129
    assert html.is_file()


def test_a_follower_says_once_what_it_waits_for(tmp_path: Path, capsys: Capture) -> None:
    there, typo, empty = tmp_path / "server.log", tmp_path / "sever.log", tmp_path / "logs"
    there.write_bytes(SERVER.read_bytes())
    empty.mkdir()
    follow = ["diagnose", "--follow", "--idle", "0.5"]
    assert main([*follow, str(there), str(typo)]) == 1
    assert capsys.readouterr().err == f"waiting for {typo}\n"
    assert main([*follow, str(typo), "-q"]) == 2
    assert "waiting" not in capsys.readouterr().err
    assert main([*follow, "http://127.0.0.1:9/metrics", str(empty)]) == 2
    assert capsys.readouterr().err.startswith("waiting for http://127.0.0.1:9/metrics\n")
    assert main([*follow, str(empty)]) == 2
    assert capsys.readouterr().err.startswith(f"waiting for a log in {empty}\n")


@pytest.mark.parametrize(
    ("more", "shown"), [([], "next launch, a solution of `sglang-h100`"), (["--json"], '"findings": [')]
)
def test_an_answer_is_there_although_its_page_cannot_be_written(
    more: list[str], shown: str, tmp_path: Path, capsys: Capture
) -> None:
    overlay = tmp_path / "narrowed.yaml"
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    where = ["--html", "/dev/full", "--space", "h100", "--narrow", str(overlay)]
    assert main(["diagnose", str(SERVER), *where, "-q", *more]) == 2
    out, err = capsys.readouterr()
    assert shown in out
    assert err == "error: no space left on device\n"
    assert overlay.is_file()


def test_ctrl_c_before_a_server_says_anything(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_bytes(b"waiting\nfor\nGPUs\n")
    with _followed(log, "--json") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["launches"] == []
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 130


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_a_terminal_shows_the_summary_in_place(tmp_path: Path) -> None:
    import pty

    log = tmp_path / "server.log"
    log.write_bytes(SERVER.read_bytes())
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40", "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "spacegen", "diagnose", "-f", str(log), "--idle", "0.1"]
    with subprocess.Popen(command, stdout=theirs, env=environment) as process:
        os.close(theirs)
        shown = b"".join(_read_to_the_end(ours)).decode()
    assert process.returncode == 1
    first, last = shown.split("\x1b[2K", maxsplit=1)[0], shown.rsplit("\x1b[2K", maxsplit=1)[1]
    assert first.index("tokens/s     ███████") < first.index("memory-unused")
    assert last.index("memory-unused") < last.index("tokens/s     ███████")


def _read_to_the_end(terminal: int) -> Iterator[bytes]:
    # Reading a terminal that nobody writes to any more is an error on Linux.
    with suppress(OSError):
        while piece := os.read(terminal, 2**16):
            yield piece
    os.close(terminal)


def test_documents_of_a_log_that_grows_are_a_line_each(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_bytes(SERVER.read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "spacegen", "diagnose", "-f", str(log), "--json", "--idle", "0.1"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    documents = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(documents) == 2, "the first findings, and the end"
    for one in documents:
        assert [f["id"] for f in one["findings"]] == ["memory-unused", "too-conservative"]


@pytest.mark.parametrize("more", [["--json"], []])
def test_files_are_there_when_nobody_reads_on(more: list[str], tmp_path: Path) -> None:
    overlay, html = tmp_path / "narrowed.yaml", tmp_path / "page.html"
    where = ["--space", "h100", "--narrow", str(overlay), "--html", str(html)]
    command = [sys.executable, "-m", "spacegen", "diagnose", str(FAILED), *where, *more]
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        subprocess.run(command, stdout=closed, stderr=subprocess.DEVNULL, check=False)
    assert overlay.is_file()
    assert html.is_file()


def test_an_overlay_may_be_all_that_stdout_gets(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["diagnose", str(FAILED), "--space", "h100", "--narrow"]
    assert main([*command, "narrowed.yaml", "-q"]) == 1
    capsys.readouterr()
    assert main([*command, "-", "-q"]) == 1
    out, err = capsys.readouterr()
    assert out == (tmp_path / "narrowed.yaml").read_text()
    assert "wrote" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["narrowed.yaml"]
    assert main([*command, "-", "--html", "-"]) == 2
    assert "stdout takes one of `--html -` and `--narrow -`" in capsys.readouterr().err


def test_the_overlay_counts_what_was_told(tmp_path: Path, capsys: Capture) -> None:
    overlay = tmp_path / "narrowed.yaml"
    where = ["--pin", "mem_fraction_static=0.9", "--where", "max_running_requests >= 256"]
    command = ["diagnose", str(FAILED), "--space", "h100", *where, "--narrow", str(overlay), "-q", "--json"]
    main(command)
    after = json.loads(capsys.readouterr().out)["narrowed"]["after"]
    main(["count", str(overlay), "-q"])
    assert f"{after:,} solutions" in capsys.readouterr().out
    main([*command, "--drop", "ep_size"])
    assert "configs are left, with `--drop ep_size`.\n" in overlay.read_text()
