"""What rules about serving share: whether a log is of the guide's kind of serving, and limits of a rank."""

from __future__ import annotations

from typing import Final

from spacegen.diagnose.advice.guide import OFTEN, WELL_FILLED
from spacegen.diagnose.advice.said import Key, argument, attention_groups, number
from spacegen.diagnose.advice.steady import Steady, steady
from spacegen.diagnose.launch import Fact, Launch, Line
from spacegen.diagnose.series import Column
from spacegen.questions.summary import percent

__all__ = [
    "attention_groups",
    "each_rank",
    "evidence",
    "full_load",
    "of_lines",
    "per_cent",
    "shown",
    "slots",
    "slots_taken",
    "span",
]

_MINUTE: Final = 60.0
_SLOTS: Final = 8
"""Of fewer slots, one is a large share."""


def full_load(launch: Launch) -> Steady | None:
    """The steady state of a server that takes requests itself, and does all that they need."""
    # With prefill and decoding in servers of their own, requests wait elsewhere, and not for this one.
    if argument(launch, "disaggregation_mode") not in (None, "null"):
        return None
    return steady(launch)


def slots(launch: Launch) -> float | None:
    """The most requests that may run in one data-parallel rank; None where the log does not say."""
    told = launch.figure(Fact.MOST_RUNNING)
    if told is not None:
        return told
    given = number(launch, Key.RUNNING)
    return None if given is None else given // attention_groups(launch)


def slots_taken(launch: Launch, found: Steady) -> bool:
    """Whether nearly as many requests run as may."""
    limit = slots(launch)
    if limit is None:
        return False
    # A request whose prompt takes several chunks has a slot, and does not run yet.
    chunking = limit - 1 if limit >= _SLOTS else limit
    return found.running >= min(WELL_FILLED * limit, chunking)


def evidence(*lines: Line | None) -> tuple[Line, ...]:
    """The lines that there are, each once."""
    return tuple(dict.fromkeys(line for line in lines if line is not None))


def shown(launch: Launch, column: Column) -> Line | None:
    """A line that shows what a column counts; else that of the largest batch."""
    return launch.examples.get(column, launch.busiest)


def per_cent(share: float) -> str:
    return percent(share, digits=0)


def of_lines(share: float, found: Steady) -> str:
    """How much of the lines at full load, in words, and for how long that was."""
    return f"{per_cent(share)} of the lines at full load ({span(found)}; {per_cent(OFTEN)} is often)"


def each_rank(found: Steady) -> str:
    """What numbers are of, where there are several data-parallel ranks."""
    return " in each rank" if found.ranks > 1 else ""


def span(found: Steady) -> str:
    """For how long the load was full, in words."""
    amount = f"{found.seconds:.0f} s" if found.seconds < 2 * _MINUTE else f"{found.seconds / _MINUTE:.0f} min"
    return amount if found.timed else f"about {amount}"
