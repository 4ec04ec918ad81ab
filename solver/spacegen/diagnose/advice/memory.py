"""How much GPU memory is left once the server is ready, and how far the static share is from good.

The guide's rule: 5 to 8 GB left for activations are good; with more the KV cache could be larger, with less
the server may run out of memory later. Its figures are those of large GPUs; on smaller ones, whose models and
chunks are smaller too, they shrink with the GPU.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from spacegen.diagnose.advice.graph_sizes import larger_gib
from spacegen.diagnose.advice.guide import FULL, HIGHEST_SHARE, MANY_LINES
from spacegen.diagnose.advice.room import Room, free_room
from spacegen.diagnose.advice.rule import Aim
from spacegen.diagnose.advice.said import Key, is_mini, key, number, troubled, whole
from spacegen.diagnose.advice.serving import full_load, span
from spacegen.diagnose.advice.ways import STEP, larger_cap, steps_down, steps_up
from spacegen.diagnose.finding import Action, Finding, Move, Severity, Step
from spacegen.diagnose.launch import Fact, Figure, Launch, Phase, TroubleKind
from spacegen.diagnose.series import Column

__all__ = ["left_memory"]

_SHORT: Final = (
    TroubleKind.NO_POOL,
    TroubleKind.OUT_OF_MEMORY,
    TroubleKind.CAPTURE,
    TroubleKind.NO_TOKENS,
    TroubleKind.NOTHING_LEFT_TO_RETRACT,
)


def left_memory(launch: Launch, goal: Aim) -> Iterable[Finding]:
    """Whether a launch leaves too much or too little memory; nothing if it ran out, which says more."""
    figure, room = launch.figures.get(Fact.LEFT), free_room(launch, larger_gib(launch, goal))
    if figure is None or room is None or troubled(launch, *_SHORT):
        return
    if room.gpu is None and is_mini(launch):
        # It logs what is left and not of how much: on a small GPU a few GB are plenty.
        return
    if room.gpu is not None and room.left > room.gpu:
        # More than there was before: others held memory then, and what a share is a share of is not known.
        return
    if room.rest > room.enough:
        yield _unused(launch, figure, room, goal)
    elif room.left < room.little:
        yield _scarce(launch, figure, room)
    else:
        yield Finding(
            id="memory-good",
            phase=Phase.KV_POOL,
            severity=Severity.INFO,
            summary=f"{_left(figure, room)}: {room.good} is good",
            evidence=(figure.line,),
            numbers=_numbers(room),
        )


def _left(figure: Figure, room: Room) -> str:
    seen = f"{room.left:.2f} GB of GPU memory are left{_where(figure)} once the server is ready"
    # With less it is what larger graphs take that is told to come off the share.
    if not room.more or room.left <= room.enough:
        return seen
    return f"{seen}, {room.rest:.2f} GB with the larger graphs that it needs"


def _where(figure: Figure) -> str:
    """Which rank it is, where it is not one that speaks for all."""
    return f" on {figure.rank}, the least of all ranks," if figure.rank else ""


def _numbers(room: Room) -> dict[str, float]:
    known = {"left_gib": room.left}
    return known if room.gpu is None else {**known, "gpu_gib": room.gpu}


def _unused(launch: Launch, figure: Figure, room: Room, goal: Aim) -> Finding:
    cap = larger_cap(launch) if _capped(launch) else None
    move = _raised(launch, room) if cap is None else cap
    gained = _tokens_a_step(launch, room.gpu)
    steps = steps_down((room.rest - room.aim) / room.gpu) if room.gpu else None
    numbers = _numbers(room)
    if gained is not None:
        numbers["tokens_per_step"] = gained
    if gained is not None and steps:
        numbers["tokens_gained"] = round(gained * steps / STEP)
    idle = _never_full(launch)
    # For latency a larger cache is of use only to a server whose cache is seen to be full.
    needed = _ever_full(launch) if goal == Aim.LATENCY else not idle
    lost = room.rest >= room.much and needed
    wide = f"{_left(figure, room)}; {room.good} is good"
    return Finding(
        id="memory-unused",
        phase=Phase.KV_POOL,
        severity=Severity.WARNING if lost else Severity.INFO,
        summary=f"{wide}, but the KV cache was never full" if idle else wide,
        evidence=(figure.line,),
        numbers=numbers,
        actions=tuple(_more(launch, move, steps, gained, cap)),
        moves=() if move is None else (move,),
    )


def _more(
    launch: Launch, move: Move | None, steps: float | None, gained: float | None, cap: Move | None
) -> Iterable[Action]:
    share = key(launch, Key.SHARE)
    if cap is not None:
        limits = f"raise `{cap.parameter}` or leave it out: it limits the KV cache, not `{share}`"
        yield Step(about=cap, sentence=limits)
        return
    if move is not None:
        yield move
    elif number(launch, Key.SHARE) is not None:
        yield f"`{share}` is already as high as is sensible: find out what else keeps the KV cache small"
        return
    elif steps:
        yield f"raise `{share}` by {steps:g}"
    else:
        yield f"raise `{share}` by {STEP} at a time until the workload runs out of memory"
    if gained is not None:
        each = f"each {STEP} of it adds {gained:.0f} tokens to the KV cache"
        yield each if move is None else Step(about=move, sentence=each)


def _scarce(launch: Launch, figure: Figure, room: Room) -> Finding:
    move = _lowered(launch, room)
    share = key(launch, Key.SHARE)
    served = full_load(launch)
    # What serves all that it can need not be left out of a space: it has not failed, and may be the best.
    so_far = "" if served is None else f", though it has served at full load for {span(served)}"
    return Finding(
        id="memory-scarce",
        phase=Phase.KV_POOL,
        severity=Severity.WARNING,
        summary=f"{_left(figure, room)}; {room.good} is good: it may run out of memory later{so_far}",
        evidence=(figure.line,),
        numbers=_numbers(room),
        actions=(move if move is not None else f"lower `{share}` by {STEP} or more",),
        moves=() if move is None else (move,),
        narrows=served is None,
    )


def _raised(launch: Launch, room: Room) -> Move | None:
    """The shares that leave a good amount, or one step more on a GPU too small for that; None if no higher
    share is sensible."""
    was = number(launch, Key.SHARE)
    if was is None or was + STEP > HIGHEST_SHARE:
        return None
    name = key(launch, Key.SHARE)
    if room.gpu is None:
        at_least = round(was + STEP, 2)
        return Move(parameter=name, at_least=at_least, was=was, to=at_least)
    highest = round(HIGHEST_SHARE - was, 3)
    least = max(steps_up((room.rest - room.enough) / room.gpu), STEP)
    most = max(steps_down((room.rest - room.little) / room.gpu), least)
    to = min(max(steps_down((room.rest - room.aim) / room.gpu), least), most)
    return Move(
        parameter=name,
        at_least=round(was + min(least, highest), 2),
        at_most=round(was + min(most, highest), 2),
        was=was,
        to=round(was + min(to, highest), 2),
        because=f"{STEP} is {STEP * room.gpu:.2f} GB",
    )


def _lowered(launch: Launch, room: Room) -> Move | None:
    was = number(launch, Key.SHARE)
    if was is None:
        return None
    name = key(launch, Key.SHARE)
    least = max(steps_up((room.little - room.left) / room.gpu), STEP) if room.gpu else STEP
    to = max(steps_up((room.aim - room.rest) / room.gpu), least) if room.gpu else STEP
    if to >= was:
        return None
    because = f"{STEP} is {STEP * room.gpu:.2f} GB" if room.gpu else ""
    return Move(
        parameter=name, at_most=round(was - least, 2), was=was, to=round(was - to, 2), because=because
    )


def _capped(launch: Launch) -> bool:
    """Whether an argument keeps the pool smaller than the memory would allow."""
    limit, tokens = whole(launch, key(launch, Key.POOL_TOKENS)), launch.figure(Fact.POOL_TOKENS)
    if limit is None:
        return False
    page = max(whole(launch, "page_size") or 1, 1)
    held = limit * page if is_mini(launch) else limit
    return tokens is None or tokens > held - page


def _tokens_a_step(launch: Launch, gpu: float | None) -> float | None:
    """KV tokens that one step of the share is worth, as this launch stores them."""
    tokens, pool = launch.figure(Fact.POOL_TOKENS), launch.figure(Fact.POOL)
    return round(tokens / pool * gpu * STEP) if tokens and pool and gpu else None


def _never_full(launch: Launch) -> bool:
    lines = sum(launch.series.columns.get(Column.DECODES, ()))
    return lines >= MANY_LINES and not _ever_full(launch)


def _ever_full(launch: Launch) -> bool:
    return max(launch.series.columns.get(Column.MOST_USED, ()), default=0.0) >= FULL
