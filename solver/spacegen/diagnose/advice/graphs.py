"""Batches that run without a CUDA graph, and what larger graphs would cost."""

from __future__ import annotations

from collections.abc import Iterable

from spacegen.diagnose.advice.graph_sizes import Larger, larger, largest_graph, switched_off, without_graph
from spacegen.diagnose.advice.guide import GRAPH_SIZES, LARGE_TP
from spacegen.diagnose.advice.room import free_room
from spacegen.diagnose.advice.rule import Aim
from spacegen.diagnose.advice.said import Key, key
from spacegen.diagnose.advice.serving import amount, each_rank, evidence, of_lines, per_cent, shown
from spacegen.diagnose.advice.steady import Steady
from spacegen.diagnose.finding import Finding, Move, Severity, Step
from spacegen.diagnose.launch import Fact, Launch, Line, Phase
from spacegen.diagnose.series import Column

__all__ = ["graphs"]


def graphs(launch: Launch, goal: Aim) -> Iterable[Finding]:
    """Nothing where most batches at full load have graphs."""
    found = without_graph(launch)
    if found is None:
        return
    largest, proposed = largest_graph(launch), larger(launch, goal)
    if switched_off(launch):
        yield _off(launch, found)
    elif proposed is not None:
        yield _small(launch, found, largest, proposed)
    elif largest is not None and found.most_without_graph <= largest:
        yield _unused(launch, found, largest)
    else:
        yield _beyond(launch, found)


def _numbers(found: Steady, largest: float | None = None) -> dict[str, float]:
    known = {} if largest is None else {"largest_graph": largest}
    return {
        "no_graph_share": round(found.no_graph, 3),
        "running": round(found.running, 1),
        "most_without_graph": found.most_without_graph,
        **known,
    }


def _seen(found: Steady) -> str:
    return (
        f"{of_lines(found.no_graph, found)} ran without a CUDA graph: on average {amount(found.running)} "
        f"ran{each_rank(found)}"
    )


def _off(launch: Launch, found: Steady) -> Finding:
    move = Move(parameter="disable_cuda_graph", among=(False,), was=True, to=False)
    return Finding(
        id="graphs-off",
        phase=Phase.SERVING,
        severity=Severity.INFO,
        summary=f"{_seen(found)}, and graphs are switched off",
        evidence=evidence(shown(launch, Column.NO_GRAPH), launch.arguments_line),
        numbers=_numbers(found),
        actions=(
            Step(about=move, sentence="try CUDA graphs: decoding gets faster, at the cost of some memory"),
        ),
        moves=(move,),
    )


def _unused(launch: Launch, found: Steady, largest: float) -> Finding:
    return Finding(
        id="graphs-unused",
        phase=Phase.SERVING,
        severity=Severity.INFO,
        summary=f"{_seen(found)}, although graphs cover up to {largest:.0f}: something else keeps the "
        "server from using them",
        evidence=evidence(shown(launch, Column.NO_GRAPH)),
        numbers=_numbers(found, largest),
        actions=(
            "look for an argument that keeps the server from using graphs, such as the attention backend",
        ),
    )


def _beyond(launch: Launch, found: Steady) -> Finding:
    return Finding(
        id="beyond-graphs",
        phase=Phase.SERVING,
        severity=Severity.INFO,
        summary=f"{_seen(found)}, and graphs only help batches of up to {GRAPH_SIZES[0]}, or "
        f"{GRAPH_SIZES[-1]} with a `{key(launch, Key.RANKS)}` of {LARGE_TP} or more",
        evidence=evidence(shown(launch, Column.NO_GRAPH)),
        numbers=_numbers(found),
    )


def _small(launch: Launch, found: Steady, largest: float | None, proposed: Larger) -> Finding:
    cover = "" if largest is None else f", graphs cover up to {largest:.0f}"
    move = Move(
        parameter=key(launch, Key.GRAPHS),
        at_least=proposed.least,
        was=None if largest is None else int(largest),
        to=proposed.to,
        because=_why(found, proposed),
    )
    less = proposed.less
    cost = {} if largest is None else {"graphs_gib_more": round(proposed.gib, 2)}
    if less is not None and isinstance(less.to, float):
        cost["share"] = less.to
    price = _price(launch, found, proposed)
    return Finding(
        id="graphs-too-small",
        phase=Phase.SERVING,
        severity=Severity.WARNING,
        summary=_seen(found) + cover,
        evidence=evidence(shown(launch, Column.NO_GRAPH), _captured(launch)),
        numbers={**_numbers(found, largest), **cost, **_kept(launch, proposed)},
        actions=(
            move,
            *(Step(about=less or move, sentence=one) for one in (_cost(launch, proposed), *price)),
        ),
        moves=(move,),
        also=() if less is None else (less,),
    )


def _why(found: Steady, proposed: Larger) -> str:
    """Which batches such graphs are for."""
    usual, slots = found.usual_without_graph, proposed.slots
    if proposed.running < proposed.to and proposed.running < found.running:
        return f"about {amount(proposed.running)} run with the KV cache that such graphs leave"
    if slots is not None and slots > usual:
        return f"with more slots {slots} would run"
    return f"usually up to {usual:.0f} ran without a graph"


def _captured(launch: Launch) -> Line | None:
    figure = launch.figures.get(Fact.LARGEST_GRAPH) or launch.figures.get(Fact.GRAPHS)
    return None if figure is None else figure.line


def _kept(launch: Launch, proposed: Larger) -> dict[str, float]:
    """What the KV cache loses, where that is known."""
    tokens = launch.figure(Fact.POOL_TOKENS)
    if proposed.kept == 1:
        return {}
    lost = {} if tokens is None else {"tokens_lost": float(round(tokens * (1 - proposed.kept)))}
    return {**lost, "running_then": round(proposed.running, 1)}


def _price(launch: Launch, found: Steady, proposed: Larger) -> Iterable[str]:
    """What that costs of the KV cache, in tokens and requests, as a sentence."""
    if proposed.kept == 1:
        return
    tokens = launch.figure(Fact.POOL_TOKENS)
    share = per_cent(1 - proposed.kept)
    lost = share if tokens is None else f"{share} ({tokens * (1 - proposed.kept):.0f} tokens)"
    fewer = proposed.running < found.running
    then = f", so that about {amount(proposed.running)} requests run{each_rank(found)} instead of "
    then += amount(found.running)
    yield f"the lower share takes {lost} of the KV cache{then if fewer else ''}"


def _cost(launch: Launch, proposed: Larger) -> str:
    """What larger graphs take, as a sentence."""
    share, more, less = key(launch, Key.SHARE), proposed.gib, proposed.less
    room = free_room(launch, more)
    if not more:
        return f"graphs take memory: lower `{share}` as well if little is left"
    takes = f"larger graphs take about {max(more, 0.01):.2f} GB more"
    if less is not None:
        return f"{takes}: {less.sentence}"
    if room is None:
        return f"{takes}: lower `{share}` as well if little is left"
    leave = f"{takes} and leave {max(room.rest, 0):.2f} GB"
    if room.rest < room.little:
        return f"{leave}: lower `{share}` as well"
    # With more than enough the share is raised, for what is left then.
    return leave if room.rest > room.enough else f"{leave}: `{share}` can stay"
