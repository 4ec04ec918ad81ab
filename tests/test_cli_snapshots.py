"""Whole outputs of the command line, kept as files; `SPACEGEN_SNAPSHOTS=write` renews them."""

from __future__ import annotations

import io
import os
import shlex
import sys
from pathlib import Path

import pytest

from spacegen.cli.main import main

CASES = Path(__file__).parent / "cases" / "cli"
ROOT = Path(__file__).parents[1]
SNAPSHOTS = Path(__file__).parent / "snapshots"

COMMANDS = {
    "count": "count server.yaml",
    "count-json": "count server.yaml --json",
    "count-cpsat": "count server.yaml --engine cpsat --where 'tp_size == 1 and memory is null'",
    "count-empty": "count empty.yaml",
    "count-narrowed": "count server.yaml --set gpus=2 --pin memory=0.8 --drop graphs --without-kind needs",
    "count-where": "count server.yaml --where 'memory > 0.8'",
    "count-without-rule": "count server.yaml --without-rule gpus-available",
    "count-by-rule": "count server.yaml --by rule --pin backend=triton",
    "count-by-rule-json": "count server.yaml --by rule --json",
    "count-by-parameter": "count server.yaml --by parameter --drop chunk",
    "count-by-parameter-json": "count server.yaml --by parameter --only tp_size --only backend --json -q",
    "count-by-both": "count server.yaml --by rule --by parameter",
    "count-by-both-json": "count server.yaml --by parameter --by rule --json",
    "count-by-rule-empty": "count empty.yaml --by rule",
    "diagnose": "diagnose ../diagnose/server.log",
    "diagnose-space": "diagnose ../diagnose/server.log ../diagnose/failed.log --space sglang.yaml",
    "diagnose-nowhere": "diagnose nowhere.log",
    "diff": "diff server.yaml server-next.yaml",
    "diff-json": "diff server.yaml server-next.yaml --only parallelism --only backend --json -q",
    "diff-same": "diff server.yaml server.yaml --pin graph=true",
    "diff-set": "diff server.yaml server.yaml --set gpus=2 --new-set gpus=4 --old-set gpus=8 "
    "--only parallelism",
    "diff-target": "diff sglang.yaml sglang.yaml --new-target sglang==0.5.23",
    "diff-strangers": "diff server.yaml empty.yaml",
    "diff-nothing-left": "diff server.yaml server-next.yaml --where 'tp_size == 8 and dp_size == 4'",
    "info-graph": "info server.yaml --graph",
    "info-graph-narrowed": "info server.yaml --graph --only tp_size --only graph --where 'tp_size != 8'",
    "solve": "solve server.yaml -n 3",
    "solve-json": "solve server.yaml -n 2 --format json --with rank,left --quiet",
    "solve-csv": "solve server.yaml -n 3 --format csv --method first -q",
    "solve-yaml": "solve server.yaml -n 2 --format yaml --only parallelism --only memory -q",
    "solve-balanced": "solve server.yaml -n 2 --method balanced --seed 7",
    "solve-all": "solve server.yaml --method all --pin backend=fa,fi --only tp_size --only backend",
    "solve-more-than-exist": "solve server.yaml -n 100 --only dp_size --where 'dp_size > 1'",
    "solve-shard": "solve server.yaml --shard 2/3 -n 2 --with rank",
    "solve-lopsided": "solve server.yaml -n 1 --where 'not graph or memory == 0.7 and dp_size == 4'",
    "solve-empty": "solve empty.yaml",
    "solve-empty-json": "solve empty.yaml --replace --format json",
    "solve-no-rules": "solve empty.yaml --no-rules -n 2",
    "solve-only-and-drop": "solve server.yaml -n 2 --only parallelism --drop dp_size -q --with used,used",
    "solve-note": "solve server.yaml -n 1 --drop chunk",
    "solve-best": "solve best.yaml --method best -n 4 --with objective",
    "solve-best-cpsat": "solve best.yaml --method best -n 2 --engine cpsat --without-rule no-graph",
    "solve-best-constant": "solve best.yaml --method best -n 1 --set tokens_per_gpu=10 --with tokens",
    "solve-best-aims": "solve best.yaml --method best -n 2 --maximize used --maximize graph "
    "--minimize tp_size",
    "solve-best-null": "solve best.yaml --method best -n 1 --pin memory=null --with objective --format csv",
    "solve-best-drop": "solve best.yaml --method best -n 2 --drop memory --drop backend --drop graph",
    "solve-best-csv": "solve best.yaml --method best -n 2 --with per_replica,used --format csv -q",
    "solve-best-idle": "solve h100 --method best --maximize kv_pool_tokens -q",
    "solve-best-none": "solve server.yaml --method best",
    "solve-best-no-value": "solve best.yaml --method best --maximize tokens_per_gpu",
    "solve-best-shard": "solve best.yaml --method best --shard 0/2",
    "solve-best-empty": "solve best.yaml --method best --where 'used > 8'",
    "solve-maximize-uniform": "solve best.yaml --maximize used",
    "solve-maximize-string": "solve best.yaml --method best --maximize backend",
    "solve-maximize-misspelt": "solve best.yaml --method best --maximize use",
    "solve-objective-column": "solve best.yaml -n 2 --with objective",
    "solve-timeout-zero": "solve server.yaml --timeout 0",
    "info-best": "info best.yaml",
    "info-best-json": "info best.yaml --json -q",
    "show": "show server.yaml 5",
    "show-csv": "show server.yaml 5 --format csv --with used,rank",
    "show-empty": "show empty.yaml 0",
    "show-past-the-end": "show server.yaml 1,000,000",
    "show-no-rank": "show server.yaml -- -1",
    "info": "info server.yaml",
    "info-json": "info server.yaml --json",
    "info-target": "info sglang.yaml --target sglang==0.5.23",
    "info-target-json": "info sglang.yaml --target sglang==0.5.23 --json -q",
    "count-target": "count sglang.yaml --target sglang==0.5.23",
    "count-target-old": "count sglang.yaml --target sglang==0.4",
    "count-target-unknown": "count sglang.yaml --target sglang==0.6",
    "solve-target": "solve sglang.yaml -n 3 --target sglang==0.5.23 -q",
    "check-target": "check sglang.yaml --target sglang==0.5.23 moved.jsonl",
    "count-no-model": "count fit.yaml",
    "solve-model": "solve fit.yaml -n 2 --hardware h100x8 --model llama --with default_mem_fraction",
    "count-hardware-unknown": "count fit.yaml --hardware h100",
    "count-model-missing": "count fit.yaml --model meta-llama/Llama-3.1-70B",
    "info-pinned": "info server.yaml --pin tp_size=4 --drop dp_size --without-rule small-chunk",
    "check-good": "check server.yaml good.json",
    "check-good-json": "check server.yaml good.json --json",
    "check-broken": "check server.yaml broken.json",
    "check-broken-json": "check server.yaml broken.json --json",
    "check-outside": "check server.yaml outside.yaml",
    "check-partial": "check server.yaml partial.json",
    "check-stuck": "check empty.yaml stuck.json --without-rule c-below-a",
    "check-stuck-json": "check empty.yaml stuck.json --json --without-rule c-below-a",
    "check-three": "check sglang-tuner-18 three.json",
    "check-brief": "check server.yaml broken.json --brief",
    "why-not": "why-not server.yaml tp_size=8 --given dp_size=2 --given memory=0.9 --pin backend=triton",
    "why-not-json": "why-not server.yaml tp_size=8 --given dp_size=2 --json",
    "why-not-possible": "why-not server.yaml tp_size=2 --given memory=0.8",
    "why-not-outside": "why-not server.yaml tp_size=3 backend=fb",
    "why-not-together": "why-not empty.yaml a=2 --without-rule c-below-a",
    "why-not-name": "why-not server.yaml tp_sise=2",
    "check-csv": "check server.yaml rows.csv",
    "check-jsonl": "check server.yaml lines.jsonl",
    "check-jsonl-json": "check server.yaml lines.jsonl --json",
    "check-summary": "check server.yaml results.csv --summary",
    "check-summary-data": "check server.yaml results.csv --ignore-unknown",
    "check-summary-json": "check server.yaml results.csv rows.csv --summary --ignore-unknown --json -q",
    "check-output": "check server.yaml results.csv --ignore-unknown -o -",
    "check-output-lines": "check server.yaml lines.jsonl -o -",
    "check-valid-only": "check server.yaml results.csv --ignore-unknown --valid-only -q",
    "check-invalid-only": "check server.yaml rows.csv --invalid-only",
    "check-output-format": "check server.yaml rows.csv -o judged.parquet",
    "check-output-several": "check server.yaml rows.csv results.csv -o judged.csv",
    "check-both-only": "check server.yaml rows.csv --valid-only --invalid-only",
    "check-output-argv": "check launch.yaml --argv '--tp 2' --summary",
    "check-summary-missing": "check server.yaml missing.csv rows.csv --summary",
    "check-yaml-list": "check server.yaml list.yaml",
    "check-several": "check server.yaml good.json broken.json missing.json bad.yaml",
    "repair": "repair server.yaml broken.json",
    "repair-json": "repair server.yaml broken.json --json",
    "repair-good": "repair server.yaml good.json",
    "repair-keep": "repair server.yaml broken.json --keep tp_size --keep memory",
    "repair-kept-conflict": "repair server.yaml broken.json --keep tp_size --keep dp_size",
    "repair-kept-conflict-json": "repair server.yaml broken.json --keep tp_size --keep dp_size --json",
    "repair-weight": "repair server.yaml broken.json --weight dp_size=2 --weight backend=2",
    "repair-lines": "repair server.yaml lines.jsonl",
    "repair-stdin": "repair server.yaml - < list.yaml",
    "repair-stdin-json": "repair server.yaml - --json -q < list.yaml",
    "repair-unknown": "repair server.yaml outside.yaml",
    "repair-commands": "repair launch.yaml serve.sh",
    "repair-empty": "repair empty.yaml stuck.json",
    "repair-pinned": "repair server.yaml good.json --pin dp_size=4 --drop backend",
    "solve-around": "solve server.yaml --method around --base partial.json --format csv --drop memory",
    "solve-around-first": "solve server.yaml --method around -n 2 --where 'dp_size > 1'",
    "solve-around-radius": "solve server.yaml --method around --radius 1 -n 2 --base partial.json -q",
    "wrong-base": "solve server.yaml --base good.json",
    "wrong-keep": "repair server.yaml partial.json --keep dp_sise",
    "wrong-weight": "repair server.yaml good.json --weight tp_size=-1",
    "wrong-write": "repair server.yaml rows.csv --write",
    "check-stdin": "check server.yaml - < list.yaml",
    "check-stdin-csv": "check server.yaml - < rows.csv",
    "check-stdin-jsonl": "check server.yaml - --format jsonl < lines.jsonl",
    "launch-argv": "solve launch.yaml -n 3 --format argv --model-path 'my model' --port 80 -q",
    "launch-argv-full": "show launch.yaml 5 --format argv --full --model-path x",
    "launch-shell": "solve launch.yaml -n 2 --format shell --host 0.0.0.0 -q",
    "launch-gateway": "solve launch.yaml -n 2 --where 'dp_size == 2' --dp-via gateway --format shell -q",
    "launch-gateway-argv": "solve launch.yaml -n 1 --pin dp_size=2 --dp-via gateway --format argv -q",
    "launch-config": "show launch.yaml 90 --format config --pin disable_cuda_graph=true "
    "--pin enable_tf32_matmul=false --model-path x",
    "launch-template": "show launch.yaml 5 --template exp.json",
    "launch-compose": "show launch.yaml 5 --template compose --model-path x",
    "launch-kubernetes": "show launch.yaml 5 --template kubernetes --model-path x",
    "launch-extra": "solve launch.yaml -n 1 --extra cuda-graph-bs-decode=[1,2,4] --extra log-level=warning",
    "launch-wrong-extra": "solve launch.yaml --extra log_levl=x --extra page_size=16 "
    "--extra kv_cache_dtype=fp9 --extra nccl_port=x --extra cuda_graph_max_bs=3",
    "launch-wrong-format": "solve launch.yaml --format config",
    "launch-wrong-gateway": "solve launch.yaml --dp-via gateway --format json",
    "launch-wrong-template": "show launch.yaml 5 --template composer",
    "launch-wrong-pattern": "solve launch.yaml --pattern 'exp_{indx}.json'",
    "launch-wrong-target": "solve server.yaml --format argv",
    "check-argv": "check launch.yaml "
    "--argv 'python -m sglang.launch_server --model-path x --tp 2 --dp-size=2'",
    "check-argv-json": "check launch.yaml --json --argv '--model x --tp 2'",
    "check-argv-wrong": "check launch.yaml --argv '--tp four --schedule-policy lpn --page-siz 16 --pp 2 "
    "--atention-backend fa3 --kv-cache-dtype fp9 --cuda-graph-max-bs 8 --port x --host'",
    "check-shell": "check launch.yaml serve.sh",
    "check-config": "check launch.yaml server-config.yaml",
    "check-misspelt": "check launch.yaml misspelt.json",
    "check-misspelt-json": "check launch.yaml misspelt.json --json",
    "check-no-target": "check server.yaml --argv '--tp 2'",
    "lint": "lint weak.yaml",
    "lint-json": "lint weak.yaml --json --select never-both",
    "lint-github": "lint weak.yaml --format github",
    "lint-strict": "lint weak.yaml --strict --select dead-value --select no-reason",
    "lint-several": "lint weak.yaml empty.yaml --ignore dead-value",
    "lint-dry-run": "lint weak.yaml --fix --dry-run",
    "lint-unreadable": "lint bad.yaml --format github",
    "lint-no-file": "lint nowhere.yaml",
    "lint-where": "lint server.yaml --engine cpsat --where 'chunk == 512'",
    "lint-fix-bundled": "lint h100 --fix",
    "lint-fix-pinned": "lint weak.yaml --fix --pin load=1",
    "wrong-lint-code": "lint weak.yaml --select dead-values",
    "wrong-lint-dry-run": "lint weak.yaml --dry-run",
    "wrong-verb": "slove server.yaml",
    "wrong-space": "count sglang-throughput-1O",
    "wrong-path": "count ./servr.yaml",
    "wrong-option": "count server.yaml --jsn",
    "wrong-engine": "count server.yaml --engine joint-tree",
    "wrong-method": "solve server.yaml --method balance",
    "wrong-format": "solve server.yaml --format xml",
    "wrong-suffix": "solve server.yaml -o configs.txt",
    "wrong-shard": "solve server.yaml --shard 3/3",
    "wrong-shard-text": "solve server.yaml --shard three",
    "wrong-balanced-shard": "solve server.yaml --shard 0/3 --method balanced",
    "wrong-count": "solve server.yaml -n -1",
    "wrong-seed": "solve server.yaml --seed -1",
    "wrong-replace": "solve server.yaml --method first --replace",
    "wrong-with": "solve server.yaml --with ussed",
    "wrong-pin": "count server.yaml --pin tpsize=2",
    "wrong-pin-value": "count server.yaml --pin tp_size=3",
    "wrong-pin-text": "count server.yaml --pin tp_size",
    "wrong-set": "count server.yaml --set gpu=2",
    "wrong-drop": "count server.yaml --drop parallel",
    "wrong-where": "count server.yaml --where 'tp_size >> 2'",
    "wrong-where-name": "count server.yaml --where 'tp_sise > 2'",
    "wrong-kind": "count server.yaml --with-kind heuristics",
    "wrong-rule": "count server.yaml --without-rule gpus",
    "wrong-by": "count server.yaml --by rules",
    "wrong-graph-json": "info server.yaml --graph --json",
    "wrong-diff-space": "diff server.yaml missing.yaml",
    "wrong-diff-pin": "diff server.yaml server-next.yaml --pin tp_size=8",
    "wrong-diff-where": "diff server.yaml server-next.yaml --where 'tp_sise == 8'",
    "wrong-diff-set": "diff server.yaml server-next.yaml --new-set gpu=8",
    "wrong-diff-target": "diff sglang.yaml sglang.yaml --new-target minisgl==0.1.0",
    "wrong-check-format": "check server.yaml good.json --format xml",
    "no-config": "check server.yaml",
    "run-nothing": "run --target sglang==0.5.23 --runner sim",
    "run-no-target": "run --argv '--tp-size 2' --runner sim",
    "run-target": "run --argv '--tp-size 2' --runner sim --target sglang-0.5.23",
    "run-no-space": "run --argv '--tp-size 2' --runner sim --target sglang==0.5.23 --engine-timeout 5",
    "run-no-model": "run --argv '--tp-size 2' --target sglang==0.5.23 --gpus 0",
    "run-refused": "run --argv '--tp-sise 2' --argv '--tp many' --target sglang==0.5.23 --runner sim",
    "run-invalid": "run --argv '--tp-size 8 --dp-size 2' --space sglang-tuner-18 --runner sim",
    "run-climb": "run --argv '--tp-size 2' --space sglang-tuner-18 --runner sim --climb schedule_policy",
    "run-results": "run --argv '--tp-size 2' --target sglang==0.5.23 --runner sim -o rows.csv",
    "report": "report measured.jsonl --slo 'p99_ttft_ms<=300'",
    "report-json": "report measured.jsonl --json --maximize tps --per-gpu",
    "report-goal": "report measured.jsonl --minimize p99_ttf_ms",
    "report-study": "report measured.jsonl --study demos",
    "report-text": "report server.yaml",
    "report-storage": "report sqlite:///missing.db",
    "report-over": "report measured.jsonl -o rows.csv",
    "narrow": "narrow tuned.yaml --from measured.jsonl --keep-best 40% --chance 30%",
    "narrow-json": "narrow tuned.yaml --from measured.jsonl --keep-best 40% --chance 30% --json",
    "narrow-untried": "narrow tuned.yaml --from measured.jsonl --drop-untried --maximize tps --per-gpu",
    "narrow-chance": "narrow tuned.yaml --from measured.jsonl",
    "narrow-other-space": "narrow launch.yaml --from measured.jsonl",
    "narrow-no-results": "narrow tuned.yaml",
    "narrow-share": "narrow tuned.yaml --from measured.jsonl --keep-best 120%",
    "narrow-over": "narrow tuned.yaml --from measured.jsonl --chance 30% -o server.yaml",
    "tune-no-target": "tune server.yaml --runner sim",
    "tune-runner": "tune sglang.yaml --runner simulated",
    "tune-trials": "tune sglang.yaml --runner sim --trials ten",
    "tune-sampler": "tune sglang.yaml --runner sim --sampler nsga",
    "tune-slo": "tune sglang.yaml --runner sim --slo 'ttft=500'",
    "tune-goal": "tune sglang.yaml --runner sim --minimize 'p99 ttft'",
    "tune-goal-twice": "tune sglang.yaml --runner sim --minimize tps --maximize tps",
    "tune-per-gpu": "tune sglang.yaml --runner sim --minimize ttft --per-gpu",
    "tune-timeout": "tune sglang.yaml --runner sim --timeout 8hours",
    "tune-gpus": "tune sglang-tuner-18 --runner sim --gpus 0-3",
    "tune-gpu-list": "tune sglang.yaml --runner sim --gpus 0-",
    "tune-workload": "tune sglang.yaml --runner sim --workload missing.yaml",
    "tune-warm-start": "tune sglang.yaml --runner sim --warm-start arround --storage memory",
    "tune-storage": "tune sglang.yaml --runner sim --storage mysql://db",
    "tune-address": "tune sglang.yaml --runner sim --address auto",
    "tune-output": "tune sglang.yaml --runner sim --output missing/front.json",
    "tune-results": "tune sglang.yaml --runner sim --results rows.csv",
    "tune-empty": "tune sglang.yaml --runner sim --where 'tp_size > 4' --storage memory",
}


def transcript(name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The command and all that it says."""
    monkeypatch.chdir(CASES)
    words, _, stdin = COMMANDS[name].partition(" < ")
    if stdin:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((CASES / stdin).read_bytes())))
    status = main(shlex.split(words))
    said = capsys.readouterr()
    # Bundled files stand in this checkout, wherever that is.
    parts = {"stdout": said.out.replace(f"{ROOT}/", ""), "stderr": said.err.replace(f"{ROOT}/", "")}
    shown = "".join(f"--- {stream}\n{text}" for stream, text in parts.items() if text)
    return f"$ spacegen {COMMANDS[name]}\n{shown}--- exit {status}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_it_said(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    said = transcript(name, capsys, monkeypatch)
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("SPACEGEN_SNAPSHOTS") == "write":
        path.write_text(said, encoding="utf-8")
    assert said == path.read_text(encoding="utf-8")


def test_what_was_measured_leaves_the_overlay_that_it_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("tuned.yaml", "measured.jsonl"):
        (tmp_path / name).write_bytes((CASES / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    words = COMMANDS["narrow"] + " --drop-untried -o narrow.yaml"
    assert main(words.split()) == 0
    said = Path("narrow.yaml").read_text(encoding="utf-8")
    path = SNAPSHOTS / "narrow.yaml"
    if os.environ.get("SPACEGEN_SNAPSHOTS") == "write":
        path.write_text(said, encoding="utf-8")
    assert said == path.read_text(encoding="utf-8")


def test_every_snapshot_has_its_command() -> None:
    assert {path.stem for path in SNAPSHOTS.glob("*.txt")} == COMMANDS.keys()
