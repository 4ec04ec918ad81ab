"""Arguments as they are given to a server, from what it says after it scaled some of them.

With attention data parallelism sglang multiplies `schedule_conservativeness` by 0.3 and divides
`chunked_prefill_size` among the groups before it says its arguments, in its log and at `/server_info`: 0.5.6
in `ServerArgs._handle_data_parallelism`, 0.5.23 in `parallel_hook.handle_data_parallelism`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["CAUTION", "CHUNK", "as_given", "groups_of", "scaled"]

CAUTION: Final = "schedule_conservativeness"
CHUNK: Final = "chunked_prefill_size"
_FACTOR: Final = 0.3
_DIGITS: Final = 6
"""People write fewer; more of them are what floating-point numbers add."""
_LARGEST: Final = 2**53


def groups_of(arguments: Mapping[str, Any]) -> int:
    """The groups of ranks among which attention data parallelism shares out requests; 1 without it."""
    groups = arguments.get("attn_dp_size")
    if not isinstance(groups, int) and arguments.get("enable_dp_attention"):
        groups = arguments.get("dp_size")
    return groups if isinstance(groups, int) and groups > 1 else 1


def scaled(name: str, value: Any, groups: int) -> Any:
    """What a server with so many groups makes of an argument that it was given."""
    if groups == 1 or not _known(value):
        return value
    if name == CHUNK and isinstance(value, int):
        return value // groups
    return value * _FACTOR if name == CAUTION else value


def as_given(said: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments that a server was given, of those that it says, and what it says of those that it scaled.

    The remainder of a chunk that the groups do not divide is lost: it is the roundest that may have been.
    """
    groups = groups_of(said)
    own = {
        name: said[name]
        for name in (CHUNK, CAUTION)
        if groups > 1 and _known(said.get(name)) and scaled(name, said[name], groups) != said[name]
    }
    return {**said, **{name: _unscaled(name, value, groups) for name, value in own.items()}}, own


def _unscaled(name: str, value: Any, groups: int) -> Any:
    if name == CAUTION:
        return round(value / _FACTOR, _DIGITS)
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


def _known(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and abs(value) <= _LARGEST
