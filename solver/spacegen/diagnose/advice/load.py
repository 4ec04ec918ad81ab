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
from spacegen.diagnose.advice.rule import LATENCY
from spacegen.diagnose.advice.said import argument
from spacegen.diagnose.advice.serving import (
    each_rank,
    evidence,
    full_load,
    of_lines,
    shown,
    slots,
    slots_taken,
    span,
)
from spacegen.diagnose.advice.steady import Steady
from spacegen.diagnose.advice.ways import told
from spacegen.diagnose.finding import Finding, Move, Severity
from spacegen.diagnose.launch import Launch, Phase
from spacegen.diagnose.series import Column
from spacegen.errors import SpacegenError
from spacegen.servers.schema import load as schema

__all__ = ["load"]


_BALANCING: Final = "load_balance_method"
_BY_LOAD: Final = ("shortest_queue", "minimum_tokens", "total_requests", "total_tokens")
_OLD: Final = "0.5.6.post2"


def load(launch: Launch, goal: str) -> Iterable[Finding]:
    """An empty queue, a long one, or a good one; with latency for a goal an empty one is good."""
    found = full_load(launch)
    if found is None:
        return
    if found.uneven >= OFTEN:
        yield _uneven(launch, found)
    elif goal == LATENCY:
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


def _uneven(launch: Launch, found: Steady) -> Finding:
    method, better = argument(launch, _BALANCING), _by_load(launch)
    if better and method not in better:
        move = Move(parameter=_BALANCING, among=better, was=method, to=better[0])
        advice = (f"{told(move)}, so that requests go where there are fewest",)
    else:
        move = None
        advice = ("look at what shares out the requests, such as clients that name their rank",)
    return Finding(
        id="ranks-uneven",
        phase=Phase.SERVING,
        severity=Severity.WARNING,
        summary=f"{of_lines(found.uneven, found)} are of ranks for which no request waits, while many "
        f"wait for others of the {found.ranks}",
        evidence=evidence(shown(launch, Column.EMPTY_QUEUE), launch.busiest),
        numbers={**_numbers(found), "uneven_share": round(found.uneven, 3), "ranks": found.ranks},
        advice=advice,
        moves=() if move is None else (move,),
    )


def _by_load(launch: Launch) -> tuple[str, ...]:
    """The values of this version that send requests where there are few."""
    with suppress(SpacegenError, ValueError):
        known = schema("sglang", launch.version or _OLD).arguments[_BALANCING].choices or ()
        return tuple(value for value in _BY_LOAD if value in known)
    return ()


def _all(found: Steady) -> str:
    return f" over all {found.ranks} ranks" if found.ranks > 1 else ""


def _held(launch: Launch, found: Steady) -> int:
    """How many requests one rank holds when its cache is well filled."""
    room = WELL_FILLED * found.full if found.usage > 0 else found.running
    limit = slots(launch)
    return ceil(room if limit is None else min(room, limit))


def _empty(launch: Launch, found: Steady) -> Finding:
    lasting = found.share >= LASTING and found.busy >= BUSY
    flight = (_held(launch, found) + SHORT_QUEUE) * found.ranks
    few = "" if found.empty_queue >= OFTEN else f" and {found.queue:.1f} on average in all"
    seen = (
        f"no request waited in {of_lines(found.empty_queue, found)}{few}, with {found.running:.0f} running"
        f"{each_rank(found)} and a token usage of {found.usage:.2f}: "
    )
    faster = (
        f"submit requests faster, so that {SHORT_QUEUE} to {LONG_QUEUE} wait: with {flight} in flight at a "
        f"time{_all(found)} the cache is full and {SHORT_QUEUE} wait{each_rank(found)}"
    )
    advice = (
        faster,
        "for a service whose requests come when they come this is no fault: `--goal latency` says so",
    )
    return Finding(
        id="queue-empty",
        phase=Phase.SERVING,
        severity=Severity.WARNING if lasting else Severity.INFO,
        summary=seen
        + ("the client submits too slowly" if lasting else "the load varies, and never fills the server"),
        evidence=evidence(shown(launch, Column.EMPTY_QUEUE)),
        numbers={**_numbers(found), "in_flight": flight},
        advice=advice,
    )


def _long(launch: Launch, found: Steady) -> Finding:
    most = (round(found.running) + LONG_QUEUE) * found.ranks
    advice = f"keep at most {most} requests in flight at a time{_all(found)}: {found.running:.0f} run"
    return Finding(
        id="queue-long",
        phase=Phase.SERVING,
        severity=Severity.WARNING,
        summary=f"{found.queue:.0f} requests waited{each_rank(found)} on average ({span(found)}): "
        f"more than {LONG_QUEUE} cost the scheduler time",
        evidence=evidence(launch.busiest),
        numbers=_numbers(found),
        advice=(advice + each_rank(found),),
    )


def _waiting(launch: Launch, found: Steady) -> Finding:
    return Finding(
        id="requests-wait",
        phase=Phase.SERVING,
        severity=Severity.WARNING,
        summary=f"{found.queue:.0f} requests waited{each_rank(found)} on average while {found.running:.0f} "
        f"ran ({span(found)}): each waits about {found.waiting:.1f} times as long as it is served, where "
        f"{KEPT_WAITING} would be little",
        evidence=evidence(launch.busiest),
        numbers={**_numbers(found), "waiting_by_serving": round(found.waiting, 2)},
        advice=tuple(_fewer_at_a_time(launch, found)),
    )


def _fewer_at_a_time(launch: Launch, found: Steady) -> Iterable[str]:
    yield f"send fewer requests at a time, about {found.running * found.ranks:.0f}{_all(found)}"
    full = found.usage >= FULL or slots_taken(launch, found)
    # With room in the cache nobody can say how many more run where there is less to prefill.
    servers = ceil((found.queue + found.running) / found.running) if full else 0
    yield f"or share them out among {servers or 'more'} such servers"


def _short(launch: Launch, found: Steady) -> Finding:
    return Finding(
        id="queue-short",
        phase=Phase.SERVING,
        severity=Severity.INFO,
        summary=f"at full load ({span(found)}) {found.queue:.0f} requests waited{each_rank(found)} with a "
        f"token usage of {found.usage:.2f}: the cache is full, and stays so with {SHORT_QUEUE} to "
        f"{LONG_QUEUE}",
        evidence=evidence(launch.busiest),
        numbers=_numbers(found),
        advice=(f"submit requests a little faster, so that {SHORT_QUEUE} wait{each_rank(found)}",),
    )


def _good(launch: Launch, found: Steady) -> Finding:
    return Finding(
        id="load-good",
        phase=Phase.SERVING,
        severity=Severity.INFO,
        summary=f"at full load ({span(found)}) {found.queue:.0f} requests waited and {found.running:.0f} "
        f"ran{each_rank(found)} with a token usage of {found.usage:.2f}: {SHORT_QUEUE} to {LONG_QUEUE}, and "
        f"more than {FULL}, are good",
        evidence=evidence(launch.busiest),
        numbers=_numbers(found),
    )
