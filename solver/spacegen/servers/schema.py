"""The launch arguments of servers as data: what each one is called, holds, and is without a word said."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from packaging.version import InvalidVersion, Version

from spacegen.errors import Fault, SpaceError, did_you_mean

__all__ = ["REQUIRED", "Action", "Argument", "Required", "TargetSchema", "load", "shipped"]

Action: TypeAlias = Literal["store", "store_true", "store_false", "toggle", "list", "json"]
"""What a flag takes: one word, none (it sets, clears, or does both with `--no-`), several, or JSON."""

_DATA: Final = Path(__file__).parent / "data"


class Required(Enum):
    """The type of `REQUIRED`; `None` is a default here, so its absence needs a word of its own."""

    REQUIRED = "required"


REQUIRED: Final = Required.REQUIRED


@dataclass(frozen=True, slots=True)
class Argument:
    """One launch argument. `type` is bool, int, float, str, list[…], json or object (no text stands for it);
    without `flags` only the server's Python interface takes it."""

    name: str
    type: str
    default: Any
    flags: tuple[str, ...] = ()
    choices: tuple[int | str, ...] | None = None
    nullable: bool = False
    action: Action = "store"
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class TargetSchema:
    """The arguments of one version of a server. `arguments` finds each by the name of its field and by the
    names of its flags (`--tp-size` is `tp_size`); `notes` says where another version stands in."""

    server: str
    version: str
    arguments: Mapping[str, Argument]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.server}=={self.version}"


@lru_cache
def shipped() -> tuple[tuple[str, str], ...]:
    """Each server and version with data in the package, by server, then oldest version first."""
    pairs = (path.stem.split("-", 1) for path in _DATA.glob("*-*.json"))
    return tuple(
        sorted(((server, version) for server, version in pairs), key=lambda p: (p[0], Version(p[1])))
    )


@lru_cache
def load(server: str, version: str) -> TargetSchema:
    """The schema of `version`: its own data, else those of another release with its base, else those of the
    nearest lower version, with a note. Raises SpaceError for an unknown server or a version below all."""
    known = [Version(v) for s, v in shipped() if s == server]
    if not known:
        servers = sorted({s for s, _ in shipped()})
        hint = did_you_mean(server, servers) or f"servers with data: {_listed(servers)}"
        raise SpaceError(Fault(f"unknown server `{server}`", hint=hint))
    chosen = _nearest(server, version, known)
    schema = _read(server, str(chosen))
    if chosen.base_version == Version(version).base_version:
        return schema
    note = f"no data for {server} {version}: the arguments of {chosen} stand in"
    return replace(schema, notes=(note,))


def _nearest(server: str, version: str, known: list[Version]) -> Version:
    hint = f"versions with data: {_listed(map(str, known))}"
    try:
        wanted = Version(version)
    except InvalidVersion:
        raise SpaceError(Fault(f"`{version}` is not a version", hint=hint)) from None
    if wanted in known:
        return wanted
    if siblings := [v for v in known if v.base_version == wanted.base_version]:
        return siblings[-1]
    if lower := [v for v in known if v < wanted]:
        return lower[-1]
    raise SpaceError(Fault(f"no data for {server} {version}, nor for an older version", hint=hint))


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


@lru_cache
def _read(server: str, version: str) -> TargetSchema:
    data = json.loads((_DATA / f"{server}-{version}.json").read_text(encoding="utf-8"))
    fields = [_argument(name, row) for name, row in data["arguments"].items()]
    arguments = {argument.name: argument for argument in fields}
    for argument in fields:
        for name, named in _named_by_flags(argument):
            arguments.setdefault(name, named)
    return TargetSchema(data["server"], data["version"], MappingProxyType(arguments))


def _argument(name: str, row: Mapping[str, Any]) -> Argument:
    return Argument(
        name=name,
        type=row["type"].removesuffix("?"),
        default=row.get("default", REQUIRED),
        flags=tuple(row["flags"]),
        choices=tuple(row["choices"]) if "choices" in row else None,
        nullable=row["type"].endswith("?"),
        action=row.get("action", "store"),
        deprecated=row.get("deprecated", False),
    )


def _named_by_flags(argument: Argument) -> Iterator[tuple[str, Argument]]:
    """The argument under the names of its flags; a flag that clears the field is an argument of its own."""
    for flag in argument.flags:
        name = flag.removeprefix("--").replace("-", "_")
        if argument.action == "store_false":
            yield name, replace(argument, name=name, default=not argument.default, action="store_true")
        elif not flag.startswith("--no-"):
            yield name, argument
