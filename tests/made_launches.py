"""Launches as the rules see them, made by hand, and what rules find in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from spacegen.diagnose.advice.endings import endings
from spacegen.diagnose.advice.memory import left_memory
from spacegen.diagnose.advice.minisgl import mini_graphs
from spacegen.diagnose.advice.outofmemory import gpu_memory
from spacegen.diagnose.advice.rule import Aim
from spacegen.diagnose.advice.shortpool import short_pool
from spacegen.diagnose.advice.starting import port_in_use, refused, slow_start
from spacegen.diagnose.finding import Finding, Move, Severity
from spacegen.diagnose.launch import Fact, Figure, Launch, Line, Phase, Trouble, TroubleKind

RULES = (left_memory, gpu_memory, short_pool, refused, port_in_use, slow_start, endings, mini_graphs)
READY = Line(file="server.log", number=90, text="The server is fired up and ready to roll!")
ARGUMENTS: dict[str, Any] = {
    "tp_size": 1,
    "pp_size": 1,
    "dp_size": 1,
    "quantization": None,
    "kv_cache_dtype": "auto",
    "mem_fraction_static": 0.88,
    "chunked_prefill_size": 8192,
    "max_prefill_tokens": 16384,
    "max_running_requests": 1024,
    "cuda_graph_max_bs": 256,
    "disable_cuda_graph": False,
    "schedule_conservativeness": 1.0,
    "port": 30000,
}
FACTS = {
    Fact.BEFORE_LOADING: 78.0,
    Fact.AFTER_LOADING: 63.0,
    Fact.WEIGHTS: 15.0,
    Fact.POOL: 50.0,
    Fact.POOL_TOKENS: 400_000,
}
MINI: dict[str, Any] = {
    "memory_ratio": 0.9,
    "max_extend_tokens": 8192,
    "max_running_req": 256,
    "cuda_graph_max_bs": None,
    "server_port": 1919,
}


def line(text: str = "what the server said", number: int = 7) -> Line:
    return Line(file="server.log", number=number, text=text)


def launch(
    arguments: Mapping[str, Any] = ARGUMENTS,
    facts: Mapping[Fact, float] = FACTS,
    *troubles: Trouble,
    **fields: Any,
) -> Launch:
    figures = {fact: Figure(value=value, line=line(fact.value)) for fact, value in facts.items()}
    return Launch(
        arguments=dict(arguments),
        arguments_line=line("server_args=ServerArgs(...)", 1),
        figures=figures,
        troubles=troubles,
        **fields,
    )


def failed(
    kind: TroubleKind, phase: Phase, during: str | None = None, words: str = "", **numbers: float
) -> Trouble:
    return Trouble(
        kind=kind, phase=phase, lines=(line(),), during=during, fatal=True, numbers=numbers, words=words
    )


def shown(seen: Launch) -> list[Finding]:
    return [finding for rule in RULES for finding in rule(seen, Aim.THROUGHPUT)]


def only(seen: Launch) -> Finding:
    (finding,) = shown(seen)
    return finding


def ways(moves: Iterable[Move]) -> dict[str, Any]:
    return {move.parameter: move.to for move in moves}


def move_of(finding: Finding, name: str) -> Move:
    return next(move for move in (*finding.moves, *finding.unless) if move.parameter == name)


def advised(severity: Severity, *moves: Move, also: tuple[Move, ...] = ()) -> Finding:
    return Finding(
        id="advised",
        phase=Phase.SERVING,
        severity=severity,
        summary="seen",
        actions=moves,
        moves=moves,
        also=also,
    )


def at(share: float, *troubles: Trouble, **arguments: Any) -> Launch:
    """A launch that ran with this static share; it came up unless it has troubles."""
    return launch(
        {**ARGUMENTS, "mem_fraction_static": share, **arguments},
        FACTS,
        *troubles,
        ready=None if troubles else READY,
    )


LOW = failed(TroubleKind.NO_POOL, Phase.KV_POOL)
HIGH = failed(TroubleKind.OUT_OF_MEMORY, Phase.SERVING, "prefill")
