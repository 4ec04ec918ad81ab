"""Ways out: arguments moved so that a launch needs less memory or offers more, with the numbers behind it.

Bounds hold whatever is sized by numbers of the log; `to`, the value to try first, comes from the guide where
the log has no number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from spacegen.diagnose.advice.guide import HIGHEST_SHARE, LOWER_RATIOS, LOWER_SHARES, SMALLER_CHUNKS
from spacegen.diagnose.advice.said import (
    Key,
    argument,
    attention_groups,
    gpu_gib,
    is_mini,
    key,
    number,
    ran,
    whole,
)
from spacegen.diagnose.finding import Move
from spacegen.diagnose.launch import Fact, Launch, sensible
from spacegen.diagnose.series import Column
from spacegen.language.expr import Scalar

__all__ = [
    "FINEST",
    "STEP",
    "any_higher_share",
    "any_lower_share",
    "few",
    "fewer_running",
    "higher_share",
    "in_batches",
    "larger_cap",
    "less_context",
    "lower_share",
    "more_of",
    "rather",
    "smaller_chunk",
    "smaller_graphs",
    "steps_down",
    "steps_up",
    "unlike",
]

# What sglang itself names when graphs do not fit.
_GRAPHS: Final = 16
# Ours: with fewer running it is not their number that memory is short of.
_FEW: Final = 16
# Ours: so many are as good in the steps that servers capture graphs in; of fewer, each counts.
_MANY: Final = 64
_BATCH: Final = 8
STEP: Final = 0.01
"""The guide's step of `mem_fraction_static`."""
FINEST: Final = 0.001
"""The smallest difference between two shares: servers choose them in thousandths."""


def steps_down(amount: float) -> float:
    """The largest multiple of a step that is at most this."""
    return round(math.floor(amount / STEP + 1e-6) * STEP, 2)


def steps_up(amount: float) -> float:
    """The smallest multiple of a step that is at least this."""
    return round(math.ceil(amount / STEP - 1e-6) * STEP, 2)


def lower_share(launch: Launch, short_gib: float | None) -> Move | None:
    """A lower static share, by at least what was missing if the log says how much that was.

    The bound is what is known to fail; `to` goes a step further. None where the share cannot go lower.
    """
    name, was, gpu = key(launch, Key.SHARE), number(launch, Key.SHARE), gpu_gib(launch)
    tries = LOWER_RATIOS if is_mini(launch) else LOWER_SHARES
    if was is None:
        return Move(parameter=name, at_most=tries[0], to=tries[0])
    if short_gib is not None and short_gib > 0 and gpu:
        # One step more: the next allocation is no smaller.
        to = round(was - max(steps_up(short_gib / gpu), STEP) - STEP, 2)
        at_most = min(_finest(was - short_gib / gpu, math.ceil), round(was - FINEST, 3))
        because = f"{short_gib:.2f} GB were missing, {STEP} is {STEP * gpu:.2f} GB"
        return Move(parameter=name, at_most=at_most, was=was, to=to, because=because) if to > 0 else None
    next_step = round(was - STEP, 2)
    to = next((share for share in tries if share <= next_step), round(next_step * 0.9, 2))
    return Move(parameter=name, at_most=round(was - FINEST, 3), was=was, to=to) if to > 0 else None


def higher_share(launch: Launch, short_gib: float | None = None, least: float | None = None) -> Move | None:
    """A higher static share: at least `least`, or higher by what was missing if the log says how much.

    None where nothing would be left for the rest.
    """
    name, was, gpu = key(launch, Key.SHARE), number(launch, Key.SHARE), gpu_gib(launch)
    if was is None:
        return None
    at_least, because = round(was + FINEST, 3), ""
    if least is not None:
        at_least, because = max(_finest(least, math.floor), at_least), f"the weights alone take {least:.4g}"
    elif short_gib is not None and gpu:
        at_least = max(_finest(was + short_gib / gpu, math.floor), at_least)
        because = f"{short_gib:.2f} GB were missing, {STEP} is {STEP * gpu:.2f} GB"
    to = max(steps_up(at_least), round(was + STEP, 2))
    if to > HIGHEST_SHARE:
        return None
    return Move(
        parameter=name,
        at_least=at_least,
        was=was,
        to=min(round(to + STEP, 2), HIGHEST_SHARE),
        because=because,
    )


def any_higher_share(launch: Launch) -> Move | None:
    """All shares above that of this launch."""
    was = number(launch, Key.SHARE)
    if was is None:
        return None
    return Move(parameter=key(launch, Key.SHARE), at_least=round(was + FINEST, 3), was=was)


def any_lower_share(launch: Launch) -> Move | None:
    """All shares below that of this launch."""
    was = number(launch, Key.SHARE)
    if was is None:
        return None
    return Move(parameter=key(launch, Key.SHARE), at_most=round(was - FINEST, 3), was=was)


def _finest(share: float, to: Callable[[float], int]) -> float:
    """The share rounded up or down to thousandths, without floating-point noise."""
    thousandths = round(share / FINEST, 6)
    return round(to(thousandths) * FINEST, 3)


def smaller_chunk(launch: Launch) -> Move:
    """Chunks of 4096 or 2048 tokens in each rank, or half of what is smaller already."""
    name, was, groups = key(launch, Key.CHUNK), number(launch, Key.CHUNK), attention_groups(launch)
    if was is None or was <= 0:
        # Without chunks a whole prompt is one.
        most = SMALLER_CHUNKS[0] * groups
        return Move(parameter=name, at_most=most, was=_whole(was), to=most)
    # The argument is shared out among the groups of attention data parallelism.
    each = int(was) // groups
    to = next((size for size in SMALLER_CHUNKS if size < each), each // 2) * groups
    return Move(parameter=name, at_most=was - 1, was=_whole(was), to=to)


def fewer_running(launch: Launch) -> Move | None:
    """Fewer requests at a time than ran, or than may run; None if the log shows neither."""
    name, groups = key(launch, Key.RUNNING), attention_groups(launch)
    given, each = sensible(argument(launch, name)), launch.figure(Fact.MOST_RUNNING)
    # The argument is shared out among the groups of attention data parallelism; logs count in each of them.
    may = given if given is not None else None if each is None else each * groups
    most = _most_running(launch)
    reached = most if most > 1 and (may is None or most <= may) else may
    if reached is None or reached < 2 * groups:
        return None
    to = in_batches(reached / groups * 0.75) * groups
    because = f"it ran out with {int(most)} running" if reached == most else ""
    return Move(parameter=name, at_most=reached - 1, was=_whole(may), to=to, because=because)


def in_batches(count: float) -> int:
    """The count rounded down, to a multiple of eight if it is large; at least 1."""
    most = max(int(count), 1)
    return most // _BATCH * _BATCH if most >= _MANY else most


def few(launch: Launch, running: Move | None) -> bool:
    """Whether so few requests ran, or may run, that memory is short of something other than their number."""
    if 0 < _most_running(launch) < _FEW:
        return True
    return running is not None and running.at_most is not None and running.at_most + 1 < _FEW


def _most_running(launch: Launch) -> float:
    """In all groups of attention data parallelism; 0 where the log shows no batches."""
    return max(launch.series.columns.get(Column.MOST_RUNNING, ()), default=0.0) * attention_groups(launch)


def smaller_graphs(launch: Launch) -> Move | None:
    """Graphs for half the batch, but not below 16; None if there are none that could be smaller."""
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


def larger_cap(launch: Launch) -> Move | None:
    """Twice as many tokens, or pages of them, as the pool was limited to; None where it was not."""
    name = key(launch, Key.POOL_TOKENS)
    limit = whole(launch, name)
    return None if limit is None else Move(parameter=name, at_least=limit + 1, was=limit, to=limit * 2)


def more_of(launch: Launch, name: str) -> Move | None:
    """Twice as many of something counted, such as ranks; None if the number is unknown."""
    was = next(map(sensible, ran(launch, name)), None)
    if not isinstance(was, int) or was < 1:
        return None
    return Move(parameter=name, at_least=was + 1, was=was, to=was * 2)


def rather(launch: Launch, name: str, values: Sequence[Scalar], when: Iterable[Any]) -> Move | None:
    """One of these values, where the launch runs with one of `when`."""
    for was in ran(launch, name):
        if any(was == one and type(was) is type(one) for one in when):
            return Move(parameter=name, among=tuple(values), was=was, to=values[0])
    return None


def unlike(launch: Launch, name: str) -> Move | None:
    """Any value other than the launch's; whether that needs more memory or less is unknown."""
    for was in ran(launch, name):
        if was is None or isinstance(was, bool | int | float | str):
            return Move(parameter=name, apart_from=(was,), was=was)
    return None


def _whole(value: float | None) -> Scalar:
    return int(value) if value is not None and float(value).is_integer() else value
