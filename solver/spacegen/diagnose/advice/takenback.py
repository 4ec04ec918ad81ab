"""Requests that the scheduler took back, where nothing tells of the load that was on the server then."""

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
from spacegen.diagnose.advice.serving import evidence
from spacegen.diagnose.advice.ways import told
from spacegen.diagnose.finding import Finding, Severity
from spacegen.diagnose.launch import Launch, Phase
from spacegen.diagnose.series import Column

__all__ = ["HONEST", "counted", "occasional", "of_unknown_frequency"]

_MINUTE: Final = 60.0
HONEST: Final = (
    "have clients ask for a `max_new_tokens` near what they get: room is kept for what they ask, and large "
    "ones with an early EOS or stop string leave it unused"
)


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
    often = (count - 1) / seconds * _MINUTE / launch.series.ranks
    ranks = " in each rank" if launch.series.ranks > 1 else ""
    said = f"{count:.0f} retractions in {seconds / _MINUTE:.0f} min, {often:.1f} a minute{ranks}"
    numbers = {
        "retractions": count,
        "retractions_per_minute": round(often, 2),
        "seconds": round(seconds, 1),
    }
    move = raised(launch)
    if often <= FREQUENT_RETRACTIONS:
        return occasional(launch, f"{said}: up to {FREQUENT_RETRACTIONS} are fine", numbers)
    return Finding(
        id="retracts-often",
        phase=Phase.SERVING,
        severity=Severity.WARNING,
        summary=f"{said}, where up to {FREQUENT_RETRACTIONS} are fine: requests are taken in that have to be "
        "taken back, and their work is lost",
        evidence=evidence(launch.retraction),
        numbers=numbers,
        advice=(told(move) if move else "give the KV cache more memory", HONEST.split(":")[0]),
        moves=() if move is None else (move,),
    )


def of_unknown_frequency(launch: Launch, count: float) -> Finding:
    times = "once" if count == 1 else f"{count:.0f} times"
    return occasional(
        launch,
        f"requests were taken back {times}; nothing here says how often that is: once a minute is fine",
        {"retractions": count},
        f"where it is more than about one a minute, raise `{NAME}` towards {MOST_CONSERVATIVE}",
    )


def occasional(launch: Launch, summary: str, numbers: dict[str, float], *advice: str) -> Finding:
    return Finding(
        id="retracts-sometimes",
        phase=Phase.SERVING,
        severity=Severity.INFO,
        summary=summary,
        evidence=evidence(launch.retraction),
        numbers=numbers,
        advice=advice,
    )
