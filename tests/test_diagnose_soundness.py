"""What a failure excludes fails too: its clauses beside a formula of memory that knows the truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest

import spacegen
from spacegen.diagnose.advice.book import findings
from spacegen.diagnose.finding import Severity
from spacegen.diagnose.launch import Fact, Figure, Kind, Launch, Line, Phase, Trouble
from spacegen.diagnose.narrowing.grounding import Dropped, Ground
from spacegen.diagnose.narrowing.window import holds
from spacegen.servers.schema import load
from spacegen.tune.outcome import Cause
from spacegen.tune.simulated.effective import Effective, effective, filled
from spacegen.tune.simulated.formula import GPU_GIB, Memory, memory

SCHEMA: Final = load("sglang", "0.5.23")
LONGEST: Final = 60_000
"""Tokens of a prompt: longer than any chunk."""
HERE: Final = Line(file="server.log", number=1, text="what the server said")

WHERE: Final = {
    Cause.GRAPH_MEMORY: (Kind.OUT_OF_MEMORY, Phase.GRAPHS, None),
    Cause.SERVING_MEMORY: (Kind.OUT_OF_MEMORY, Phase.SERVING, "prefill"),
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


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_failure_excludes_itself_and_nothing_that_works(ranks: int) -> None:
    space = spacegen.load("h100").pinned(tp_size=ranks, pp_size=1)
    configs = [dict(config) for config in space.sample(250, seed=ranks)]
    runs = [effective(SCHEMA, config) for config in configs]
    needs = [memory(run, LONGEST) for run in runs]
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
