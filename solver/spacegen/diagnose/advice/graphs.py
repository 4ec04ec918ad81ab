"""Batches that run without a CUDA graph, and what larger graphs would cost."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import Final

from spacegen.diagnose.advice.guide import GRAPH_SIZES, LARGE_TP, OFTEN
from spacegen.diagnose.advice.room import free_room
from spacegen.diagnose.advice.said import Key, argument, key, number, whole
from spacegen.diagnose.advice.serving import amount, each_rank, evidence, full_load, of_lines, shown
from spacegen.diagnose.advice.steady import Steady
from spacegen.diagnose.advice.ways import steps_up
from spacegen.diagnose.finding import Finding, Move, Severity, Step
from spacegen.diagnose.launch import Fact, Launch, Line, Phase
from spacegen.diagnose.series import Column

__all__ = ["covering", "graphs", "larger_gib"]

_LADDER: Final = (2, 4, 8, 16, 32, 64, 128, 160, 256, 384, *GRAPH_SIZES)
_LEAST: Final = 16
"""What the first graphs take they take once: those for fewer requests say nothing about larger ones."""
_MIB_EACH: Final = 2.0
"""What sglang 0.5.6 keeps free for each request of the largest graph, where it chooses the static share."""


def graphs(launch: Launch, _goal: str) -> Iterable[Finding]:
    """Nothing where most batches at full load have graphs."""
    found = _without(launch)
    if found is None:
        return
    largest = _largest(launch)
    if _switched_off(launch):
        yield _off(launch, found)
    elif largest is not None and found.most_without_graph <= largest:
        yield _unused(launch, found, largest)
    elif _need(found, largest) > _most(launch):
        yield _beyond(launch, found)
    else:
        yield _small(launch, found, largest)


def larger_gib(launch: Launch) -> float:
    """GiB that the proposed graphs take beyond those that the launch has; 0 where none are proposed."""
    found, largest = _without(launch), _largest(launch)
    if found is None or largest is None or _switched_off(launch) or found.most_without_graph <= largest:
        return 0.0
    if _need(found, largest) > _most(launch):
        return 0.0
    return _more(launch, _size(launch, found, largest), largest)


def covering(launch: Launch, batch: float) -> Move | None:
    """Graphs for batches of that size, as far as they are useful; None where there are enough, or none."""
    largest, wanted = _largest(launch), min(ceil(batch), _most(launch))
    if largest is None or _switched_off(launch) or wanted <= largest:
        return None
    to = next(size for size in _LADDER if size >= wanted)
    return Move(parameter=key(launch, Key.GRAPHS), at_least=wanted, was=int(largest), to=to)


def _without(launch: Launch) -> Steady | None:
    """The steady state, where graphs are used too rarely in it."""
    found = full_load(launch)
    return None if found is None or found.no_graph < OFTEN else found


def _most(launch: Launch) -> int:
    """The largest batch that a graph is useful for."""
    ranks = whole(launch, Key.RANKS)
    return GRAPH_SIZES[-1] if ranks is not None and ranks >= LARGE_TP else GRAPH_SIZES[0]


def _need(found: Steady, largest: float | None) -> int:
    """The least that covers the running batch: an average one, and more than what there are graphs for."""
    return max(ceil(found.running), 0 if largest is None else int(largest) + 1)


def _size(launch: Launch, found: Steady, largest: float | None) -> int:
    """What covers nearly all batches, as far as graphs are useful for them; a peak of a moment is no load."""
    wanted = max(_need(found, largest), min(found.usual_without_graph, _most(launch)))
    return next(size for size in _LADDER if size >= wanted)


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


def _small(launch: Launch, found: Steady, largest: float | None) -> Finding:
    to = _size(launch, found, largest)
    cover = "" if largest is None else f", graphs cover up to {largest:.0f}"
    move = Move(
        parameter=key(launch, Key.GRAPHS),
        at_least=_need(found, largest),
        was=None if largest is None else int(largest),
        to=to,
        because=f"usually up to {found.usual_without_graph:.0f} ran without a graph",
    )
    cost = {} if largest is None else {"graphs_gib_more": round(_more(launch, to, largest), 2)}
    less = _paid(launch)
    if less is not None and isinstance(less.to, float):
        cost["share"] = less.to
    return Finding(
        id="graphs-too-small",
        phase=Phase.SERVING,
        severity=Severity.WARNING,
        summary=_seen(found) + cover,
        evidence=evidence(shown(launch, Column.NO_GRAPH), _captured(launch)),
        numbers={**_numbers(found, largest), **cost},
        actions=(move, Step(about=move if less is None else less, sentence=_cost(launch, less))),
        moves=(move,),
        also=() if less is None else (less,),
    )


def _captured(launch: Launch) -> Line | None:
    figure = launch.figures.get(Fact.LARGEST_GRAPH) or launch.figures.get(Fact.GRAPHS)
    return None if figure is None else figure.line


def _more(launch: Launch, to: float, largest: float) -> float:
    """GiB of a GPU: in proportion to what graphs take now, where the log says that."""
    now = launch.figure(Fact.GRAPHS)
    return (to - largest) * (now / max(largest, _LEAST) if now else _MIB_EACH / 1024)


def _paid(launch: Launch) -> Move | None:
    """The static share that leaves room for larger graphs, where they need that."""
    room, was = free_room(launch, larger_gib(launch)), number(launch, Key.SHARE)
    if room is None or room.gpu is None or was is None or room.rest >= room.little:
        return None
    # What the memory of this launch is judged by, so that there is one share for both.
    most = was - steps_up((room.little - room.rest) / room.gpu)
    to = round(was - steps_up((room.aim - room.rest) / room.gpu), 3)
    if to <= 0:
        return None
    because = f"to keep {room.aim:.2g} GB free"
    return Move(parameter=key(launch, Key.SHARE), at_most=round(most, 3), was=was, to=to, because=because)


def _cost(launch: Launch, less: Move | None) -> str:
    """What larger graphs take, as a sentence."""
    share, more = key(launch, Key.SHARE), larger_gib(launch)
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
