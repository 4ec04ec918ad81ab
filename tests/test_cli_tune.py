"""`spacegen tune`, with a formula in place of servers."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import spacegen.tune
from spacegen.cli import progress
from spacegen.cli.main import main
from spacegen.extras import installing
from spacegen.tune.metrics import DEFAULT_GOALS
from spacegen.tune.outcome import Cause, Outcome
from spacegen.tune.record import Provenance, Record
from spacegen.tune.results import ResultsFile
from spacegen.tune.workload import Workload

SPACE = """\
spacegen: 1
name: node
target: {server: sglang, version: "0.5.23"}
parameters:
  tp_size: [1, 2, 4, 8]
  dp_size: [1, 2, 4]
  chunked_prefill_size: [null, 2048, 8192]
rules:
  - {id: fits, require: tp_size * dp_size <= 8, because: the node has eight GPUs}
"""
NAME = "node-simulated"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "node.yaml").write_text(SPACE)
    return tmp_path


def tune(*more: str) -> int:
    return main(["tune", "node.yaml", "--runner", "sim", *more])


def test_a_study_from_nothing_to_its_front_and_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tune("--trials", "4", "--repeats", "2") == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[1] == "Optimization Results"
    assert "SIMULATED" in said.out
    assert "Number of finished trials: 4\n" in said.out
    assert said.err.startswith("[1/4] trial 0: SIMULATED TTFT ")
    assert "[1/" in said.err.splitlines()[4]
    document = json.loads((folder / f"{NAME}.json").read_text())
    assert (document["n_trials"], document["simulated"]) == (4, True)
    assert all(one["measurements"] == 2 for one in document["pareto_front"])
    before = (folder / f"{NAME}.jsonl").read_text()

    # The same command finds everything done; more trials go on from there.
    assert tune("--trials", "4", "--repeats", "2", "--quiet") == 0
    assert capsys.readouterr() == (said.out, "")
    assert (folder / f"{NAME}.jsonl").read_text() == before
    assert tune("--trials", "+2", "--repeats", "1", "--output", "-") == 0
    said = capsys.readouterr()
    assert "4 trials are finished" in said.err
    assert "[5/6] trial 4: SIMULATED" in said.err
    assert json.loads(said.out)["n_trials"] == 6
    assert (folder / f"{NAME}.jsonl").read_text().startswith(before)


def test_options_reach_the_study(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "--trials 3 --repeats 1 --sampler balanced --seed 5 --workers 2 --per-gpu --study mine --json"
    more = "--minimize p99_ttft_ms --maximize tps --warm-start balanced:1 --slo ttft<=60 --storage journal:x"
    assert tune(*words.split(), *more.split(), "--set", "x=1") == 2
    assert "`x`" in capsys.readouterr().err
    (folder / "w.yaml").write_text("workload: 1\nnum_prompts: 50\n")
    assert tune(*words.split(), *more.split(), "--workload", "w.yaml", "--env", "A=b") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["study_name"] == "mine"
    assert [goal["metric"] for goal in document["objectives"]] == ["p99_ttft_ms", "tps_per_gpu"]
    assert document["limits"] == ["ttft<=60"]
    assert document["workload"]["num_prompts"] == 50
    assert {"p99_ttft_ms", "tps_per_gpu"} <= document["pareto_front"][0].keys()
    found = sorted(ResultsFile(folder / "mine.jsonl").records(), key=lambda record: record.trial or 0)
    assert [record.origin for record in found] == ["defaults", "warm start", "sampler"]


def test_another_workload_is_another_study(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tune("--trials", "1", "--study", "one", "--repeats", "1") == 0
    (folder / "w.yaml").write_text("workload: 1\nnum_prompts: 50\n")
    assert tune("--trials", "1", "--study", "one", "--workload", "w.yaml") == 2
    assert "workload num_prompts: `200` → `50`" in capsys.readouterr().err
    assert tune("--trials", "1", "--workload", "w.yaml", "--repeats", "1") == 0
    assert (folder / "node-w-simulated.db").exists()


def test_records_of_another_study_of_the_name_stay_alone(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tune("--trials", "1", "--repeats", "1", "-q") == 0
    before = (folder / f"{NAME}.jsonl").read_text()
    (folder / f"{NAME}.db").unlink()
    assert tune("--trials", "2", "--repeats", "1", "-q") == 2
    assert f"has records of a study `{NAME}` that is not in sqlite:///" in capsys.readouterr().err
    assert tune("--trials", "2", "--repeats", "1", "-q", "--results", "fresh.jsonl") == 0
    assert (folder / f"{NAME}.jsonl").read_text() == before
    assert len(ResultsFile(folder / "fresh.jsonl").records()) == 2


def test_a_study_moves_to_the_space_after_an_edit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tune("--trials", "5", "--repeats", "1", "-q") == 0
    (folder / "node.yaml").write_text(SPACE.replace("<= 8", "<= 4"))
    assert tune("--trials", "6", "--repeats", "1") == 2
    assert "`--migrate` to take over the trials that still say something" in capsys.readouterr().err
    assert tune("--trials", "6", "--repeats", "1", "--migrate") == 0
    said = capsys.readouterr()
    assert f"`{NAME}@2`" in said.err
    assert "Number of finished trials: 6\n" in said.out
    known = json.loads((folder / f"{NAME}.json").read_text())
    assert known["study_name"] == f"{NAME}@2"


def test_where_nothing_keeps_the_limits_the_answer_is_no(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tune("--trials", "2", "--slo", "ttft<=0.000001", "--storage", "memory") == 1
    said = capsys.readouterr()
    assert "No trial keeps every limit. The nearest:" in said.out
    assert "(misses ttft<=1e-06)" in said.err


def test_limits_of_time_are_limits(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tune("--trials", "30", "--budget-gpu-hours", "0.000001", "--storage", "memory") == 0
    said = capsys.readouterr()
    assert "GPU-hours are used" in said.err
    assert "Number of finished trials: 1\n" in said.out
    assert not (folder / f"{NAME}.jsonl").exists()


def test_a_server_that_never_comes_up_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "tune node.yaml --gpus 0-7 --trials 20 --server-cmd /bin/false --model-path none --storage memory"
    assert main([*words.split(), "-q"]) == 1
    said = capsys.readouterr()
    assert "error: all 3 trials failed in the same words: crash: " in said.err
    assert "; the log of the last is " in said.err
    assert "hint: mend it and begin anew with `--study NAME`: " in said.err
    assert "No trial succeeded." in said.out


def test_a_crash_is_told_with_its_words_and_its_log(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "tune node.yaml --gpus 0-7 --trials 1 --model-path none --storage memory --server-cmd"
    server = f"{sys.executable} -m no_such_server"
    assert main([*words.split(), server]) == 1
    told = capsys.readouterr().err
    assert "while starting" in told
    assert "No module named no_such_server (node-launches/trial-00000/server.log)\n" in told


def test_metrics_that_there_will_not_be_are_refused_before_any_launch(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tune("--slo", "p99_ttft<=500") == 2
    told = "error: no metric is called `p99_ttft`\nhint: did you mean `p99_ttft_ms`?\n"
    assert capsys.readouterr().err == told
    real = ("--gpus", "0-7", "--model-path", "none")
    assert main(["tune", "node.yaml", *real, "--minimize", "nosuch"]) == 2
    said = capsys.readouterr().err
    assert "no metric is called `nosuch`\nhint: there will be accept_length, completed, " in said
    assert main(["tune", "node.yaml", *real, "--target", "sglang==0.5.6", "--slo", "p95_ttft_ms<=9"]) == 2
    assert "no metric is called `p95_ttft_ms`" in capsys.readouterr().err
    assert list(folder.iterdir()) == [folder / "node.yaml"]


def test_what_servers_serve_is_asked_before_any_starts(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", "node.yaml", "--gpus", "0-7", "--trials", "1", "--storage", "memory"]) == 2
    told = "error: nothing says which model to serve\nhint: add `--model-path PATH`\n"
    assert capsys.readouterr().err.endswith(told)
    assert tune("--trials", "1", "--repeats", "1", "--storage", "memory") == 0


def test_simulated_is_said_also_where_nothing_was_measured(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tune("--budget-gpu-hours", "0", "--storage", "memory", "-o", "none.json") == 1
    said = capsys.readouterr()
    assert "SIMULATED" in said.out
    assert "what came of it is in none.json" in said.err
    assert json.loads((folder / "none.json").read_text())["simulated"] is True


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_what_is_done_when_a_signal_comes_is_kept(folder: Path, number: signal.Signals, status: int) -> None:
    words = [sys.executable, "-m", "spacegen", "tune", "node.yaml", "--runner", "sim", "--trials", "9"]
    slow = os.environ | {"SPACEGEN_SIM_SPEED": "100"}
    with subprocess.Popen(words, cwd=folder, env=slow, stderr=subprocess.PIPE, text=True) as command:
        assert command.stderr is not None
        assert command.stderr.readline().startswith("[1/9]")
        command.send_signal(number)
        said = command.stderr.read()
        assert command.wait(20) == status, said
    assert f"note: `{NAME}` is kept in sqlite:///{NAME}.db; the same command goes on" in said
    assert "Traceback" not in said
    assert tune("--trials", "9", "--repeats", "1", "--quiet") == 0
    trials = [record.trial for record in ResultsFile(folder / f"{NAME}.jsonl").records()]
    assert sorted(trials, key=lambda trial: trial or 0) == [*range(9)]


def test_without_optuna_the_extra_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert tune() == 2
    hint = f"hint: {installing('tune')}\n"
    assert capsys.readouterr().err == f"error: `spacegen tune` needs `optuna`\n{hint}"
    monkeypatch.delitem(spacegen.tune.__dict__, "tune", raising=False)
    with pytest.raises(spacegen.UsageError, match=r"`spacegen\.tune\.tune` needs `optuna`"):
        _ = spacegen.tune.tune


def record(trial: int, **outcome: Any) -> Record:
    known = Provenance(spacegen="0", workload=Workload())
    return Record(study="s", trial=trial, config={}, outcome=Outcome(**outcome), provenance=known)


def test_a_terminal_shows_a_bar_with_the_best_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    metrics = {"mean_ttft_ms": 30.0, "output_throughput": 100.0}
    failed = Outcome.failed(Cause.CRASH, "no").failure
    with progress.watch(DEFAULT_GOALS, quiet=False) as bar:
        bar.begin("trials", 1, 9)
        bar.known(record(0, metrics=metrics))
        bar.doing("trial 1", "starting on 2 GPUs")
        bar.doing("trial 2", "measuring on 1 GPU")
        bar.finished("trial 1", record(1, metrics={**metrics, "mean_ttft_ms": 20.0}))
        bar.finished("trial 3", record(3, failure=failed, simulated=True))
        shown = io.StringIO()
        Console(file=shown, width=100).print(bar._render())  # type: ignore[attr-defined]
    lines = shown.getvalue().splitlines()
    assert "3/9" in lines[0]
    assert lines[1] == "SIMULATED: best of each so far: TTFT 0.0200 seconds, TPS 100.00 tokens/sec; 1 failed"
    assert lines[2:] == ["  trial 2: measuring on 1 GPU"]
    assert "trial 2: measuring" in screen.getvalue()
    assert "trial 3: SIMULATED failed, crash: no" in screen.getvalue()


def test_a_failure_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.watch(DEFAULT_GOALS, quiet=False) as lines:
        lines.begin("trials", 0, 2)
        lines.finished("trial 0", record(0, failure=Outcome.failed(Cause.GRAPH_MEMORY, "too much").failure))
        lines.finished("trial 1", record(1, metrics={"other": 1.0}))
    assert capsys.readouterr().err == (
        "[1/2] trial 0: failed, out of memory at graph capture: too much\n[2/2] trial 1: no ttft, no tps\n"
    )


def test_launches_larger_than_the_gpus_are_refused_before_any(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tune("--gpus", "0-3", "--storage", "memory") == 2
    told = capsys.readouterr().err
    assert "9 solutions of `node` take more than 4 GPUs" in told
    assert "--where 'tp_size * dp_size <= 4'" in told
    fitting = ("--where", "tp_size * dp_size <= 4", "--trials", "1", "--repeats", "1")
    assert tune("--gpus", "0-3", "--storage", "memory", *fitting) == 0
