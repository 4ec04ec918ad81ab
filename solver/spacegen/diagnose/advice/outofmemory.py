"""Launches that ran out of GPU memory: in which phase, and which arguments make a launch need less.

One message has many causes: what helps while weights are loaded does nothing for graphs, and what the message
of a failed capture proposes first, a lower static share, is of no use where memory was not the cause.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from spacegen.diagnose.advice.lighter import (
    activations,
    known,
    loading,
    no_graphs,
    pool,
    reserves,
    shorter_prefills,
    weights,
)
from spacegen.diagnose.advice.rule import Aim, besides, once
from spacegen.diagnose.advice.said import (
    Key,
    argument,
    dummy_weights,
    is_mini,
    key,
    numbers_of,
    said,
    troubled,
    words,
)
from spacegen.diagnose.advice.ways import few, fewer_running, lower_share, rather, smaller_chunk
from spacegen.diagnose.finding import Action, Finding, Move, Severity
from spacegen.diagnose.launch import Fact, Launch, Line, Phase, Trouble, TroubleKind

__all__ = ["gpu_memory"]

_STARTING: Final = (Phase.ARGUMENTS, Phase.WEIGHTS, Phase.KV_POOL, Phase.GRAPHS)
_MEMORY_WORDS: Final = ("out of memory", "outofmemory", "alloc_failed", "memoryallocation")
_UNUSABLE: Final = re.compile(r"([\d.]+) ([GM]iB) is reserved by PyTorch but unallocated")
_OWN: Final = re.compile(r"this process has ([\d.]+) ([GM]iB)")
# Ours: less, in GiB, may be what drivers keep.
_GROWN: Final = 1.0
_NEIGHBOUR: Final = re.compile(r"Process (\d+) has ([\d.]+ [GM])iB memory in use")
_DUMMY: Final = "to test memory without downloading the weights, use `{}` (random weights)"


def gpu_memory(launch: Launch, _goal: Aim) -> Iterable[Finding]:
    """A finding for each place where GPU memory ran out."""
    troubles = troubled(launch, TroubleKind.OUT_OF_MEMORY, TroubleKind.CAPTURE)
    return once(finding for trouble in troubles for finding in _at(launch, trouble))


def _at(launch: Launch, trouble: Trouble) -> Iterator[Finding]:
    if trouble.kind is TroubleKind.CAPTURE and not _of_memory(launch, trouble):
        yield _capture(launch, trouble)
        return
    match Phase.GRAPHS if trouble.kind is TroubleKind.CAPTURE else trouble.phase:
        case Phase.WEIGHTS if launch.figure(Fact.POOL_TOKENS) is not None:
            yield _drafting(launch, trouble)
        case Phase.ARGUMENTS | Phase.WEIGHTS:
            yield _loading(launch, trouble)
        case Phase.KV_POOL:
            yield _allocating(launch, trouble)
        case Phase.GRAPHS:
            yield _graphs(launch, trouble)
        case Phase.WARM_UP | Phase.SERVING:
            yield _serving(launch, trouble)


def _of_memory(launch: Launch, trouble: Trouble) -> bool:
    """Whether a failed capture was short of memory: the message itself lists many causes."""
    text = " ".join((trouble.words, *(line.text for line in trouble.lines))).lower()
    same = any(other.phase is Phase.GRAPHS for other in troubled(launch, TroubleKind.OUT_OF_MEMORY))
    return same or "tried_gib" in trouble.numbers or any(word in text for word in _MEMORY_WORDS)


def _loading(launch: Launch, trouble: Trouble) -> Finding:
    ways = weights(launch)
    actions: tuple[Action, ...] = (
        *ways[:3],
        "stop other processes that use this GPU",
        _DUMMY.format(dummy_weights(launch)),
    )
    return _failed(
        launch,
        trouble,
        "out-of-memory-weights",
        "the weights do not fit into GPU memory",
        ways[:2],
        (*ways[2:], *loading(launch)),
        actions=actions if ways else (f"use more ranks, as with `{Key.RANKS}`", *actions),
        command="nvidia-smi",
    )


def _drafting(launch: Launch, trouble: Trouble) -> Finding:
    """A draft model is loaded after the KV cache is allocated, so the static share matters for it."""
    lighter = sorted(weights(launch), key=lambda move: move.parameter != "speculative_algorithm")
    share = lower_share(launch, _missing(trouble))
    return _failed(
        launch,
        trouble,
        "out-of-memory-weights",
        "the weights of the draft model do not fit beside the KV cache",
        (*known(share), *lighter[:1]),
        (*lighter[1:], *loading(launch), *pool(launch)),
    )


def _allocating(launch: Launch, trouble: Trouble) -> Finding:
    share = lower_share(launch, _missing(trouble))
    return _failed(
        launch,
        trouble,
        "out-of-memory-kv-pool",
        "the KV cache pool does not fit into the free memory",
        known(share),
        pool(launch),
        command="nvidia-smi",
    )


def _graphs(launch: Launch, trouble: Trouble) -> Finding:
    graphs = no_graphs(launch)
    running, plain = fewer_running(launch), rather(launch, "enable_torch_compile", (False,), (True,))
    return _failed(
        launch,
        trouble,
        "out-of-memory-graphs",
        "the memory left beside weights and KV cache is too small for the CUDA graphs",
        known(lower_share(launch, _missing(trouble)), *graphs[:1], plain, *graphs[1:2]),
        (*graphs[2:], *known(running), *activations(launch)),
    )


def _serving(launch: Launch, trouble: Trouble) -> Finding:
    """The guide: smaller chunks for a prefill, fewer requests for decoding, a lower share for either."""
    share, chunk = lower_share(launch, _missing(trouble)), smaller_chunk(launch)
    running, warming = fewer_running(launch), trouble.phase is Phase.WARM_UP
    lighter = (*no_graphs(launch), *activations(launch))
    prompts = known(shorter_prefills(launch))
    if warming:
        # Its request has a few tokens only: it needs no full chunk, so what is left is little for any batch.
        what, ways, unless = "the warm-up", known(share, chunk), (*prompts, *known(running), *lighter)
    elif trouble.during == "prefill":
        what, ways, unless = "a prefill", known(chunk, share), (*prompts, *known(running), *lighter)
    elif trouble.during == "decode":
        fewer = None if share and few(launch, running) else running
        # What was missing is a small part of the cache, where fewer requests are a guess.
        ways = known(fewer, share) if _missing(trouble) is None else known(share, fewer)
        what, unless = "decoding", (*known(running, chunk), *prompts, *lighter)
    else:
        ways = known(share, chunk, None if share and few(launch, running) else running)
        what, unless = "a batch", (*known(running), *prompts, *lighter)
        if not (launch.arguments_line or launch.ready or launch.figures or len(launch.series)):
            what = "a part of the launch that the log does not name"
    name = "warm-up" if warming else trouble.during or "serving"
    left = launch.figures.get(Fact.LEFT)
    despite = f", although {left.value:.2f} GB were left once the server was ready" if left else ""
    return _failed(
        launch,
        trouble,
        f"out-of-memory-{name}",
        f"the GPU ran out of memory in {what}{despite}",
        ways,
        unless,
        also=(left.line,) if left else (),
    )


def _capture(launch: Launch, trouble: Trouble) -> Finding:
    compiled = rather(launch, "enable_torch_compile", (False,), (True,))
    backend = argument(launch, "attention_backend")
    graphs = f"`{key(launch, Key.GRAPHS)}: 0`" if is_mini(launch) else "`disable_cuda_graph`"
    return Finding(
        id="graph-capture-failed",
        phase=Phase.GRAPHS,
        severity=Severity.ERROR,
        summary=f"CUDA graph capture failed, not for lack of memory: {words(trouble)}",
        evidence=trouble.lines,
        numbers=numbers_of(trouble),
        actions=(
            *known(compiled),
            f"try another attention backend{f' instead of `{backend}`' if backend else ''}",
            f"to see whether the model runs at all, start once with {graphs} (much slower)",
            "lowering the memory share will not help, although the error message suggests it",
        ),
    )


def _failed(
    launch: Launch,
    trouble: Trouble,
    name: str,
    summary: str,
    moves: tuple[Move, ...],
    unless: tuple[Move, ...],
    *,
    actions: tuple[Action, ...] | None = None,
    also: tuple[Line, ...] = (),
    command: str | None = None,
) -> Finding:
    missing, tried = _missing(trouble), said(trouble, "tried_gib")
    short = "" if not missing or not tried else _short(launch, trouble, missing, tried)
    came_up = launch.ready is not None and trouble.phase in _STARTING and not trouble.fatal
    survived = came_up or trouble.went_on
    if trouble.went_on:
        summary = f"{summary}; the server dropped that batch and kept running"
    proposed = moves if actions is None else actions
    proposed = proposed or ("nothing the log shows can be made smaller: use more GPUs or a smaller model",)
    numbers = numbers_of(trouble)
    return Finding(
        id=name,
        phase=Phase.GRAPHS if trouble.kind is TroubleKind.CAPTURE else trouble.phase,
        severity=Severity.WARNING if survived else Severity.ERROR,
        summary=summary + short,
        evidence=(*trouble.lines, *also),
        numbers=numbers if missing is None else {**numbers, "missing_gib": round(missing, 2)},
        actions=(*proposed, *_of_torch(launch, trouble)),
        command=command,
        moves=moves,
        unless=besides(moves, (*unless, *reserves(launch)) if _shared(launch, moves) else unless),
    )


def _short(launch: Launch, trouble: Trouble, missing: float, tried: float) -> str:
    """How short the last allocation was, which is rarely all that does not fit."""
    if trouble.phase in (Phase.ARGUMENTS, Phase.WEIGHTS) and launch.figure(Fact.WEIGHTS) is None:
        return f": the last allocation, {tried:.2f} GB, was {missing:.2f} GB short, and more may follow"
    return f": the last allocation, {tried:.2f} GB, was {missing:.2f} GB short"


def _shared(launch: Launch, moves: tuple[Move, ...]) -> bool:
    """Whether the static share is among the moves."""
    return any(move.parameter == key(launch, Key.SHARE) for move in moves)


def _missing(trouble: Trouble) -> float | None:
    """GiB by which the last allocation was short: a lower bound, as the next one may be short, too."""
    tried, free = said(trouble, "tried_gib"), said(trouble, "free_gib")
    if tried is None or free is None or tried <= free:
        return None
    return tried - free


def _gib(size: re.Match[str]) -> float:
    return float(size[1]) / (1024 if size[2] == "MiB" else 1)


def _grown(launch: Launch, trouble: Trouble, own: float) -> float:
    """GiB that other processes have taken since loading began; 0 where the log does not tell."""
    capacity, free = said(trouble, "capacity_gib"), said(trouble, "free_gib")
    before = launch.figure(Fact.BEFORE_LOADING)
    if capacity is None or free is None or before is None:
        return 0.0
    return (capacity - free - own) - (capacity - before)


def _of_torch(launch: Launch, trouble: Trouble) -> Iterator[str]:
    """What PyTorch's message adds: reserved memory that it cannot use, and other processes on the GPU."""
    text, missing = words(trouble), _missing(trouble)
    if (kept := _UNUSABLE.search(text)) and missing is not None:
        unusable = _gib(kept)
        if unusable >= missing:
            yield (
                f"{unusable:.2f} GB were reserved by PyTorch but too fragmented to use: set "
                "`PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True` in the environment first"
            )
    if (own := _OWN.search(text)) and (more := _grown(launch, trouble, _gib(own))) > _GROWN:
        yield f"others hold {more:.2f} GB more of this GPU than when the server started: see `nvidia-smi`"
        return
    others = dict(_NEIGHBOUR.findall(text))
    if own:
        yield from (f"process {other} holds {size}B of this GPU: stop it" for other, size in others.items())
    elif len(others) > 1:
        # In a container torch does not know which of them is its own.
        each = ", ".join(f"{other} ({size}B)" for other, size in others.items())
        yield f"processes {each} hold memory of this GPU: stop those that do not belong to this server"
