"""`schedule_conservativeness`: the value of a launch, and what to lower or raise it to.

For each running request the scheduler keeps a share of `max_new_tokens` free: 0.7 times the argument at
first, and 0.14 of that after a while without trouble. So at full load the room that stays free is in
proportion to the argument.
"""

from __future__ import annotations

from typing import Final

from spacegen.diagnose.advice.guide import (
    CONSERVATIVENESS,
    LEAST_CONSERVATIVE,
    MOST_CONSERVATIVE,
    UNFILLED_ROOM,
    WELL_FILLED,
)
from spacegen.diagnose.advice.said import argument
from spacegen.diagnose.advice.steady import Steady
from spacegen.diagnose.finding import Move
from spacegen.diagnose.launch import Launch, sensible

__all__ = ["NAME", "asked", "lowered", "raised"]

NAME: Final = "schedule_conservativeness"
_STEP: Final = 0.1


def asked(launch: Launch) -> float | None:
    """The value that was asked for, where the log says it."""
    said = sensible(argument(launch, NAME))
    return None if said is None else float(said)


def lowered(launch: Launch, found: Steady) -> Move | None:
    """A value at which as much room stays free as in a well-filled cache; None at the guide's lower limit.

    The step is the guide's at most, and smaller where less room is wasted: any further, and requests are
    retracted.
    """
    was = asked(launch)
    value = CONSERVATIVENESS if was is None else was
    if value <= LEAST_CONSERVATIVE:
        return None
    free = 1 - found.usage
    missing = max(WELL_FILLED - found.usage, 0.0)
    step = (CONSERVATIVENESS - LEAST_CONSERVATIVE) * min(missing / UNFILLED_ROOM, 1.0)
    wanted = round(max(value * (1 - WELL_FILLED) / free, value - step), 1)
    at_most = max(round(value - _STEP, 2), LEAST_CONSERVATIVE)
    because = f"{free:.2f} of the cache stays free, where {1 - WELL_FILLED:.2f} would do"
    to = min(max(wanted, LEAST_CONSERVATIVE), at_most)
    return Move(parameter=NAME, at_most=at_most, was=was, to=to, because=because)


def raised(launch: Launch) -> Move | None:
    """A value higher by the guide's step, up to the guide's limit; None where it is there already."""
    was = asked(launch)
    value = CONSERVATIVENESS if was is None else was
    if value >= MOST_CONSERVATIVE:
        return None
    to = min(round(value + MOST_CONSERVATIVE - CONSERVATIVENESS, 2), MOST_CONSERVATIVE)
    return Move(parameter=NAME, at_least=min(round(value + _STEP, 2), to), was=was, to=to)
