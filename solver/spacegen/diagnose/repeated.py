"""Launches with the same arguments: the nodes of one launch, and those that were started again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from spacegen.diagnose.launch import Launch

__all__ = ["EACH_TIME", "for_the_last"]

EACH_TIME: Final = frozenset(
    {
        *("node_rank", "base_gpu_id", "dist_init_addr"),
        *("host", "server_host", "port", "server_port", "nccl_port", "random_seed"),
    }
)
"""Arguments in which nodes of a launch differ, or what is started again."""


def for_the_last(launches: Sequence[Launch]) -> frozenset[int]:
    """The numbers of the launches whose findings hold for the last one: itself, and if it has not served
    anything those before it with the same arguments, back to one that has."""
    found: set[int] = set()
    for number in reversed(range(len(launches))):
        launch = launches[number]
        if found and not _alike(launch, launches[-1]):
            break
        found.add(number)
        if len(launch.series):
            break
    return frozenset(found)


def _alike(one: Launch, other: Launch) -> bool:
    known = one.arguments_line is not None and other.arguments_line is not None
    return known and one.server == other.server and _kept(one.arguments) == _kept(other.arguments)


def _kept(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name not in EACH_TIME}
