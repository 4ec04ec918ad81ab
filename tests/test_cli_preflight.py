"""`spacegen preflight` from the outside, before a stand-in for the server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from spacegen.cli.main import main

ROOT = Path(__file__).parents[1]
CONFIGS = [
    {"tp_size": 2, "attention_backend": "fa3"},
    {"attention_backend": "fa4", "page_size": 64},
    {"enable_hierarchical_cache": True, "disable_radix_cache": True},
    {"attention_backend": "fa4", "page_size": 1, "disable_overlap_schedule": False, "pp_size": 2},
]


@pytest.fixture(autouse=True)
def _stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests" / "stubs" / "early"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs.jsonl").write_text("".join(f"{json.dumps(c)}\n" for c in CONFIGS))
    (tmp_path / "good.json").write_text(json.dumps(CONFIGS[0]))
    (tmp_path / "rows.csv").write_text(
        "tp_size,page_size,attention_backend,disable_radix_cache\n2,,fa3,True\n"
    )


def test_lines_come_first_then_causes_then_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preflight", "configs.jsonl"]) == 1
    said = capsys.readouterr()
    line = next(word for word in said.out.split() if word.startswith("(server_args.py:"))
    assert said.err == "sglang 0.5.6 on no GPU\n"
    assert (
        said.out
        == f"""\
configs.jsonl:2: altered: page_size: 64 -> 128
configs.jsonl:3: rejected: validation: the hierarchical cache needs the radix cache {line}
configs.jsonl:4: altered: page_size: 1 -> 128; disable_overlap_schedule: false -> true

configs  outcome   first            cause
1        rejected  configs.jsonl:3  validation: the hierarchical cache needs the radix cache {line}
2        altered   configs.jsonl:2  page_size: 64 -> 128
1        altered   configs.jsonl:4  disable_overlap_schedule: false -> true

3 of 4 configs accepted, 1 of them as they are written
"""
    )


def test_one_good_config_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preflight", "good.json", "--quiet"]) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("good.json: accepted, nothing altered\n", "")


def test_json_has_a_line_for_every_config(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preflight", "configs.jsonl", "good.json", "--json"]) == 1
    said = capsys.readouterr()
    rows = [json.loads(line) for line in said.out.splitlines()]
    assert [row["outcome"] for row in rows] == ["accepted", "altered", "rejected", "altered", "accepted"]
    assert [row["values"] for row in rows] == [*CONFIGS, CONFIGS[0]]
    assert rows[1]["altered"] == {"page_size": {"given": 64, "effective": 128}}
    assert rows[2]["message"] == "the hierarchical cache needs the radix cache"
    assert said.err.endswith("4 of 5 configs accepted, 2 of them as they are written\n")


def test_csv_cells_are_the_values_they_spell(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preflight", "rows.csv", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)["values"]
    assert values == {
        "tp_size": 2,
        "page_size": None,
        "attention_backend": "fa3",
        "disable_radix_cache": True,
    }


def test_an_unread_line_does_not_stop_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "some.jsonl").write_text('{"tp_size": 2}\n{"tp_size"\n{"tp_size": 4}\n')
    assert main(["preflight", "some.jsonl", "-q"]) == 2
    said = capsys.readouterr()
    assert said.out == "2 of 2 configs accepted, 2 of them as they are written\n"
    assert said.err.startswith("error: some.jsonl:2:11: not JSON")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--python", "nowhere"], "there is no Python at `nowhere`"),
        (["--gpu", "h1000"], "no GPU is called `h1000`"),
        (["--model", "nowhere"], "there is no model at `nowhere`"),
        (["--format", "xml"], "`--format` cannot be `xml`"),
    ],
)
def test_what_cannot_be_asked_is_said(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["preflight", "good.json", *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}\nhint: ")


def test_an_environment_without_a_server_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PYTHONPATH")
    assert main(["preflight", "good.json"]) == 2
    assert capsys.readouterr().err.startswith(f"error: `{sys.executable}` has no sglang\nhint: `--python")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="asks Linux for the processes")
def test_an_interrupt_ends_everything_that_was_started(tmp_path: Path) -> None:
    (tmp_path / "hang.jsonl").write_text('{"load_format": "hang"}\n')
    stubs = ROOT / "tests" / "stubs" / "early"
    program = [sys.executable, "-m", "spacegen", "preflight", "hang.jsonl"]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'solver'}{os.pathsep}{stubs}"}
    running = subprocess.Popen(program, env=environment, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    assert running.stderr.readline() == "sglang 0.5.6 on no GPU\n"
    time.sleep(0.5)
    (inside,) = _children(running.pid)
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=30) == 130
    assert not Path(f"/proc/{inside}").exists()
    running.stderr.close()


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in tasks for child in path.read_text().split()]


def test_command_lines_go_to_the_server_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "launch.sh").write_text(
        "#!/bin/sh\n"
        "python -m sglang.launch_server --model-path m --tp-size 2 \\\n"
        "  --attention-backend=fa4 --page-size 64 >log 2>&1\n"
        "python -m sglang.launch_server --tp 2 --radix\n"
    )
    assert main(["preflight", "launch.sh", "--json"]) == 1
    altered, refused = map(json.loads, capsys.readouterr().out.splitlines())
    assert (altered["config"], altered["altered"]) == (
        "launch.sh:2",
        {"page_size": {"given": 64, "effective": 128}},
    )
    assert altered["values"]["tp_size"] == 2
    assert refused["message"] == "unrecognized arguments: --radix"


def test_a_config_file_goes_to_the_server_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "server.yaml").write_text("tp-size: 2\nattention-backend: fa4\npage-size: 64\n")
    assert main(["preflight", "server.yaml", "-q"]) == 1
    assert capsys.readouterr().out == "server.yaml: altered: page_size: 64 -> 128\n"
    assert main(["preflight", "-", "--format", "config"]) == 2


def test_a_script_without_a_launch_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.sh").write_text("#!/bin/sh\necho hello\n")
    assert main(["preflight", "empty.sh"]) == 2
    assert "has no command that launches a server" in capsys.readouterr().err


def test_rules_are_learned_from_a_report(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    main(["preflight", "configs.jsonl", "--json", "-q"])
    (tmp_path / "report.jsonl").write_text(capsys.readouterr().out)
    assert main(["learn-rules", "report.jsonl"]) == 0
    said = capsys.readouterr()
    rules = yaml.safe_load(said.out)["rules"]
    bodies = [rule.get("forbid") or rule["forbidden_assignments"] for rule in rules]
    assert bodies == [
        {"parameters": ["attention_backend", "page_size"], "values": [["fa4", 64], ["fa4", 1]]},
        {"disable_radix_cache": True, "enable_hierarchical_cache": True},
        {"disable_overlap_schedule": False, "pp_size": 2},
    ]
    assert [rule["kind"] for rule in rules] == ["alters", "rejects", "alters"]
    assert said.err == "4 combinations from 3 configs that failed\n"


def test_what_a_space_knows_is_not_learned(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    main(["preflight", "configs.jsonl", "--json", "-q"])
    (tmp_path / "report.jsonl").write_text(capsys.readouterr().out)
    (tmp_path / "space.yaml").write_text(
        "spacegen: 1\n"
        "parameters: {attention_backend: [fa3, fa4], page_size: [1, 64, 128]}\n"
        "rules: [{when: attention_backend == 'fa4', require: page_size == 128}]\n"
    )
    assert main(["learn-rules", "report.jsonl", "--space", "space.yaml", "-o", "learned.yaml"]) == 0
    said = capsys.readouterr().err
    assert said.endswith("1 combinations from 3 configs that failed, 2 explained by `space.yaml`\n")
    assert len(yaml.safe_load((tmp_path / "learned.yaml").read_text())["rules"]) == 1


def test_what_is_no_report_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["learn-rules", "configs.jsonl"]) == 2
    assert capsys.readouterr().err.startswith("error: line 1 of `configs.jsonl` is no judgement\nhint: ")
