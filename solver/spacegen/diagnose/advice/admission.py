"""How many requests the scheduler admits: too few while others wait, or so many that it retracts some."""

from __future__ import annotations

from collections.abc import Iterable

from spacegen.diagnose.advice.caution import NAME, asked, lowered, raised
from spacegen.diagnose.advice.graph_sizes import covering
from spacegen.diagnose.advice.guide import (
    CLIPPED_NEW_TOKENS,
    FREQUENT_RETRACTIONS,
    FULL,
    FULL_CHUNK,
    MANY_PREFILLS,
    SOME_RETRACTIONS,
    WELL_FILLED,
)
from spacegen.diagnose.advice.rule import Aim
from spacegen.diagnose.advice.said import Key, argument, attention_groups, chunk_of_a_rank, key, number
from spacegen.diagnose.advice.serving import (
    amount,
    each_rank,
    evidence,
    full_load,
    of_lines,
    shown,
    slots,
    span,
)
from spacegen.diagnose.advice.slots import capped, more_slots, timid
from spacegen.diagnose.advice.steady import Steady
from spacegen.diagnose.advice.takenback import (
    ASK_FOR_LESS,
    counted,
    frequent,
    occasional,
    of_unknown_frequency,
    rate,
)
from spacegen.diagnose.advice.ways import in_batches
from spacegen.diagnose.finding import Finding, Move, Severity, Step
from spacegen.diagnose.launch import Launch, Phase, sensible
from spacegen.diagnose.series import Column

__all__ = ["admission"]


def admission(launch: Launch, goal: Aim) -> Iterable[Finding]:
    """Too few requests admitted, too many, or both in turn; nothing where the log is too short to tell."""
    found = full_load(launch)
    if found is None:
        yield from counted(launch)
        return
    retracts = found.retractions >= SOME_RETRACTIONS and found.per_minute > FREQUENT_RETRACTIONS
    waits = timid(found, goal)
    if (more := more_slots(launch, found, goal)) is not None:
        yield _few_slots(launch, found, goal, more)
        waits = False
    elif waits and (chunk := _full_chunk(launch, found)) is not None:
        yield _prefill_bound(launch, found, chunk)
        waits = False
    if waits and retracts:
        yield _swings(launch, found)
    elif waits:
        yield _conservative(launch, found)
    elif retracts:
        yield _bold(launch, found)
    elif found.retractions:
        yield _now_and_then(launch, found)
    else:
        yield from counted(launch)


def _full_chunk(launch: Launch, found: Steady) -> float | None:
    """The tokens that fit into a prefill, where prefills take the time and nearly all are full; else None."""
    size = chunk_of_a_rank(launch)
    most = size if size is not None and size > 0 else sensible(argument(launch, "max_prefill_tokens"))
    if not most or found.prefills < MANY_PREFILLS or found.prefilled < FULL_CHUNK * most:
        return None
    return most


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
        f"{of_lines(found.unfilled, found)} have requests waiting at a token usage below {FULL} "
        f"({found.usage:.2f} on average)"
    )


def _conservative(launch: Launch, found: Steady) -> Finding:
    move = lowered(launch, found)
    if move is None:
        first: Move | str = (
            f"`{NAME}` is already {asked(launch):g}: set `SGLANG_CLIP_MAX_NEW_TOKENS_ESTIMATION` below "
            f"{CLIPPED_NEW_TOKENS} in the server's environment, so that it keeps less room for each request"
        )
    else:
        first = move
    return Finding(
        id="too-conservative",
        phase=Phase.SERVING,
        severity=Severity.WARNING,
        summary=f"{_seen(found)}: the server is too conservative about admitting requests",
        evidence=evidence(shown(launch, Column.UNFILLED)),
        numbers=_numbers(found),
        actions=(first, ASK_FOR_LESS),
        moves=() if move is None else (move,),
    )


def _prefill_bound(launch: Launch, found: Steady, chunk: float) -> Finding:
    return Finding(
        id="prefill-bound",
        phase=Phase.SERVING,
        severity=Severity.INFO,
        summary=f"{_seen(found)}, because prefills take the time: {amount(found.prefills)} for each decode "
        f"line, of {found.prefilled:.0f} tokens each (at most {chunk:.0f})",
        evidence=evidence(shown(launch, Column.UNFILLED)),
        numbers={**_numbers(found), "prefills_per_line": round(found.prefills, 1), "chunk": chunk},
        actions=(
            f"leave `{NAME}` as it is: requests wait for prefills, not for room in the KV cache",
            f"raise `{key(launch, Key.CHUNK)}` if it is small, else use more GPUs",
        ),
    )


def _few_slots(launch: Launch, found: Steady, goal: Aim, to: int) -> Finding:
    limit = int(slots(launch) or 0)
    groups = attention_groups(launch)
    fit, within = WELL_FILLED * found.full, capped(launch, limit)
    move = Move(
        parameter=key(launch, Key.RUNNING),
        at_least=(limit + 1) * groups,
        was=limit * groups,
        to=to * groups,
        because=f"at this size per request, {amount(fit)} would fill {WELL_FILLED} of the KV cache",
    )
    graphs = covering(launch, to, goal)
    beyond = () if graphs is None else (_larger_too(graphs),)
    return Finding(
        id="too-few-slots",
        phase=Phase.SERVING,
        # Fewer requests at a time are each served faster: for latency that may be meant.
        severity=Severity.INFO if goal == Aim.LATENCY else Severity.WARNING,
        summary=f"{_seen(found)}, because {amount(found.running)} run at a time{each_rank(found)} and at "
        f"most {limit} may",
        evidence=evidence(shown(launch, Column.UNFILLED)),
        numbers={**_numbers(found), "slots": limit, "fitting": round(fit, 1)},
        actions=within or (move, *beyond),
        moves=() if within else (move,),
        also=() if within or graphs is None else (graphs,),
    )


def _larger_too(graphs: Move) -> Step:
    return Step(about=graphs, sentence=f"larger batches need larger graphs, so also {graphs.sentence}")


def _often(found: Steady) -> str:
    return rate(found.retractions, f"{span(found)} at full load", found.per_minute, found)


def _bold(launch: Launch, found: Steady) -> Finding:
    higher = raised(launch)
    fewer = None if higher else _fewer(launch, found)
    return frequent(launch, _often(found), _numbers(found), higher, fewer)


def _fewer(launch: Launch, found: Steady) -> Move | None:
    """As many requests as fit, and fewer than ran; None where no more than one did in each group."""
    groups = attention_groups(launch)
    most = int(found.most_running)
    if most < 2:
        return None
    was = number(launch, Key.RUNNING)
    return Move(
        parameter=key(launch, Key.RUNNING),
        at_most=most * groups - 1,
        was=None if was is None else int(was),
        to=min(in_batches(FULL * found.full), most - 1) * groups,
        because=f"`{NAME}` is already {asked(launch):g}, and up to {most * groups} ran",
    )


def _swings(launch: Launch, found: Steady) -> Finding:
    fit = in_batches(FULL * found.full) * attention_groups(launch)
    return Finding(
        id="admission-swings",
        phase=Phase.SERVING,
        severity=Severity.WARNING,
        summary=f"{_seen(found)}, yet there are {_often(found)}: after each retraction too few requests are "
        "admitted for a while",
        evidence=evidence(launch.retraction, shown(launch, Column.UNFILLED)),
        numbers={**_numbers(found), "fitting": fit},
        actions=(
            f"leave `{NAME}` as it is: lower would retract more, and higher would leave more room unused",
            ASK_FOR_LESS,
            f"or cap it: `{key(launch, Key.RUNNING)}` near {fit} gives a usage of about {FULL}",
        ),
    )


def _now_and_then(launch: Launch, found: Steady) -> Finding:
    if found.per_minute > FREQUENT_RETRACTIONS:
        return of_unknown_frequency(launch, found.retractions)
    return occasional(launch, _often(found), _numbers(found))
