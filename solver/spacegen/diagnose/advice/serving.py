"""What rules about serving share: the steady state that the guide is about, limits of a rank, and wording."""

from __future__ import annotations

from typing import Final

from spacegen.diagnose.advice.guide import OFTEN, WELL_FILLED
from spacegen.diagnose.advice.said import Key, argument, attention_groups, number
from spacegen.diagnose.advice.steady import Steady, steady
from spacegen.diagnose.launch import Fact, Launch, Line
from spacegen.diagnose.series import Column, Series
from spacegen.questions.summary import percent

__all__ = [
    "amount",
    "duration",
    "each_rank",
    "evidence",
    "full_load",
    "half_of",
    "of_lines",
    "per_cent",
    "shown",
    "slots",
    "slots_taken",
    "span",
]

_UNITS: Final = ((86400.0, "days"), (3600.0, "h"))
_MINUTE: Final = 60.0
_FEW: Final = 10
_SLOTS: Final = 8
"""Of fewer slots, one is a large share."""


def full_load(launch: Launch) -> Steady | None:
    """The steady state of a server that does both prefill and decoding; None for others."""
    # With a server for prefill and one for decoding, requests wait elsewhere.
    return None if half_of(launch) is not None else steady(launch)


def half_of(launch: Launch) -> str | None:
    """`prefill` or `decode` where the server does that alone."""
    mode = argument(launch, "disaggregation_mode")
    return None if mode in (None, "null") else str(mode)


def slots(launch: Launch) -> float | None:
    """The most requests that may run in one data-parallel rank; None where the log does not say."""
    told = launch.figure(Fact.MOST_RUNNING)
    if told is not None:
        return told
    given = number(launch, Key.RUNNING)
    return None if given is None or given < 1 else max(given // attention_groups(launch), 1)


def slots_taken(launch: Launch, found: Steady) -> bool:
    """Whether nearly as many requests run as may."""
    limit = slots(launch)
    if limit is None:
        return False
    # A request whose prompt takes several chunks has a slot, and does not run yet.
    chunking = limit - 1 if limit >= _SLOTS else limit
    return found.running >= min(WELL_FILLED * limit, chunking)


def evidence(*lines: Line | None) -> tuple[Line, ...]:
    """Those that are lines, each once."""
    return tuple(dict.fromkeys(line for line in lines if line is not None))


def shown(launch: Launch, column: Column) -> Line | None:
    """A line that shows what a column counts; else that of the largest batch."""
    return launch.examples.get(column, launch.busiest)


def per_cent(share: float) -> str:
    return percent(share, digits=0)


def amount(number: float) -> str:
    """An average number of things, in words: a few of them are not rounded to whole ones."""
    return f"{number:.2g}" if number < _FEW else f"{number:.0f}"


def of_lines(share: float, found: Steady) -> str:
    """How much of the lines at full load, in words, and for how long that was."""
    often = per_cent(OFTEN)
    return f"{per_cent(share)} of the decode lines at full load ({span(found)}; the threshold is {often})"


def each_rank(found: Steady | Series) -> str:
    """A reminder that numbers are of one rank, where there are several data-parallel ranks."""
    return " in each rank" if found.ranks > 1 else ""


def span(found: Steady) -> str:
    """For how long the load was full, in words."""
    return duration(found.seconds) if found.timed else f"about {duration(found.seconds)}"


def duration(seconds: float) -> str:
    """A time in the largest unit of which it has two."""
    for unit, name in _UNITS:
        if seconds >= 2 * unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:.0f} s" if seconds < 2 * _MINUTE else f"{seconds / _MINUTE:.0f} min"
