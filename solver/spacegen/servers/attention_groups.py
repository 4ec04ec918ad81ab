"""What sglang makes of its arguments with attention data parallelism.

It multiplies `schedule_conservativeness` by 0.3 and divides `chunked_prefill_size` among the groups before it
says its arguments, in its log and at `/server_info`: 0.5.6 in `ServerArgs._handle_data_parallelism`,
0.5.23 in `parallel_hook.handle_data_parallelism`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["CAUTION", "CHUNK", "FACTOR", "groups_of", "is_size", "scaled"]

CAUTION: Final = "schedule_conservativeness"
CHUNK: Final = "chunked_prefill_size"
FACTOR: Final = 0.3
_LARGEST: Final = 2**53


def groups_of(arguments: Mapping[str, Any]) -> int:
    """The groups of ranks among which attention data parallelism shares out requests; 1 without it."""
    groups = arguments.get("attn_dp_size")
    if (not isinstance(groups, int) or groups < 2) and arguments.get("enable_dp_attention"):
        groups = arguments.get("dp_size")
    return groups if isinstance(groups, int) and groups > 1 else 1


def scaled(name: str, value: Any, groups: int) -> Any:
    """What a server with so many groups makes of an argument that it was given."""
    if groups == 1 or not is_size(value):
        return value
    if name == CHUNK and isinstance(value, int):
        return value // groups
    return value * FACTOR if name == CAUTION else value


def is_size(value: Any) -> bool:
    """Whether it is a number that arguments have: finite, and not beyond all measure."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and abs(value) <= _LARGEST
