"""Batches that run without a CUDA graph, and what larger graphs would cost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from spacegen.diagnose.advice.guide import GRAPH_SIZES, LARGE_GPU, LITTLE_LEFT, OFTEN
from spacegen.diagnose.advice.said import Key, argument, gpu_gib, key, number
from spacegen.diagnose.advice.serving import evidence, full_load, of_lines, shown
from spacegen.diagnose.advice.steady import Steady
from spacegen.diagnose.advice.ways import steps_up, told
from spacegen.diagnose.finding import Finding, Move, Severity
from spacegen.diagnose.launch import Fact, Launch, Line, Phase
from spacegen.diagnose.series import Column

__all__ = ["graphs"]

_LADDER: Final = (16, 32, 64, 128, 160, 256, 384, *GRAPH_SIZES)
_MIB_EACH: Final = 2.0
"""What sglang 0.5.6 keeps free for each request of the largest graph, where it chooses the static share."""


def graphs(launch: Launch, _goal: str) -> Iterable[Finding]:
    """Nothing where graphs are used as often as not at full load."""
    found = full_load(launch)
    if found is None or found.no_graph < OFTEN:
        return
    largest = _largest(launch)
    if _switched_off(launch):
        yield _off(launch, found)
    elif largest is not None and found.most_without_graph <= largest:
        yield _unused(launch, found, largest)
    elif found.running > GRAPH_SIZES[-1]:
        yield _beyond(launch, found)
    else:
        yield _small(launch, found, largest)


def _largest(launch: Launch) -> float | None:
    return max(launch.graph_sizes) if launch.graph_sizes else number(launch, Key.GRAPHS)


def _switched_off(launch: Launch) -> bool:
    return (
        argument(launch, "disable_cuda_graph") is True
        or argument(launch, "cuda_graph_backend_decode") == "disabled"
    )


def _numbers(found: Steady, largest: float | None = None) -> dict[str, float]:
    known = {} if largest is None else {"largest_graph": largest}
    return {
        "no_graph_share": round(found.no_graph, 3),
        "running": round(found.running, 1),
        "most_without_graph": found.most_without_graph,
        **known,
    }


def _seen(found: Steady) -> str:
    return f"{of_lines(found.no_graph, found)} are without a CUDA graph, with {found.running:.0f} running"


def _off(launch: Launch, found: Steady) -> Finding:
    move = Move(parameter="disable_cuda_graph", among=(False,), was=True, to=False)
    return Finding(
        id="graphs-off",
        phase=Phase.SERVING,
        severity=Severity.INFO,
        summary=f"{_seen(found)}: they are switched off",
        evidence=evidence(shown(launch, Column.NO_GRAPH), launch.arguments_line),
        numbers=_numbers(found),
        advice=("try it with CUDA graphs, which make steps of decoding shorter and take memory",),
        moves=(move,),
    )


def _unused(launch: Launch, found: Steady, largest: float) -> Finding:
    return Finding(
        id="graphs-unused",
        phase=Phase.SERVING,
        severity=Severity.INFO,
        summary=f"{_seen(found)}, though there are graphs for up to {largest:.0f}: something else keeps "
        "them from being used",
        evidence=evidence(shown(launch, Column.NO_GRAPH)),
        numbers=_numbers(found, largest),
        advice=(
            "look for arguments, such as the attention backend, with which the server runs without graphs",
        ),
    )


def _beyond(launch: Launch, found: Steady) -> Finding:
    return Finding(
        id="beyond-graphs",
        phase=Phase.SERVING,
        severity=Severity.INFO,
        summary=f"{_seen(found)}: graphs are useful for batches of up to {GRAPH_SIZES[0]} or "
        f"{GRAPH_SIZES[-1]}, and these are larger",
        evidence=evidence(shown(launch, Column.NO_GRAPH)),
        numbers=_numbers(found),
    )


def _small(launch: Launch, found: Steady, largest: float | None) -> Finding:
    need = min(found.most_without_graph, GRAPH_SIZES[-1])
    to = next(size for size in _LADDER if size >= need)
    since = "" if largest is None else f"there are graphs for up to {largest:.0f}"
    move = Move(
        parameter=key(launch, Key.GRAPHS),
        at_least=need,
        was=None if largest is None else int(largest),
        to=to,
        because=f"{found.most_without_graph:.0f} ran without one",
    )
    cost, sentence = _cost(launch, to, largest)
    return Finding(
        id="graphs-too-small",
        phase=Phase.SERVING,
        severity=Severity.WARNING,
        summary=_seen(found) + (f": {since}" if since else ""),
        evidence=evidence(shown(launch, Column.NO_GRAPH), _captured(launch)),
        numbers={**_numbers(found, largest), **cost},
        advice=(told(move), sentence),
        moves=(move,),
        also=tuple(_paid(launch, cost)),
    )


def _paid(launch: Launch, cost: dict[str, float]) -> Iterable[Move]:
    """The static share that leaves room for larger graphs, where they need that."""
    if (share := cost.get("share")) is not None:
        share = round(share, 2)
        yield Move(parameter=key(launch, Key.SHARE), at_most=share, was=number(launch, Key.SHARE), to=share)


def _captured(launch: Launch) -> Line | None:
    figure = launch.figures.get(Fact.LARGEST_GRAPH) or launch.figures.get(Fact.GRAPHS)
    return None if figure is None else figure.line


def _cost(launch: Launch, to: int, largest: float | None) -> tuple[dict[str, float], str]:
    """What larger graphs take of a GPU: in proportion to what they take now, where the log says that."""
    share, now = key(launch, Key.SHARE), launch.figure(Fact.GRAPHS)
    if largest is None:
        return {}, f"graphs take memory: lower `{share}` with it where little is left"
    more = now * (to / largest - 1) if now and largest else (to - largest) * _MIB_EACH / 1024
    cost = {"graphs_gib_more": round(more, 2)}
    left, gpu, was = launch.figure(Fact.LEFT), gpu_gib(launch), number(launch, Key.SHARE)
    takes = f"it takes about {more:.2f} GB more"
    if left is None:
        return cost, f"{takes}: lower `{share}` with it where little is left"
    little = LITTLE_LEFT * min(1.0, gpu / LARGE_GPU) if gpu else LITTLE_LEFT
    if left - more >= little:
        return cost, f"{takes}, {left - more:.2f} GB are left then: `{share}` can stay"
    if gpu is None or was is None:
        return cost, f"{takes}, {left - more:.2f} GB are left then: lower `{share}` with it"
    less = steps_up((little - left + more) / gpu)
    cost["share"] = round(was - less, 3)
    return (
        cost,
        f"{takes}: lower `{share}` from {was:g} to {was - less:.2f} with it, to keep {little:.2g} GB free",
    )
