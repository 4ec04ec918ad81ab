"""What a server tells of itself at `/server_info`, as far as its log would have told it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from spacegen.diagnose.launch import Fact
from spacegen.diagnose.reading.asgiven import as_given
from spacegen.diagnose.versions import ADVICE
from spacegen.errors import SpacegenError
from spacegen.servers.schema import load
from spacegen.tune.secret import masked, public

__all__ = ["MARK", "Told", "read_info", "written"]

MARK: Final = b"# server_info "
"""Begins a line of a file of metrics; then there is the answer as JSON."""

_STATES: Final = "internal_states"
_MEMORY: Final = "memory_usage"
_MEMORIES: Final = {
    "weight": Fact.WEIGHTS,
    "kvcache": Fact.POOL,
    "graph": Fact.GRAPHS,
    "token_capacity": Fact.POOL_TOKENS,
}
_MOST_RUNNING: Final = "effective_max_running_requests_per_dp"


@dataclass(frozen=True, slots=True)
class Told:
    """The version, the arguments as they were given, what the server says of those that it scaled, and what
    it says of its memory."""

    version: str | None
    arguments: dict[str, Any]
    as_logged: dict[str, Any]
    figures: dict[Fact, float]


def written(info: Mapping[str, Any]) -> bytes:
    """An answer as a line, without secrets and without what nobody reads here."""
    first = next(_states(info), {})
    kept = {_STATES: [_kept(first)], **_kept(info)}
    return MARK + json.dumps(kept).encode() + b"\n"


def _kept(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: masked(name, value)
        for name, value in public(values).items()
        if name == _MEMORY or value is None or isinstance(value, str | int | float)
    }


def read_info(line: bytes) -> Told | None:
    """What such a line says; None where it is cut off."""
    with suppress(ValueError):
        info = json.loads(line.removeprefix(MARK))
        if isinstance(info, dict):
            return _told(info)
    return None


def _told(info: Mapping[str, Any]) -> Told:
    state: Mapping[str, Any] = next(_states(info), {})
    version = info.get("version")
    named = _names(str(version))
    arguments = {name: value for name, value in {**info, **state}.items() if name in named}
    memory = state.get(_MEMORY)
    said = {fact: memory.get(name) for name, fact in _MEMORIES.items()} if isinstance(memory, dict) else {}
    said[Fact.MOST_RUNNING] = state.get(_MOST_RUNNING)
    figures = {fact: float(value) for fact, value in said.items() if isinstance(value, int | float)}
    given, as_logged = as_given(arguments)
    return Told(str(version) if version else None, given, as_logged, figures)


def _states(info: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    states = info.get(_STATES)
    yield from (state for state in states if isinstance(state, dict)) if isinstance(states, list) else ()


def _names(version: str) -> frozenset[str]:
    """The fields of the arguments of a version."""
    for known in (version, ADVICE):
        with suppress(SpacegenError, ValueError):
            return frozenset(argument.name for argument in load("sglang", known).arguments.values())
    return frozenset()
