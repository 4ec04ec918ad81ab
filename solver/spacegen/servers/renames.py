"""Names that moved between the releases of a server: what each argument was called when, as data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from packaging.version import Version

__all__ = ["formerly", "is_removed", "renamed", "replaced"]

_DATA: Final = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class _Moves:
    """What one server renamed and replaced. Each chain lists the names of one argument and the release that
    brought each, oldest first; `chains` finds it by any of its names."""

    chains: Mapping[str, tuple[tuple[str, Version], ...]]
    replaced: Mapping[str, tuple[Version, str]]
    removed: frozenset[str]


def renamed(server: str, name: str, from_version: str, to_version: str) -> str | None:
    """What `to_version` calls the argument that `from_version` calls `name`, forwards or back; None where
    no rename is known, so that the name is the same or has no successor."""
    chain = _moves(server).chains.get(name)
    if chain is None or _at(chain, from_version) != name:
        return None
    found = _at(chain, to_version)
    return None if found == name else found


def formerly(server: str, name: str, version: str) -> str | None:
    """A hint for a name that `version` lacks: what it became, or what it was called before."""
    moves = _moves(server)
    if (chain := moves.chains.get(name)) is not None and (now := _at(chain, version)) != name:
        since = dict(chain)
        if since[now] > since[name]:
            return f"`{name}` was renamed `{now}`"
        return f"`{name}` is called `{now}` before {since[name]}"
    if instead := replaced(server, name, version):
        return f"`{name}` was removed: {instead}"
    return None


def replaced(server: str, name: str, version: str) -> str | None:
    """What to do instead of using an argument that `version` removed or deprecates; None where nothing is
    known."""
    known = _moves(server).replaced.get(name)
    return known[1] if known and known[0] <= _release(version) else None


def is_removed(server: str, name: str, version: str) -> bool:
    """Whether `version` is known to lack an argument that older ones had."""
    moves = _moves(server)
    return name in moves.removed and moves.replaced[name][0] <= _release(version)


def _at(chain: Iterable[tuple[str, Version]], version: str) -> str:
    release = _release(version)
    return [name for name, since in chain if since <= release][-1]


@lru_cache
def _release(version: str) -> Version:
    return Version(Version(version).base_version)


@lru_cache
def _moves(server: str) -> _Moves:
    try:
        data = json.loads((_DATA / f"renames-{server}.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return _Moves(MappingProxyType({}), MappingProxyType({}), frozenset())
    chains = [tuple((name, Version(since)) for name, since in row.items()) for row in data["renamed"]]
    return _Moves(
        MappingProxyType({name: chain for chain in chains for name, _ in chain}),
        MappingProxyType({row["name"]: (Version(row["in"]), row["instead"]) for row in data["replaced"]}),
        frozenset(row["name"] for row in data["replaced"] if row["removed"]),
    )
