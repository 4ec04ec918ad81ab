"""`spacegen run`: configs of any form measured and kept, the rest said; the formula answers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from spacegen.cli.main import main
from spacegen.tune.results import ResultsFile

SIM = ("--runner", "sim", "--workload", "chat")
TARGET = ("--target", "sglang==0.5.23")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _write(name: str, *configs: dict[str, Any]) -> str:
    Path(name).write_text("".join(f"{json.dumps(config)}\n" for config in configs))
    return name


def _records() -> list[Any]:
    return [json.loads(line) for line in Path("results.jsonl").read_text().splitlines()]


def test_configs_of_all_forms_are_measured_and_the_best_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    _write("a.jsonl", {"tp_size": 1}, {"tp_size": 2})
    Path("b.csv").write_text("tp_size,chunked_prefill_size\n4,2048\n")
    Path("c.sh").write_text("python -m sglang.launch_server --tp 8 --port 3000\n")
    given = ("a.jsonl", "b.csv", "c.sh", "--argv", "--tp-size 2 --mem-fraction-static 0.98")
    assert main(["run", *given, *TARGET, *SIM]) == 1
    told = capsys.readouterr()
    assert told.out.startswith("SIMULATED")
    assert "c.sh" in told.out.split("best ")[1]
    assert "out of memory at graph capture" in told.out
    assert "[5/5] --argv: SIMULATED failed" in told.err
    records = _records()
    assert [record["trial"] for record in records] == [0, 1, 2, 3, 4]
    assert records[3]["config"]["tp_size"] == 8
    assert all(record["provenance"]["simulated"] for record in records)
    assert {record["provenance"]["target"] for record in records} == {"sglang==0.5.23"}


def test_the_same_command_goes_on_where_it_was_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    _write("a.jsonl", {"tp_size": 1}, {"tp_size": 2})
    assert main(["run", _write("one.jsonl", {"tp_size": 1}), *TARGET, *SIM]) == 0
    with Path("results.jsonl").open("a") as stream:
        stream.write(Path("results.jsonl").read_text()[:50])
    assert main(["run", "a.jsonl", *TARGET, *SIM, "--json"]) == 0
    told = capsys.readouterr()
    assert "1 of 2 configs measured before" in told.err
    lines = [json.loads(line) for line in told.out.splitlines() if line.startswith("{")]
    assert [(line["name"], line["kept"]) for line in lines] == [("a.jsonl:1", True), ("a.jsonl:2", False)]
    assert len(_records()) == 2


def test_configs_that_are_not_valid_are_refused_unless_that_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    space = ("--space", "sglang-tuner-18")
    main(["solve", "sglang-tuner-18", "-n", "1", "-o", "good.jsonl", "-q"])
    good = json.loads(Path("good.jsonl").read_text())
    _write("a.jsonl", good, {**good, "tp_size": 8, "dp_size": 8})
    assert main(["run", "a.jsonl", *space, *SIM]) == 1
    told = capsys.readouterr()
    assert "a.jsonl:2: invalid" in told.err
    assert "gpus-available" in told.err
    (record,) = _records()
    assert record["rank"] is not None
    assert record["provenance"]["space"] == "sglang-tuner-18"
    assert main(["run", "a.jsonl", *space, *SIM, "--unchecked"]) == 0
    assert _records()[1]["rank"] is None


def test_what_the_server_will_refuse_is_launched_where_that_is_asked_for() -> None:
    _write("a.jsonl", {"tp_size": "two", "pp_size": 2}, {"tp_sise": 2}, {"scheduler_recv_interval": [1]})
    assert main(["run", "a.jsonl", *TARGET, *SIM, "--unchecked"]) == 1
    causes = [record["outcome"]["failure"]["cause"] for record in _records()]
    assert causes == ["arguments", "arguments"]


def test_unreadable_configs_do_not_stop_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.jsonl").write_text('{"tp_size": 1}\n{"tp_size": \n{"cuda_graph_bs_decode": [1, 2]}\n')
    assert main(["run", "a.jsonl", "missing.json", *TARGET, *SIM]) == 2
    told = capsys.readouterr()
    assert "a.jsonl:2" in told.err
    assert "no such file: missing.json" in told.err
    assert "`cuda_graph_bs_decode` has no single value" in told.err
    assert len(_records()) == 1


def test_arguments_of_every_launch_are_part_of_what_is_measured() -> None:
    _write("a.jsonl", {"tp_size": 1})
    for extra in ((), ("--extra", "schedule_policy=lpm"), ("--model-path", "tiny")):
        assert main(["run", "a.jsonl", *TARGET, *SIM, *extra]) == 0
    configs = [(record["config"], record["provenance"]["model"]) for record in _records()]
    assert configs[0] == ({"tp_size": 1}, None)
    assert configs[1] == ({"tp_size": 1, "schedule_policy": "lpm"}, None)
    assert configs[2] == ({"tp_size": 1}, "tiny")


CLIMB = ("--space", "sglang-throughput-10", "--climb", "chunked_prefill_size")


def test_climbing_finds_the_largest_value_and_keeps_the_evidence(capsys: pytest.CaptureFixture[str]) -> None:
    Path("w.yaml").write_text("workload: 1\ninput_len: 16000\noutput_len: 200\nnum_prompts: 20\n")
    extra = ("--extra", "mem_fraction_static=0.93")
    given = ("--argv", "--tp-size 1", *extra, "--runner", "sim", "-w", "w.yaml")
    assert main(["run", *given, *CLIMB]) == 0
    told = capsys.readouterr()
    assert "survives the workload, " in told.out
    assert "what fails with a value is taken to fail with every larger one" in told.out
    assert main(["run", *given, *CLIMB, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["best"] < found["failing"]
    assert found["values"] == [512, 1024, 2048, 4096, 8192]
    assert len(_records()) == len(found["probes"])
    fails = {r["config"]["chunked_prefill_size"] for r in _records() if r["outcome"]["failure"]}
    assert found["failing"] in fails


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*TARGET, "--runner", "sim"), "no config to measure"),
        (("a.jsonl", "--runner", "sim"), "nothing says which server"),
        (("a.jsonl", "--runner", "sim", "--target", "sglang"), "`sglang` is no target"),
        (("a.jsonl", "--runner", "sim", "--target", "vllm==1.0"), "unknown server"),
        (("a.jsonl", *TARGET, *SIM, "--pin", "tp_size=1"), "`--pin` is about a space"),
        (("a.jsonl", *TARGET, *SIM, "--climb", "tp_size"), "needs the values of a space"),
        (("a.jsonl", *SIM, *CLIMB), "starts from one config, not from 2"),
        (("a.jsonl", *TARGET, "--gpus", "0"), "nothing says which model to serve"),
        (("a.jsonl", *TARGET, *SIM, "-o", "a.jsonl"), "is no results file"),
    ],
)
def test_what_cannot_be_is_refused(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _write("a.jsonl", {"tp_size": 1}, {"tp_size": 2})
    assert main(["run", *arguments]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_the_same_command_goes_on_after_an_end_in_the_middle(
    sent: signal.Signals, status: int, tmp_path: Path
) -> None:
    _write("a.jsonl", *({"tp_size": 1, "random_seed": seed} for seed in range(60)))
    environment = {**os.environ, "SPACEGEN_SIM_SPEED": "500"}
    command = [sys.executable, "-m", "spacegen", "run", "a.jsonl", *TARGET, *SIM]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not Path("results.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(sent)
    assert process.wait(timeout=10) == status
    results = ResultsFile(tmp_path / "results.jsonl")
    assert len(results.records()) < 60
    assert main(["run", "a.jsonl", *TARGET, *SIM, "-q"]) == 0
    records = results.records()
    assert sorted(record.config["random_seed"] for record in records) == [*range(60)]
    assert sorted(record.trial or 0 for record in records) == [*range(60)]


def _working_in(folder: Path) -> list[str]:
    """The processes that mention a folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        said = process.info["cmdline"] or ()
        if any(str(folder) in word for word in said) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(" ".join(said))
    return found


@pytest.mark.parametrize(
    ("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_no_server_outlives_the_command(sent: signal.Signals, status: int, tmp_path: Path) -> None:
    server = f"{sys.executable} -m spacegen.tune.simulated.server"
    given = ("--argv", "--tp-size 1", *TARGET, "--gpus", "0", "--model-path", str(tmp_path / "tiny"))
    command = [sys.executable, "-m", "spacegen", "run", *given, "--server-cmd", server, "--env"]
    process = subprocess.Popen(
        [*command, "SPACEGEN_SIM_FAIL=hang"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 30
    while not list(tmp_path.rglob("server.log")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert any("simulated" in said for said in _working_in(tmp_path))
    process.send_signal(sent)
    assert process.wait(timeout=20) == status
    while _working_in(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _working_in(tmp_path) == []
    assert not Path("results.jsonl").exists()
