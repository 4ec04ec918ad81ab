"""Whether clients send as many requests as the server can take: the queue at full load."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from math import ceil
from typing import Final

from spacegen.diagnose.advice.guide import (
    BUSY,
    FULL,
    KEPT_WAITING,
    LASTING,
    LONG_QUEUE,
    OFTEN,
    SHORT_QUEUE,
    WELL_FILLED,
)
from spacegen.diagnose.advice.rule import Aim
from spacegen.diagnose.advice.said import argument
from spacegen.diagnose.advice.serving import (
    amount,
    each_rank,
    evidence,
    full_load,
    half_of,
    of_lines,
    shown,
    slots,
    slots_taken,
    span,
)
from spacegen.diagnose.advice.steady import Steady
from spacegen.diagnose.finding import Action, Finding, Move, Severity, Step
from spacegen.diagnose.launch import Launch, Phase
from spacegen.diagnose.series import Column
from spacegen.diagnose.versions import version_of
from spacegen.errors import SpacegenError
from spacegen.servers.schema import load as schema

__all__ = ["load"]


_BALANCING: Final = "load_balance_method"
_BY_LOAD: Final = ("shortest_queue", "minimum_tokens", "total_requests", "total_tokens")


def load(launch: Launch, goal: Aim) -> Iterable[Finding]:
    """An empty queue, a long one, or a good one; if the goal is latency, an empty one is good."""
    if (half := half_of(launch)) is not None and len(launch.series):
        yield _half(launch, half)
    found = full_load(launch)
    if found is None:
        return
    if found.uneven >= OFTEN:
        yield _uneven(launch, found)
    elif goal == Aim.LATENCY:
        if found.waiting > KEPT_WAITING and found.empty_queue < 1 - OFTEN:
            yield _waiting(launch, found)
    elif found.queue > LONG_QUEUE:
        yield _long(launch, found)
    elif _too_slow(launch, found):
        yield _empty(launch, found)
    elif found.usage > FULL and found.queue >= SHORT_QUEUE:
        yield _good(launch, found)
    elif found.usage > FULL and found.queue >= 1:
        yield _short(launch, found)


def _too_slow(launch: Launch, found: Steady) -> bool:
    few = found.empty_queue - found.uneven >= OFTEN or not found.kept_waiting
    return few and found.usage < FULL and not slots_taken(launch, found)


def _numbers(found: Steady) -> dict[str, float]:
    return {
        "queue": round(found.queue, 1),
        "running": round(found.running, 1),
        "token_usage": round(found.usage, 3),
        "empty_queue_share": round(found.empty_queue, 3),
        "full_load_share": round(found.share, 3),
        "seconds": round(found.seconds, 1),
        "busy_share": round(found.busy, 3),
    }


def _half(launch: Launch, half: str) -> Finding:
    return Finding(
        id="half-of-serving",
        phase=Phase.SERVING,
        severity=Severity.INFO,
        summary=f"the server only does {half} (`disaggregation_mode`): its queue, admission and CUDA graphs "
        "are not judged, because the thresholds are for servers that do all of a request",
        evidence=evidence(launch.arguments_line),
    )


def _uneven(launch: Launch, found: Steady) -> Finding:
    method, better = argument(launch, _BALANCING), _by_load(launch)
    if better and method not in better:
        move = Move(parameter=_BALANCING, among=better, was=method, to=better[0])
        least = f"{move.sentence}, so that requests go to the rank with the least load"
        actions: tuple[Action, ...] = (Step(about=move, sentence=least),)
    else:
        move = None
        actions = ("check what assigns requests to ranks: clients may be naming one",)
    return Finding(
        id="ranks-uneven",
        phase=Phase.SERVING,
        severity=Severity.WARNING,
        summary=f"in {of_lines(found.uneven, found)} a rank had an empty queue while requests waited for "
        f"other ranks ({found.ranks} ranks)",
        evidence=evidence(shown(launch, Column.EMPTY_QUEUE), launch.busiest),
        numbers={**_numbers(found), "uneven_share": round(found.uneven, 3), "ranks": found.ranks},
        actions=actions,
        moves=() if move is None else (move,),
    )


def _by_load(launch: Launch) -> tuple[str, ...]:
    """The values that this version has for sending requests to the rank with the least load."""
    with suppress(SpacegenError, ValueError):
        known = schema("sglang", version_of(launch)).arguments[_BALANCING].choices or ()
        return tuple(value for value in _BY_LOAD if value in known)
    return ()


def _all(found: Steady) -> str:
    return f" over all {found.ranks} ranks" if found.ranks > 1 else ""


def _held(launch: Launch, found: Steady) -> int:
    """How many requests one rank runs when its cache is well filled."""
    room = WELL_FILLED * found.full if found.usage > 0 else found.running
    limit = slots(launch)
    return ceil(room if limit is None else min(room, limit))


def _empty(launch: Launch, found: Steady) -> Finding:
    lasting = found.share >= LASTING and found.busy >= BUSY
    flight = (_held(launch, found) + SHORT_QUEUE) * found.ranks
    if found.empty_queue >= OFTEN:
        waited = f"no request waited in {of_lines(found.empty_queue, found)}"
    else:
        waited = f"only {amount(found.queue)} waited on average at full load ({span(found)})"
    seen = (
        f"{waited}, with {amount(found.running)} running{each_rank(found)} and a token usage of "
        f"{found.usage:.2f}: "
    )
    faster = (
        f"submit requests faster, so that {SHORT_QUEUE} to {LONG_QUEUE} wait: about {flight} in flight"
        f"{_all(found)} fill the cache and keep {SHORT_QUEUE} waiting{each_rank(found)}"
    )
    return Finding(
        id="queue-empty",
        phase=Phase.SERVING,
        severity=Severity.WARNING if lasting else Severity.INFO,
        summary=seen
        + ("the client submits too slowly" if lasting else "the load varies, and never fills the server"),
        evidence=evidence(shown(launch, Column.EMPTY_QUEUE)),
        numbers={**_numbers(found), "in_flight": flight},
        actions=(faster, "for live traffic an empty queue is fine: run with `--goal latency`"),
    )


def _long(launch: Launch, found: Steady) -> Finding:
    most = (ceil(found.running) + LONG_QUEUE) * found.ranks
    run = f"only {amount(found.running)} run at a time{each_rank(found)}"
    return Finding(
        id="queue-long",
        phase=Phase.SERVING,
        severity=Severity.WARNING,
        summary=f"{found.queue:.0f} requests waited{each_rank(found)} on average ({span(found)}): "
        f"a queue beyond {LONG_QUEUE} costs the scheduler time",
        evidence=evidence(launch.busiest),
        numbers=_numbers(found),
        actions=(f"keep at most {most} requests in flight{_all(found)}: {run}",),
    )


def _waiting(launch: Launch, found: Steady) -> Finding:
    return Finding(
        id="requests-wait",
        phase=Phase.SERVING,
        severity=Severity.WARNING,
        summary=f"on average {amount(found.queue)} waited{each_rank(found)} while {amount(found.running)} "
        f"ran ({span(found)}): a request waits about {found.waiting:.1f} times as long as it takes to "
        f"serve; up to {KEPT_WAITING} is fine",
        evidence=evidence(launch.busiest),
        numbers={**_numbers(found), "waiting_by_serving": round(found.waiting, 2)},
        actions=tuple(_fewer_at_a_time(launch, found)),
    )


def _fewer_at_a_time(launch: Launch, found: Steady) -> Iterable[str]:
    yield f"send fewer requests at a time, about {ceil(found.running) * found.ranks}{_all(found)}"
    full = found.usage >= FULL or slots_taken(launch, found)
    # With room in the cache nobody can say how many more run where there is less to prefill.
    servers = ceil((found.queue + found.running) / found.running) if full else 0
    yield f"or spread them over {servers or 'more'} servers like this one"


def _short(launch: Launch, found: Steady) -> Finding:
    return Finding(
        id="queue-short",
        phase=Phase.SERVING,
        severity=Severity.INFO,
        summary=f"at full load ({span(found)}) {amount(found.queue)} waited on average{each_rank(found)}, at "
        f"a token usage of {found.usage:.2f}: the cache is full, and {SHORT_QUEUE} to {LONG_QUEUE} waiting "
        "would keep it so",
        evidence=evidence(launch.busiest),
        numbers=_numbers(found),
        actions=(f"submit requests a little faster, so that {SHORT_QUEUE} wait{each_rank(found)}",),
    )


def _good(launch: Launch, found: Steady) -> Finding:
    return Finding(
        id="load-good",
        phase=Phase.SERVING,
        severity=Severity.INFO,
        summary=f"at full load ({span(found)}) {found.queue:.0f} requests waited ({SHORT_QUEUE} to "
        f"{LONG_QUEUE} is good) and {amount(found.running)} ran{each_rank(found)}, at a token usage of "
        f"{found.usage:.2f} (above {FULL} is good)",
        evidence=evidence(launch.busiest),
        numbers=_numbers(found),
    )
