"""Ways out: arguments moved to the lighter or the richer side of a launch, with the numbers behind it.

Bounds hold whatever is sized by numbers of the log; `to`, the value to try first, comes from the guide where
the log has no number.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from spacegen.diagnose.advice.guide import LOWER_RATIOS, LOWER_SHARES, SMALLER_CHUNKS
from spacegen.diagnose.advice.said import Key, argument, gpu_gib, is_mini, key, number, whole
from spacegen.diagnose.finding import Move
from spacegen.diagnose.launch import Launch
from spacegen.diagnose.series import Column
from spacegen.language.expr import Scalar

__all__ = [
    "STEP",
    "fewer_running",
    "higher_share",
    "less_context",
    "lower_share",
    "more_of",
    "rather",
    "smaller_chunk",
    "smaller_graphs",
    "steps_down",
    "steps_up",
    "told",
]

# What sglang itself names when graphs do not fit.
_GRAPHS: Final = 16
STEP: Final = 0.01
"""The guide's step of `mem_fraction_static`."""
_HIGHEST: Final = 0.95


def steps_down(amount: float) -> float:
    """The largest multiple of a step that is at most this."""
    return round(math.floor(amount / STEP + 1e-6) * STEP, 2)


def steps_up(amount: float) -> float:
    """The smallest multiple of a step that is at least this."""
    return round(math.ceil(amount / STEP - 1e-6) * STEP, 2)


def lower_share(launch: Launch, short_gib: float | None) -> Move | None:
    """Less static memory, by at least the GiB that were missing where the log says how many.

    None where the share cannot go lower.
    """
    name, was, gpu = key(launch, Key.SHARE), number(launch, Key.SHARE), gpu_gib(launch)
    tries = LOWER_RATIOS if is_mini(launch) else LOWER_SHARES
    if was is None:
        return Move(parameter=name, at_most=tries[0], to=tries[0])
    if short_gib is not None and short_gib > 0 and gpu:
        least = max(steps_up(short_gib / gpu), STEP)
        at_most = round(was - least, 2)
        # One step more: the next allocation is no smaller.
        to = round(at_most - STEP, 2)
        because = f"{short_gib:.2f} GiB were missing, {STEP} is {STEP * gpu:.2f} GiB"
        return Move(parameter=name, at_most=at_most, was=was, to=to, because=because) if to > 0 else None
    at_most = round(was - STEP, 2)
    to = next((share for share in tries if share <= at_most), round(at_most * 0.9, 2))
    return Move(parameter=name, at_most=at_most, was=was, to=to) if to > 0 else None


def higher_share(launch: Launch, short_gib: float | None = None, least: float | None = None) -> Move | None:
    """More static memory: at least this share, or more by the GiB that were missing, where the log says so.

    None where nothing would be left for the rest.
    """
    name, was, gpu = key(launch, Key.SHARE), number(launch, Key.SHARE), gpu_gib(launch)
    if was is None:
        return None
    at_least, because = round(was + STEP, 2), ""
    if least is not None:
        at_least, because = max(steps_up(least), at_least), f"the weights alone take {least:.4g}"
    elif short_gib is not None and gpu:
        at_least = max(round(was + steps_up(short_gib / gpu), 2), at_least)
        because = f"{short_gib:.2f} GiB were missing, {STEP} is {STEP * gpu:.2f} GiB"
    if at_least > _HIGHEST:
        return None
    to = min(round(at_least + STEP, 2), _HIGHEST)
    return Move(parameter=name, at_least=at_least, was=was, to=to, because=because)


def smaller_chunk(launch: Launch) -> Move:
    """Chunks of 4096 or 2048 tokens, or half of what is smaller already."""
    name, was = key(launch, Key.CHUNK), number(launch, Key.CHUNK)
    if was is None or was <= 0:
        # Without chunks a whole prompt is one.
        return Move(parameter=name, at_most=SMALLER_CHUNKS[0], was=_whole(was), to=SMALLER_CHUNKS[0])
    to = next((size for size in SMALLER_CHUNKS if size < was), int(was) // 2)
    return Move(parameter=name, at_most=was - 1, was=_whole(was), to=to)


def fewer_running(launch: Launch) -> Move | None:
    """Fewer requests at a time than ran, or than may run; None where the log says neither."""
    name, may = key(launch, Key.RUNNING), number(launch, Key.RUNNING)
    most = max(launch.series.columns.get(Column.MOST_RUNNING, ()), default=0.0)
    # Under attention data parallelism the argument is shared out among its groups.
    groups = whole(launch, "dp_size") if argument(launch, "enable_dp_attention") else 1
    ran = most * (groups or 1)
    reached = ran if ran > 1 and (may is None or ran <= may) else may
    if reached is None or reached < 2:
        return None
    to = max(int(reached * 0.75) // 8 * 8, 1)
    because = f"it ran out with {int(ran)} running" if reached == ran else ""
    return Move(parameter=name, at_most=reached - 1, was=_whole(may), to=to, because=because)


def smaller_graphs(launch: Launch) -> Move | None:
    """Graphs for half the batch, and not below 16; None where there are none that could be smaller."""
    was = number(launch, Key.GRAPHS)
    if was is None or was <= 1:
        return None
    to = max(int(was) // 2, _GRAPHS) if was > _GRAPHS else int(was) // 2
    return Move(parameter=key(launch, Key.GRAPHS), at_most=was - 1, was=_whole(was), to=to)


def less_context(launch: Launch) -> Move | None:
    """A shorter context than this launch has."""
    was = number(launch, Key.CONTEXT)
    if was is None or was < 2:
        return None
    return Move(
        parameter=key(launch, Key.CONTEXT), at_most=was - 1, was=_whole(was), to=max(int(was) // 2, 1)
    )


def more_of(launch: Launch, name: str) -> Move | None:
    """Twice as many of something that is counted, such as ranks; None where the log does not say how many."""
    was = whole(launch, name)
    if was is None or was < 1:
        return None
    return Move(parameter=name, at_least=was + 1, was=was, to=was * 2)


def rather(launch: Launch, name: str, values: Sequence[Scalar], when: Iterable[Any]) -> Move | None:
    """One of these values, where the launch runs with one of `when`."""
    if name not in launch.arguments:
        return None
    was = launch.arguments[name]
    if not any(was is one or (was == one and type(was) is type(one)) for one in when):
        return None
    return Move(parameter=name, among=tuple(values), was=was, to=values[0])


def told(move: Move) -> str:
    """A move as a sentence."""
    because = f" ({move.because})" if move.because else ""
    if move.among is not None:
        return f"set `{move.parameter}` to `{_shown(move.to)}`{because}"
    verb = "lower" if move.at_most is not None and move.at_least is None else "raise"
    since = "" if move.was is None else f" from {_shown(move.was)}"
    return f"{verb} `{move.parameter}`{since} to {_shown(move.to)}{because}"


def _shown(value: Scalar) -> str:
    match value:
        case bool():
            return str(value).lower()
        case None:
            return "null"
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def _whole(value: float | None) -> Scalar:
    return int(value) if value is not None and float(value).is_integer() else value
