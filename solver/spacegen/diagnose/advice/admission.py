"""How many requests the scheduler takes in: too few while others wait, or so many that some go back.

The scheduler keeps a share of `max_new_tokens` free for each running request: 0.7 times
`schedule_conservativeness` at first, and 0.14 of that after a while without trouble, so that at full load the
room it leaves free is in proportion to the argument.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import Final

from spacegen.diagnose.advice.guide import (
    CLIPPED_NEW_TOKENS,
    CONSERVATIVENESS,
    FREQUENT_RETRACTIONS,
    FULL,
    LEAST_CONSERVATIVE,
    MOST_CONSERVATIVE,
    OFTEN,
    WELL_FILLED,
)
from spacegen.diagnose.advice.rule import LATENCY
from spacegen.diagnose.advice.said import Key, argument, key, number
from spacegen.diagnose.advice.serving import (
    attention_groups,
    each_rank,
    evidence,
    full_load,
    of_lines,
    shown,
    slots,
    span,
)
from spacegen.diagnose.advice.steady import Steady
from spacegen.diagnose.advice.ways import told
from spacegen.diagnose.finding import Finding, Move, Severity
from spacegen.diagnose.launch import Launch, Phase
from spacegen.diagnose.series import Column

__all__ = ["admission"]

_NAME: Final = "schedule_conservativeness"
_STEP: Final = 0.1
_STRIDE: Final = 0.3
"""From the default to the guide's 1.3."""
_SOME: Final = 3
"""Fewer retractions are no frequency."""
_BATCH: Final = 8
_SHARED_OUT: Final = 0.3
"""What attention data parallelism multiplies the argument by before it is logged."""
_HONEST: Final = (
    "have clients ask for a `max_new_tokens` near what they get: room is kept for what they ask, and large "
    "ones with an early EOS or stop string leave it unused"
)


def admission(launch: Launch, goal: str) -> Iterable[Finding]:
    """Too few requests taken in, too many, or both in turn; nothing where the log is too short to tell."""
    found = full_load(launch)
    if found is None:
        yield from _counted(launch)
        return
    retracts = found.retractions >= _SOME and found.per_minute > FREQUENT_RETRACTIONS
    timid = _timid(found)
    if timid and _slots_taken(launch, found):
        yield _few_slots(launch, found, goal)
        timid = False
    if timid and retracts:
        yield _swings(launch, found)
    elif timid:
        yield _conservative(launch, found)
    elif retracts:
        yield _bold(launch, found)
    elif found.retractions:
        yield _now_and_then(launch, found)
    else:
        yield from _counted(launch)


def _timid(found: Steady) -> bool:
    """Whether room stays free while requests wait, and more of it than one more request would take."""
    free = 1 - found.usage
    return found.unfilled >= OFTEN and found.usage < FULL and free * (found.running + 1) > 1


def _slots_taken(launch: Launch, found: Steady) -> bool:
    limit = slots(launch)
    return limit is not None and found.running >= WELL_FILLED * limit


def _numbers(found: Steady) -> dict[str, float]:
    return {
        "token_usage": round(found.usage, 3),
        "unfilled_share": round(found.unfilled, 3),
        "running": round(found.running, 1),
        "queue": round(found.queue, 1),
        "retractions": found.retractions,
        "retractions_per_minute": round(found.per_minute, 2),
        "seconds": round(found.seconds, 1),
    }


def _seen(found: Steady) -> str:
    return (
        f"{of_lines(found.unfilled, found)} have requests waiting and a token usage below {FULL}, "
        f"{found.usage:.2f} on average"
    )


def _asked(launch: Launch) -> float | None:
    """The value that was asked for, where the log says it: it tells what the server made of it."""
    said = argument(launch, _NAME)
    if not isinstance(said, int | float) or isinstance(said, bool):
        return None
    return round(said / _SHARED_OUT, 2) if attention_groups(launch) > 1 else float(said)


def _lowered(launch: Launch, found: Steady) -> Move | None:
    """Such that the room that stays free shrinks to what it is in a well-filled cache."""
    was = _asked(launch)
    value = CONSERVATIVENESS if was is None else was
    if value <= LEAST_CONSERVATIVE:
        return None
    free = 1 - found.usage
    wanted = round(value * (1 - WELL_FILLED) / free, 1)
    at_most = max(round(value - _STEP, 2), LEAST_CONSERVATIVE)
    because = f"{free:.2f} of the cache stays free, where {1 - WELL_FILLED:.2f} would do"
    to = min(max(wanted, LEAST_CONSERVATIVE), at_most)
    return Move(parameter=_NAME, at_most=at_most, was=was, to=to, because=because)


def _raised(launch: Launch) -> Move | None:
    was = _asked(launch)
    value = CONSERVATIVENESS if was is None else was
    if value >= MOST_CONSERVATIVE:
        return None
    to = min(round(value + _STRIDE, 2), MOST_CONSERVATIVE)
    return Move(parameter=_NAME, at_least=min(round(value + _STEP, 2), to), was=was, to=to)


def _conservative(launch: Launch, found: Steady) -> Finding:
    move = _lowered(launch, found)
    if move is None:
        first = (
            f"`{_NAME}` is {_asked(launch):g} already; with SGLANG_CLIP_MAX_NEW_TOKENS_ESTIMATION below "
            f"{CLIPPED_NEW_TOKENS} in its environment the server keeps less room for each request"
        )
    else:
        first = told(move)
    return Finding(
        id="too-conservative",
        phase=Phase.SERVING,
        severity=Severity.WARNING,
        summary=f"{_seen(found)}: the server is too conservative about taking in requests",
        evidence=evidence(shown(launch, Column.UNFILLED)),
        numbers=_numbers(found),
        advice=(first, _HONEST),
        moves=() if move is None else (move,),
    )


def _few_slots(launch: Launch, found: Steady, goal: str) -> Finding:
    limit = int(slots(launch) or 0)
    groups = attention_groups(launch)
    fit = WELL_FILLED * found.full
    to = ceil(fit / _BATCH) * _BATCH * groups
    move = Move(
        parameter=key(launch, Key.RUNNING),
        at_least=limit * groups + 1,
        was=limit * groups,
        to=max(to, limit * groups + 1),
        because=f"{fit:.0f} would fill the KV cache to {WELL_FILLED} as these requests do",
    )
    graphs = number(launch, Key.GRAPHS)
    beyond = (
        (f"batches beyond {graphs:.0f} need larger graphs: raise `{Key.GRAPHS}` with it",)
        if graphs is not None and fit > graphs
        else ()
    )
    return Finding(
        id="too-few-slots",
        phase=Phase.SERVING,
        # Fewer requests at a time are each served faster: for latency that may be meant.
        severity=Severity.INFO if goal == LATENCY else Severity.WARNING,
        summary=f"{_seen(found)}, because {found.running:.0f} run{each_rank(found)} of the {limit} that may",
        evidence=evidence(shown(launch, Column.UNFILLED)),
        numbers={**_numbers(found), "slots": limit, "fitting": round(fit)},
        advice=(told(move), *beyond),
        moves=(move,),
    )


def _often(found: Steady) -> str:
    return (
        f"{found.retractions:.0f} retractions in {span(found)} at full load, {found.per_minute:.1f} a minute"
        f"{each_rank(found)}, where up to {FREQUENT_RETRACTIONS} are fine"
    )


def _bold(launch: Launch, found: Steady) -> Finding:
    move = _raised(launch) or _fewer(launch, found)
    at_limit = _raised(launch) is None
    other = "or give the KV cache more memory" if at_limit else _HONEST.split(":")[0]
    return Finding(
        id="retracts-often",
        phase=Phase.SERVING,
        severity=Severity.WARNING,
        summary=f"{_often(found)}: requests are taken in that have to be taken back, and their work is lost",
        evidence=evidence(launch.retraction, launch.busiest),
        numbers=_numbers(found),
        advice=(told(move), other),
        moves=(move,),
    )


def _fewer(launch: Launch, found: Steady) -> Move:
    groups = attention_groups(launch)
    most = int(found.most_running) * groups
    to = max(int(FULL * found.full * groups) // _BATCH * _BATCH, 1)
    because = f"`{_NAME}` is {_asked(launch):g} already, and {most} ran at most"
    was = number(launch, Key.RUNNING)
    return Move(
        parameter=key(launch, Key.RUNNING),
        at_most=max(most - 1, 1),
        was=None if was is None else int(was),
        to=min(to, max(most - 1, 1)),
        because=because,
    )


def _swings(launch: Launch, found: Steady) -> Finding:
    fit = int(FULL * found.full) * attention_groups(launch)
    return Finding(
        id="admission-swings",
        phase=Phase.SERVING,
        severity=Severity.WARNING,
        summary=f"{_seen(found)}, yet there are {_often(found)}: requests are taken back, and for a while "
        "after it too few are taken in",
        evidence=evidence(launch.retraction, shown(launch, Column.UNFILLED)),
        numbers={**_numbers(found), "fitting": fit},
        advice=(
            f"leave `{_NAME}` as it is: lower would retract more, and higher would leave more room unused",
            _HONEST,
            f"or hold it with `{key(launch, Key.RUNNING)}` near {fit}: so many fit with a usage of {FULL}",
        ),
    )


def _now_and_then(launch: Launch, found: Steady) -> Finding:
    if found.per_minute > FREQUENT_RETRACTIONS:
        return _of_unknown_frequency(launch, found.retractions)
    return _occasional(launch, _often(found), _numbers(found))


def _counted(launch: Launch) -> Iterable[Finding]:
    """Retractions in lines that somebody chose."""
    count = sum(launch.series.columns.get(Column.RETRACTIONS, ()))
    if count and not launch.series.timed and launch.ready is None:
        yield _of_unknown_frequency(launch, count)


def _of_unknown_frequency(launch: Launch, count: float) -> Finding:
    times = "once" if count == 1 else f"{count:.0f} times"
    return _occasional(
        launch,
        f"requests were taken back {times}; nothing here says how often that is: once a minute is fine",
        {"retractions": count},
    )


def _occasional(launch: Launch, summary: str, numbers: dict[str, float]) -> Finding:
    return Finding(
        id="retracts-sometimes",
        phase=Phase.SERVING,
        severity=Severity.INFO,
        summary=summary,
        evidence=evidence(launch.retraction),
        numbers=numbers,
        advice=(f"where it is more than about one a minute, raise `{_NAME}` towards {MOST_CONSERVATIVE}",),
    )
