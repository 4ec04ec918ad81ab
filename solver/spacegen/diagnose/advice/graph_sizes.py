"""How large graphs have to be for the batches that run, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Final

from spacegen.diagnose.advice.guide import FULL, GRAPH_SIZES, LARGE_TP, OFTEN
from spacegen.diagnose.advice.room import free_room
from spacegen.diagnose.advice.rule import Aim
from spacegen.diagnose.advice.said import Key, argument, key, number, whole
from spacegen.diagnose.advice.serving import full_load, slots
from spacegen.diagnose.advice.slots import capped, more_slots
from spacegen.diagnose.advice.steady import Steady
from spacegen.diagnose.advice.ways import steps_up
from spacegen.diagnose.finding import Move
from spacegen.diagnose.launch import Fact, Launch

__all__ = ["Larger", "covering", "larger", "larger_gib", "largest_graph", "switched_off", "without_graph"]

_LADDER: Final = (2, 4, 8, 16, 32, 64, 128, 160, 256, 384, *GRAPH_SIZES)
_RUNG: Final = 16
"""What servers capture large graphs in steps of."""
_LEAST: Final = 16
"""What the first graphs take they take once: those for fewer requests say nothing about larger ones."""
_MIB_EACH: Final = 2.0
"""What sglang 0.5.6 keeps free for each request of the largest graph, where it chooses the static share."""


@dataclass(frozen=True, slots=True)
class Larger:
    """Graphs for all batches that then run."""

    to: int
    least: int
    """What already covers an average batch."""
    gib: float
    """Of each GPU, beyond what graphs take now."""
    less: Move | None
    """The static share that leaves room for them, where the share has to be lower."""
    kept: float
    """The share of the KV cache that is left then."""
    running: float
    """How many requests of a rank run then, at most."""
    slots: int | None
    """How many may run by advice about slots, where more of them are proposed."""


def larger(launch: Launch, goal: Aim) -> Larger | None:
    """The graphs to capture instead; None where there are enough, or none help."""
    found, now = without_graph(launch), largest_graph(launch)
    if found is None or switched_off(launch) or (now is not None and found.most_without_graph <= now):
        return None
    need = max(ceil(found.running), 0 if now is None else int(now) + 1)
    if need > _most(launch):
        return None
    more = more_slots(launch, found, goal)
    if more is not None and capped(launch, int(slots(launch) or 0)):
        more = None
    run = max(found.usual_without_graph, more or 0)
    wanted = max(need, min(run, _most(launch)))
    top = _with(launch, found, next(size for size in _LADDER if size >= wanted), need, run, more)
    if top.kept == 1:
        return top
    # What graphs cost is paid by the cache, so that fewer run, and smaller graphs cover those.
    sizes = range((int(now or 0) // _RUNG + 1) * _RUNG, top.to, _RUNG)
    tried = (_with(launch, found, size, need, run, more) for size in sizes)
    return next((one for one in tried if one.running <= one.to), top)


def _with(launch: Launch, found: Steady, to: int, need: int, run: float, more: int | None) -> Larger:
    """What graphs of that size come to, where `run` requests would run with the cache as it is."""
    now = largest_graph(launch)
    gib = 0.0 if now is None else _more(launch, to, now)
    less = _paid(launch, gib)
    kept = _kept(launch, less) if less is not None and gib else 1.0
    room = found.full * kept * max(found.usage, FULL) if found.usage and kept < 1 else run
    running = min(run, room)
    least = need if kept == 1 else min(need, max(ceil(running), 1), to)
    return Larger(to, least, gib, less, kept, running, more)


def _kept(launch: Launch, less: Move) -> float:
    """The share of the KV cache that is left with a lower static share; 1 where that is not known."""
    room, pool, was = free_room(launch), launch.figure(Fact.POOL), number(launch, Key.SHARE)
    if room is None or room.gpu is None or not pool or was is None or not isinstance(less.to, float):
        return 1.0
    return max(1 - (was - less.to) * room.gpu / pool, 0.0)


def larger_gib(launch: Launch, goal: Aim) -> float:
    """GiB that the proposed graphs take beyond those that the launch has; 0 where none are proposed."""
    found = larger(launch, goal)
    return 0.0 if found is None else found.gib


def covering(launch: Launch, batch: float, goal: Aim) -> Move | None:
    """Graphs for batches of that size, as far as they are useful; None where there are enough, or none.

    It is the size that is proposed for the batches that run without graphs, if there are any.
    """
    now, wanted = largest_graph(launch), min(ceil(batch), _most(launch))
    if now is None or switched_off(launch) or wanted <= now:
        return None
    proposed = larger(launch, goal)
    if proposed is not None:
        least, to = min(proposed.least, wanted), proposed.to
    else:
        least, to = wanted, next(size for size in _LADDER if size >= wanted)
    return Move(parameter=key(launch, Key.GRAPHS), at_least=least, was=int(now), to=to)


def without_graph(launch: Launch) -> Steady | None:
    """The steady state, where graphs are used too rarely in it."""
    found = full_load(launch)
    return None if found is None or found.no_graph < OFTEN else found


def _most(launch: Launch) -> int:
    """The largest batch that a graph is useful for."""
    ranks = whole(launch, Key.RANKS)
    return GRAPH_SIZES[-1] if ranks is not None and ranks >= LARGE_TP else GRAPH_SIZES[0]


def largest_graph(launch: Launch) -> float | None:
    return max(launch.graph_sizes) if launch.graph_sizes else number(launch, Key.GRAPHS)


def switched_off(launch: Launch) -> bool:
    return (
        argument(launch, "disable_cuda_graph") is True
        or argument(launch, "cuda_graph_backend_decode") == "disabled"
    )


def _more(launch: Launch, to: float, now: float) -> float:
    """GiB of a GPU: in proportion to what graphs take now, where the log says that."""
    taken = launch.figure(Fact.GRAPHS)
    return (to - now) * (taken / max(now, _LEAST) if taken else _MIB_EACH / 1024)


def _paid(launch: Launch, more: float) -> Move | None:
    """The static share that leaves room for larger graphs, where they need that."""
    room, was = free_room(launch, more), number(launch, Key.SHARE)
    if room is None or room.gpu is None or was is None or room.rest >= room.little:
        return None
    # What the memory of this launch is judged by, so that there is one share for both.
    most = was - steps_up((room.little - room.rest) / room.gpu)
    to = round(was - steps_up((room.aim - room.rest) / room.gpu), 3)
    if to <= 0:
        return None
    because = f"to keep {room.aim:.2g} GB free"
    return Move(parameter=key(launch, Key.SHARE), at_most=round(most, 3), was=was, to=to, because=because)
