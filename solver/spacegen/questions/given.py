"""What callers give in Python: NumPy scalars become plain ones, what no space has a place for is refused."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from operator import index
from typing import Any

import numpy as np

from spacegen.errors import Fault, UsageError, did_you_mean
from spacegen.language.expr import Scalar
from spacegen.language.model import Domain, NoDefault, Parameter
from spacegen.language.sound import flaws
from spacegen.language.syntax import better_name, is_name
from spacegen.language.walk import scope
from spacegen.questions.edits import shorten, words

__all__ = ["known_word", "plain", "plain_config", "several", "sound", "values_of", "whole"]


def plain(value: Any) -> Any:
    """The value itself, but for NumPy scalars, which become the Python values that they stand for."""
    return value.item() if isinstance(value, np.generic) else value


def plain_config(config: Any) -> Mapping[str, Any]:
    """The config with plain values. Raises UsageError for what is no mapping of names."""
    if not isinstance(config, Mapping) or not all(isinstance(name, str) for name in config):
        hint = "a config is a mapping of parameters to values"
        raise UsageError(Fault(f"{_shown(config)} is no config", hint=hint))
    if any(isinstance(value, np.generic) for value in config.values()):
        return {name: plain(value) for name, value in config.items()}
    return config


def whole(number: Any, what: str) -> int:
    """The number, where it is a whole one. Raises UsageError."""
    try:
        return index(number)
    except TypeError:
        raise UsageError(f"{what} is a whole number, and {_shown(number)} is none") from None


def known_word(word: Any, known: Collection[str], noun: str) -> None:
    """Raises UsageError for a word that is not known."""
    if word not in known:
        hint = did_you_mean(str(word), known) or f"choose one of {', '.join(known)}"
        raise UsageError(Fault(f"no {noun} is called `{word}`", hint=hint))


def several(names: Iterable[str], noun: str) -> list[str]:
    """The names as a list. Raises UsageError for a single string, whose letters nobody means."""
    if isinstance(names, str):
        raise UsageError(Fault(f"the {noun} are a list, not `{names}`", hint=f'write `["{names}"]`'))
    return list(names)


def values_of(name: str, values: Iterable[Any]) -> tuple[Scalar, ...]:
    """The values of a domain as plain ones, unchecked. Raises UsageError where there are no several."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        hint = "give a list of values, also for one"
        raise UsageError(Fault(f"{_shown(values)} is no domain of `{name}`", hint=hint))
    return tuple(map(plain, values))


def sound(parameter: Parameter) -> Parameter:
    """The parameter with plain values and its default as the domain spells it.

    Raises UsageError for what no file could declare: names that expressions cannot mention, values that are
    no values or occur twice, a default outside the domain, `active_when` without one.
    """
    name, values = parameter.name, tuple(map(plain, parameter.domain.values))
    if not is_name(name):
        raise UsageError(Fault(f"`{name}` cannot be a name in expressions", hint=better_name(name)))
    for value in values:
        _check_value(name, value)
    if faults := list(flaws(name, values)):
        raise UsageError(*faults)
    domain = Domain(values, parameter.domain.ordered)
    found = replace(parameter, domain=domain, default=_default(parameter, domain))
    if found.active_when is not None:
        _check_activity(found)
    return found


def _check_value(name: str, value: Any) -> None:
    if not (value is None or isinstance(value, bool | int | float | str)):
        hint = "values are null, booleans, numbers and strings"
        raise UsageError(Fault(f"`{name}` cannot have the value {_shown(value)}", hint=hint))
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"`{name}`: `{value}` is not a number that rules can compare")


def _default(parameter: Parameter, domain: Domain) -> Scalar | NoDefault:
    default = plain(parameter.default)
    if isinstance(default, NoDefault):
        return default
    code = domain.code(default)
    if code is None:
        hint = f"its values are {shorten(', '.join(map(words, domain)))}"
        message = f"the default of `{parameter.name}` is not in its domain: {_shown(default)}"
        raise UsageError(Fault(message, hint=hint))
    return domain[code]


def _check_activity(parameter: Parameter) -> None:
    assert parameter.active_when is not None, "only called where there is one"
    if isinstance(parameter.default, NoDefault):
        message = f"`{parameter.name}` needs a default: `active_when` holds it there while it is inactive"
        raise UsageError(message)
    if parameter.name in scope(parameter.active_when):
        message = f"`{parameter.name}` decides about its own activity"
        raise UsageError(Fault(message, hint="write a rule instead"))


def _shown(value: Any) -> str:
    return f"`{shorten(repr(value), 60)}`"
