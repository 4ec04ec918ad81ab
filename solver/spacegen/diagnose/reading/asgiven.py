"""Arguments as they are given to a server, from what it says after it scaled some of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from spacegen.servers.attention_groups import CAUTION, CHUNK, FACTOR, groups_of, is_size, scaled

__all__ = ["as_given"]

_DIGITS: Final = 6
"""People write fewer; more of them are what floating-point numbers add."""


def as_given(said: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments that a server was given, of those that it says, and what it says of those that it scaled.

    The remainder of a chunk that the groups do not divide is lost: it is the roundest that may have been.
    """
    groups = groups_of(said)
    own = {
        name: said[name]
        for name in (CHUNK, CAUTION)
        if groups > 1 and is_size(said.get(name)) and scaled(name, said[name], groups) != said[name]
    }
    return {**said, **{name: _unscaled(name, value, groups) for name, value in own.items()}}, own


def _unscaled(name: str, value: Any, groups: int) -> Any:
    if name == CAUTION:
        return round(value / FACTOR, _DIGITS)
    if not isinstance(value, int) or value <= 0:
        # Without chunks there is nothing to divide.
        return value
    return _roundest(value * groups, value * groups + groups - 1)


def _roundest(least: int, most: int) -> int:
    """Of these numbers the multiple of the highest power of two: sizes of chunks are."""
    step = 1 << most.bit_length()
    while most // step * step < least:
        step //= 2
    return most // step * step
