"""What callers of `tune` give in Python, as a study takes it, or what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from numbers import Real
from pathlib import Path
from typing import Any, Final, get_args

from spacegen.errors import Fault, UsageError
from spacegen.questions.given import known_word, plain, whole
from spacegen.tune.metrics import Direction, Goal, Limit, read_goal, read_limit
from spacegen.tune.starting import WarmStart
from spacegen.tune.workload import Workload

__all__ = ["checked", "counted"]

_LEAST: Final = {"trials": 0, "repeats": 1, "plateau": 1, "seed": 0, "workers": 1}
_OPTIONAL: Final = ("plateau", "timeout", "budget_gpu_hours", "results")


def counted(value: Any, name: str) -> int:
    """A whole number that is large enough for what it counts. Raises UsageError."""
    if isinstance(value, bool | str):
        raise UsageError(f"`{name}` is a whole number, and `{value!r}` is none")
    found = whole(value, f"`{name}`")
    if found < _LEAST[name]:
        raise UsageError(f"`{name}` is at least {_LEAST[name]}, and not {found}")
    return found


def checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as a plan has them: one goal, bound or warm start may stand for a list of one.

    Raises UsageError for values that make no sense.
    """
    return {
        name: None if value is None and name in _OPTIONAL else _checked(name, value)
        for name, value in options.items()
    }


def _checked(name: str, value: Any) -> Any:
    match name:
        case "trials" | "repeats" | "plateau" | "seed":
            return counted(value, name)
        case "timeout" | "budget_gpu_hours":
            return _number(value, name)
        case "goals":
            return tuple(map(_goal, _each(value, name, Goal)))
        case "limits":
            return tuple(map(_limit, _each(value, name, Limit, str)))
        case "warm_start":
            return tuple(map(_start, _each(value, name, str, Path, Mapping)))
        case "results":
            return Path(_typed(value, name, "the path of a file", str, Path))
        case "migrate":
            return _typed(value, name, "true or false", bool)
        case "workload":
            return _typed(value, name, 'a `Workload`, such as `read_workload("chat")` gives', Workload)
    return value


def _typed(value: Any, name: str, what: str, *kinds: type) -> Any:
    if not isinstance(value, kinds):
        raise UsageError(f"`{name}` is {what}, and `{value!r}` is none")
    return value


def _number(value: Any, name: str) -> float:
    found = plain(value)
    if not isinstance(found, Real) or isinstance(found, bool) or math.isnan(found) or found < 0:
        raise UsageError(f"`{name}` is a number from 0 on, and `{value!r}` is none")
    return float(found)


def _each(value: Any, name: str, *kinds: type) -> Iterable[Any]:
    """Those of a list; one alone is a list of one."""
    if isinstance(value, kinds):
        return (value,)
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise UsageError(f"`{name}` is a list, and `{value!r}` is none")
    return value


def _goal(value: Any) -> Goal:
    if isinstance(value, Goal):
        return value
    pair = () if isinstance(value, str) or not isinstance(value, Iterable) else tuple(value)
    if len(pair) != 2 or not isinstance(pair[0], str):
        hint = 'write pairs: `goals=[("ttft", "minimize"), ("tps", "maximize")]`'
        raise UsageError(Fault(f"`{value!r}` is no objective", hint=hint))
    known_word(pair[1], get_args(Direction), "direction")
    return read_goal(*pair)


def _limit(value: Any) -> Limit:
    if isinstance(value, Limit):
        return value
    return read_limit(_typed(value, "limits", 'a list of bounds such as `"p99_ttft_ms<=500"`', str))


def _start(value: Any) -> WarmStart:
    what = "a list of configs, files, `around` or `balanced:N`"
    found: WarmStart = _typed(value, "warm_start", what, str, Path, Mapping)
    return found
