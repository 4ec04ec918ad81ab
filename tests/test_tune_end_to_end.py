"""The whole of it on loopback: simulated servers as processes, sglang's real load generator, no GPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from itertools import combinations
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).parents[1]
CACHE = Path(os.environ.get("PREFLIGHT_CACHE") or Path.home() / ".cache" / "spacegen")

TOKENIZER = """
    import sys
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    sys.modules["torch"] = None
    names = {"<unk>": 0, "<s>": 1, "</s>": 2, **{f"w{i}": i + 3 for i in range(500)}}
    words = Tokenizer(models.WordLevel(names, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    made = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>", eos_token="</s>")
    made.save_pretrained(sys.argv[1])
"""
WORKLOAD = """
    workload: 1
    input_len: 48
    output_len: 12
    num_prompts: 6
    concurrency: 3
    warmup: 1
    timeout: 60
"""


@pytest.fixture
def python(request: pytest.FixtureRequest) -> Path:
    """The interpreter of an environment with that release of sglang."""
    found = CACHE / f"sglang-{request.param}" / "bin" / "python"
    if not found.exists():
        makes = f"`.ci/preflight {request.param}` makes its environment"
        pytest.skip(f"THE LOAD GENERATOR OF SGLANG {request.param} WAS NOT RUN: {makes}")
    return found


def _spacegen(folder: Path, python: Path, version: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A verb that launches simulated servers and measures them with the release's bench_serving."""
    (folder / "load.yaml").write_text(textwrap.dedent(WORKLOAD))
    program = ("-c", textwrap.dedent(TOKENIZER), str(folder / "tiny"))
    subprocess.run([python, *program], check=True, capture_output=True)
    server = f"{sys.executable} -m spacegen.tune.simulated.server --as sglang=={version}"
    options = {
        "--workload": "load.yaml",
        "--target": f"sglang=={version}",
        "--model-path": str(folder / "tiny"),
        "--server-cmd": server,
        "--bench-cmd": f"{python} {ROOT / 'tests' / 'real_bench.py'}",
        "--ready-timeout": "60",
    }
    environment = {"HF_HUB_OFFLINE": "1", "SPACEGEN_SIM_SPEED": "40"}
    given = [word for pair in options.items() for word in pair]
    given += [f"--env={name}={value}" for name, value in environment.items()]
    command = [sys.executable, "-m", "spacegen", *words, *given]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)


def _left_behind(folder: Path) -> list[str]:
    """The processes that mention the folder or work in it."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        said = [*(process.info["cmdline"] or ()), process.info["cwd"] or ""]
        if any(str(folder) in word for word in said):
            found.append(" ".join(said))
    return found


def _records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _overlaps(records: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """The pairs of trials that had a GPU at the same time."""
    spans = [
        (r["trial"], set(r["outcome"]["gpu_ids"]), r["outcome"]["started"], r["outcome"]["seconds"])
        for r in records
    ]
    return [
        (a, b)
        for (a, mine, start, long), (b, theirs, other, longer) in combinations(spans, 2)
        if mine & theirs and start < other + longer and other < start + long
    ]


@pytest.mark.parametrize("python", ["0.5.23"], indirect=True)
def test_a_study_of_twelve_trials_and_three_workers(python: Path, tmp_path: Path) -> None:
    study = ("tune", "h100", "--trials", "12", "--workers", "3", "--repeats", "1", "--study", "twelve")
    part = (
        "--where",
        "gpus <= 2",
        "--where",
        "mem_fraction_static is null",
        "--where",
        "max_total_tokens is null",
    )
    done = _spacegen(tmp_path, python, "0.5.23", *study, *part, "--gpus", "0-3")
    assert done.returncode == 0, done.stderr
    records = _records(tmp_path / "twelve.jsonl")
    assert sorted(record["trial"] for record in records) == [*range(12)]
    assert len({json.dumps(record["config"], sort_keys=True) for record in records}) == 12
    outcomes = [record["outcome"] for record in records]
    assert [outcome["failure"] for outcome in outcomes] == [None] * 12
    assert all(outcome["simulated"] and outcome["altered"] == {} for outcome in outcomes)
    assert all(outcome["metrics"]["completed"] == 6 for outcome in outcomes)
    assert all(Path(outcome["log"]).read_text().startswith("SIMULATED") for outcome in outcomes)
    assert _overlaps(records) == []
    front = json.loads((tmp_path / "twelve.json").read_text())
    assert front["n_trials"] == 12
    assert front["pareto_front"]
    assert "SIMULATED" in done.stdout
    report = [sys.executable, "-m", "spacegen", "report", "twelve.jsonl", "-o", "report.html"]
    subprocess.run(report, cwd=tmp_path, check=True, capture_output=True)
    assert "SIMULATED" in (tmp_path / "report.html").read_text()
    assert _left_behind(tmp_path) == []


@pytest.mark.parametrize("python", ["0.5.6.post2"], indirect=True)
def test_given_configs_and_one_that_cannot_be_served(python: Path, tmp_path: Path) -> None:
    given = (
        "--argv",
        "--tp-size 2",
        "--argv",
        "--mem-fraction-static 0.98",
        "--workers",
        "2",
        "--gpus",
        "0-3",
    )
    done = _spacegen(tmp_path, python, "0.5.6.post2", "run", *given)
    assert done.returncode == 1, done.stderr
    served, failed = sorted(_records(tmp_path / "results.jsonl"), key=lambda r: bool(r["outcome"]["failure"]))
    assert served["outcome"]["metrics"]["completed"] == 6
    assert failed["outcome"]["failure"]["cause"] == "out of memory at graph capture"
    assert "out of memory at graph capture" in done.stdout
    assert _left_behind(tmp_path) == []
