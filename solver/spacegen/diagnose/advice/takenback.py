"""Retractions: requests that the scheduler admitted and then sent back to the queue."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from spacegen.diagnose.advice.caution import NAME, raised
from spacegen.diagnose.advice.guide import (
    FREQUENT_RETRACTIONS,
    LEAST_SECONDS,
    MOST_CONSERVATIVE,
    SOME_RETRACTIONS,
)
from spacegen.diagnose.advice.serving import amount, duration, each_rank, evidence
from spacegen.diagnose.advice.steady import Steady
from spacegen.diagnose.finding import Action, Finding, Move, Severity
from spacegen.diagnose.launch import Launch, Phase
from spacegen.diagnose.series import Column, Series
from spacegen.errors import how_many

__all__ = ["ASK_FOR_LESS", "counted", "frequent", "occasional", "of_unknown_frequency", "rate"]

_ASK: Final = "have clients set `max_new_tokens` close to what they really generate"
ASK_FOR_LESS: Final = (
    f"{_ASK}: the server keeps room for all of it, and answers that end early, at an EOS or stop string, "
    "leave that room unused"
)
_MORE_MEMORY: Final = "give the KV cache more memory"


def counted(launch: Launch) -> Iterable[Finding]:
    """Retractions in lines that somebody chose, and of servers that log warnings alone."""
    series = launch.series
    count = sum(series.columns.get(Column.RETRACTIONS, ()))
    if not count:
        return
    if not series.timed:
        if launch.ready is None:
            yield of_unknown_frequency(launch, count)
    elif not any(series.columns.get(Column.DECODES, ())) and count >= SOME_RETRACTIONS:
        places = np.flatnonzero(series.column(Column.RETRACTIONS))
        seconds = float(places[-1] - places[0]) * series.width
        if seconds >= LEAST_SECONDS:
            yield _alone(launch, count, seconds)


def _alone(launch: Launch, count: float, seconds: float) -> Finding:
    """Retractions from the first to the last, where the server was told to log no batches."""
    often = (count - 1) / seconds * 60 / launch.series.ranks
    summary = rate(count, duration(seconds), often, launch.series)
    numbers = {
        "retractions": count,
        "retractions_per_minute": round(often, 2),
        "seconds": round(seconds, 1),
    }
    if often <= FREQUENT_RETRACTIONS:
        return occasional(launch, summary, numbers)
    return frequent(launch, summary, numbers, raised(launch), None)


def rate(count: float, during: str, often: float, ranks: Steady | Series) -> str:
    """How many retractions there were, and how many a minute that is, as the beginning of a sentence."""
    return (
        f"{how_many(round(count), 'retraction')} in {during}, {amount(often)} a minute{each_rank(ranks)} "
        f"(up to {FREQUENT_RETRACTIONS} is fine)"
    )


def frequent(
    launch: Launch, summary: str, numbers: dict[str, float], higher: Move | None, fewer: Move | None
) -> Finding:
    """More retractions than are good; `fewer` requests are the way out where nothing is to be `higher`."""
    move = higher or fewer
    if move is None:
        actions: tuple[Action, ...] = (_MORE_MEMORY,)
    else:
        actions = (move, _ASK if higher else f"or {_MORE_MEMORY}")
    return Finding(
        id="retracts-often",
        phase=Phase.SERVING,
        severity=Severity.WARNING,
        summary=f"{summary}: requests are admitted and then retracted, and their work is lost",
        evidence=evidence(launch.retraction, launch.busiest),
        numbers=numbers,
        actions=actions,
        moves=() if move is None else (move,),
    )


def of_unknown_frequency(launch: Launch, count: float) -> Finding:
    times = "once" if count == 1 else f"{count:.0f} times"
    unknown = "that is too few for a rate" if launch.series.timed else "the log does not tell the rate"
    return occasional(
        launch,
        f"requests were retracted {times}; {unknown} (about once a minute is fine)",
        {"retractions": count},
        f"if it is more than about once a minute, raise `{NAME}` towards {MOST_CONSERVATIVE}",
    )


def occasional(launch: Launch, summary: str, numbers: dict[str, float], *advice: str) -> Finding:
    """Retractions that are no reason to change anything."""
    return Finding(
        id="retracts-sometimes",
        phase=Phase.SERVING,
        severity=Severity.INFO,
        summary=summary,
        evidence=evidence(launch.retraction),
        numbers=numbers,
        actions=advice,
    )
