"""What a failure excludes fails too: its clauses beside a formula of memory that knows the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import pytest

import spacegen
from spacegen.diagnose import diagnose
from spacegen.diagnose.advice.book import findings
from spacegen.diagnose.finding import Severity
from spacegen.diagnose.launch import Fact, Figure, Launch, Line, Phase, Trouble, TroubleKind
from spacegen.diagnose.narrowing.edit import Basis, holds
from spacegen.diagnose.narrowing.edits_from_findings import Dropped, Ground
from spacegen.diagnose.narrowing.narrowing import narrow
from spacegen.servers.schema import load
from spacegen.tune.outcome import Cause
from spacegen.tune.simulated.effective import Effective, effective, filled
from spacegen.tune.simulated.formula import GPU_GIB, Memory, memory
from tests.server_logs import STORIES, log

SCHEMA: Final = load("sglang", "0.5.23")
LONGEST: Final = 60_000
"""Tokens of a prompt: longer than any chunk."""
HERE: Final = Line(file="server.log", number=1, text="what the server said")

WHERE: Final = {
    Cause.GRAPH_MEMORY: (TroubleKind.OUT_OF_MEMORY, Phase.GRAPHS, None),
    Cause.SERVING_MEMORY: (TroubleKind.OUT_OF_MEMORY, Phase.SERVING, "prefill"),
}


def failed(config: Mapping[str, Any], run: Effective, found: Memory) -> Launch | None:
    """The launch of a config as its log would tell of it; None where it does not fail of GPU memory."""
    if found.failing not in WHERE:
        return None
    kind, phase, during = WHERE[found.failing]
    facts = {
        Fact.BEFORE_LOADING: GPU_GIB,
        Fact.AFTER_LOADING: GPU_GIB - found.weights,
        Fact.POOL: found.pool,
        Fact.POOL_TOKENS: found.tokens,
        Fact.CHUNK: run.chunk,
        Fact.MOST_RUNNING: run.most_running,
        Fact.LARGEST_GRAPH: run.graphs,
    }
    short = found.graphs + found.work - GPU_GIB * (1 - found.share)
    sizes = {"tried_gib": found.work, "free_gib": found.work - short} if during and short > 0 else {}
    trouble = Trouble(kind=kind, phase=phase, lines=(HERE,), during=during, fatal=True, numbers=sizes)
    return Launch(
        server="sglang",
        version=SCHEMA.version,
        arguments={**filled(SCHEMA, config), "mem_fraction_static": found.share},
        arguments_line=HERE,
        figures={fact: Figure(value=value, line=HERE) for fact, value in facts.items()},
        troubles=(trouble,),
    )


KERNELS: Final = (
    *("attention_backend", "prefill_attention_backend", "decode_attention_backend", "mm_attention_backend"),
    *("dsa_prefill_backend", "dsa_decode_backend", "kv_cache_dtype", "quantization"),
    *("torch_compile_max_bs", "ep_size", "attn_dp_size"),
)
TAKING: Final = ("enable_hierarchical_cache", "enable_lmcache", "enable_single_batch_overlap")
BESIDE: Final = (*KERNELS, *TAKING, "sampling_backend", "disable_overlap_schedule", "page_size")


def in_kernels(config: Mapping[str, Any], need: Memory, seed: int) -> Memory:
    """With what its kernels work in, in no order that anybody could know, and with what is known to take
    take memory where it is on."""
    used = {name: config[name] for name in KERNELS}
    if used["attention_backend"] != "dsa":
        used = {name: value for name, value in used.items() if not name.startswith("dsa")}
    if not config["enable_torch_compile"]:
        del used["torch_compile_max_bs"]
    work = need.work + crc32(repr((seed, used)).encode()) % 4
    work += sum(0.5 for name in TAKING if config[name]) + 0.5 * (not config["disable_overlap_schedule"])
    work += 0.3 * (config["sampling_backend"] != "flashinfer") + 0.5 / (config["page_size"] or 1)
    short = need.failing is None and need.graphs + work > GPU_GIB * (1 - need.share)
    return replace(need, work=work, failing=Cause.SERVING_MEMORY if short else need.failing)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("ranks", [1, 2])
def test_a_failure_excludes_itself_and_nothing_that_works(ranks: int, seed: int) -> None:
    space = spacegen.load("h100").pinned(tp_size=ranks, pp_size=1)
    configs = [dict(config) for config in space.sample(250, seed=ranks)]
    # What works beside what fails differs from it in these alone.
    configs += [{**one, **{name: configs[i - 1][name] for name in BESIDE}} for i, one in enumerate(configs)]
    runs = [effective(SCHEMA, config) for config in configs]
    needs = [in_kernels(config, memory(r, LONGEST), seed) for config, r in zip(configs, runs, strict=True)]
    works = [config for config, need in zip(configs, needs, strict=True) if need.failing is None]
    excluded = 0
    for config, run, need in zip(configs, runs, needs, strict=True):
        if (launch := failed(config, run, need)) is None:
            continue
        (finding,) = (one for one in findings([launch]) if one.severity is Severity.ERROR)
        edit = Ground.of(space, launch, config).edit(finding)
        assert not isinstance(edit, Dropped), edit
        assert not holds(edit, config), (edit, config)
        assert [other for other in works if not holds(edit, other)] == [], edit
        excluded += 1
    assert excluded > 3
    assert len(works) > 100


@pytest.mark.parametrize("story", ["prefill-oom", "decode-oom", "graphs-oom", "no-pool"])
def test_what_ran_with_nobody_knows_what_excludes_nothing(story: str, tmp_path: Path) -> None:
    text = "".join(log(SCHEMA.version, story, decodes=80))
    (tmp_path / "server.log").write_text("".join(text.splitlines(keepends=True)[1:]))
    found = diagnose([tmp_path / "server.log"])
    (failure,) = (one for one in found.findings if one.severity is Severity.ERROR)
    assert (failure.moves, failure.unless) == ((), ())
    assert "`--config`" in failure.advice[-1]
    made = narrow(spacegen.load("h100"), found.launches, found.findings)
    assert [edit for edit in made.edits if edit.basis is Basis.FAILURE] == []
    # What was asked for says it, and what was not asked for is at its default.
    asked = {"mem_fraction_static": 0.9, "chunked_prefill_size": 8192}
    (failure,) = (
        one
        for one in diagnose([tmp_path / "server.log"], config=asked).findings
        if one.severity is Severity.ERROR
    )
    assert {"tp_size", "pp_size"} <= {move.parameter for move in (*failure.moves, *failure.unless)}


@pytest.mark.parametrize(
    ("share", "command", "narrows"),
    [(0.15, None, False), (0.147, None, True), (0.15, "--tp-size 1", True), (0.15, "at it", False)],
)
def test_a_share_that_was_given_says_nothing_of_the_servers_own(
    share: float, command: str | None, narrows: bool, tmp_path: Path
) -> None:
    # Servers choose in thousandths; a command beside the log shows what was given.
    story = replace(STORIES["no-pool"], share=share)
    (tmp_path / "server.log").write_text("".join(log("0.5.6.post2", story)))
    if command is not None:
        given = f"--mem-fraction-static {share}" if command == "at it" else command
        (tmp_path / "command.txt").write_text(f"python -m sglang.launch_server {given}\n")
    found = diagnose([tmp_path / "server.log"])
    made = narrow(spacegen.load("sglang-tuner-18"), found.launches, found.findings)
    assert [edit.finding for edit in made.edits] == ["no-kv-pool"] * narrows
    if not narrows:
        assert "in this space the server chooses it" in made.dropped[0].reason
