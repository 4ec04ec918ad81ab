"""The launch arguments of servers as data: what each one is called, holds, and is without a word said."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from packaging.version import InvalidVersion, Version

from spacegen.errors import Fault, SpaceError, did_you_mean
from spacegen.servers.renames import is_removed, renamed

__all__ = [
    "REQUIRED",
    "Action",
    "Argument",
    "Required",
    "TargetSchema",
    "added_folder",
    "forget",
    "is_version",
    "known",
    "load",
    "shipped",
]

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
    without `flags` only the server's Python interface takes it. `suffixes`: its words may be `8k`, `8Ki`."""

    name: str
    type: str
    default: Any
    flags: tuple[str, ...] = ()
    choices: tuple[int | str, ...] | None = None
    nullable: bool = False
    action: Action = "store"
    deprecated: bool = False
    suffixes: bool = False


@dataclass(frozen=True)
class TargetSchema:
    """The arguments of one version of a server. `arguments` finds each by the name of its field and by the
    names of its flags (`--tp-size` is `tp_size`); `notes` says where another version stands in."""

    server: str
    version: str
    arguments: Mapping[str, Argument]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.server}=={self.version}"

    @cached_property
    def cleared(self) -> Mapping[tuple[str, ...], Argument]:
        """The fields that negative flags clear, each by its flags; found once: it is asked for each flag."""
        return {a.flags: a for a in self.arguments.values() if a.action == "store_false"}


@lru_cache
def shipped() -> tuple[tuple[str, str], ...]:
    """Each server and version with data in the package, by server, then oldest version first."""
    return _listed_in(_DATA)


def added_folder() -> Path | None:
    """Where the schemas lie that a user added: `spacegen/targets` in $XDG_DATA_HOME, or in ~/.local/share.
    None for a user without a home."""
    base = os.environ.get("XDG_DATA_HOME", "")
    try:
        # The XDG rules have relative paths ignored.
        root = Path(base) if base.startswith("/") else Path.home() / ".local" / "share"
    except RuntimeError:
        return None
    return root / "spacegen" / "targets"


def known() -> Mapping[tuple[str, str], Path]:
    """Each server and version with data, shipped or added, and its file, in the order of `shipped`. Added
    data win over shipped ones."""
    files = {pair: _file(_DATA, *pair) for pair in _listed_in(_DATA)}
    if (folder := added_folder()) is not None:
        # A home that cannot be read is that of somebody else, as in containers: nothing was added there.
        with suppress(OSError):
            files |= {pair: _file(folder, *pair) for pair in _listed_in(folder)}
    return {pair: files[pair] for pair in _ordered(files)}


def _file(folder: Path, server: str, version: str) -> Path:
    return folder / f"{server}-{version}.json"


def _listed_in(folder: Path) -> tuple[tuple[str, str], ...]:
    pairs = (path.stem.rsplit("-", 1) for path in folder.glob("*-[0-9]*.json"))
    return _ordered((server, version) for server, version in pairs if is_version(version))


def _ordered(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(pairs, key=lambda pair: (pair[0], Version(pair[1]))))


def is_version(text: str) -> bool:
    """Whether a text is a version as the names of data files spell it."""
    try:
        return str(Version(text)) == text
    except InvalidVersion:
        return False


@lru_cache
def load(server: str, version: str) -> TargetSchema:
    """The schema of `version`: its own data, else those of another release with its base, else those of the
    nearest lower version, with a note. Raises SpaceError for an unknown server or a version below all."""
    files = known()
    versions = sorted(Version(v) for s, v in files if s == server)
    if not versions:
        servers = sorted({s for s, _ in files})
        hint = did_you_mean(server, servers) or f"servers with data: {_listed(servers)}"
        raise SpaceError(Fault(f"unknown server `{server}`", hint=hint))
    chosen = _nearest(server, version, versions)
    schema = _read(files[server, str(chosen)])
    assert isinstance(schema.arguments, _Arguments)
    if chosen.base_version == Version(version).base_version:
        return schema
    note = f"no data for {server} {version}: the arguments of {chosen} stand in"
    rows = _renamed(schema.arguments.rows, server, str(chosen), version)
    return replace(schema, arguments=_Arguments(rows), notes=(note,))


def _renamed(
    rows: Mapping[str, Mapping[str, Any]], server: str, chosen: str, version: str
) -> dict[str, Mapping[str, Any]]:
    """The rows under the names that `version` is known to use, without those that it is known to lack."""
    found: dict[str, Mapping[str, Any]] = {}
    for name, row in rows.items():
        now = renamed(server, name, chosen, version)
        if now is not None:
            flags = [_flag(now) if flag == _flag(name) else flag for flag in row["flags"]]
            found[now] = {**row, "flags": flags}
        elif not is_removed(server, name, version):
            found[name] = row
    return found


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def forget() -> None:
    """Look at the files again at the next `load`."""
    load.cache_clear()


def _nearest(server: str, version: str, known: list[Version]) -> Version:
    hint = f"versions with data: {_listed(map(str, known))}"
    try:
        wanted = Version(version)
    except InvalidVersion:
        raise SpaceError(Fault(f"`{version}` is not a version", hint=hint)) from None
    if wanted in known:
        return wanted
    # A local version is somebody's own build: it stands in for no other.
    published = [v for v in known if v.local is None]
    if siblings := [v for v in published if v.base_version == wanted.base_version]:
        return siblings[-1]
    if lower := [v for v in published if v < wanted]:
        return lower[-1]
    raise SpaceError(Fault(f"no data for {server} {version}, nor for an older version", hint=hint))


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _read(path: Path) -> TargetSchema:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return TargetSchema(data["server"], data["version"], _Arguments(dict(data["arguments"])))
    except (OSError, ValueError, KeyError, TypeError):
        hint = "add it again with `spacegen target add`, or remove the file"
        raise SpaceError(Fault(f"the arguments in {path} cannot be read", hint=hint)) from None


class _Arguments(Mapping[str, Argument]):
    """The arguments by name, made when they are asked for: a space uses few of many."""

    def __init__(self, rows: Mapping[str, Mapping[str, Any]]) -> None:
        self.rows = rows
        self._made: dict[str, Argument] = {}

    def __getitem__(self, name: str) -> Argument:
        # Members of enumerations are equal to text and look otherwise; what is made is for everybody.
        name = str(name)
        if name not in self._made:
            if name in self.rows:
                self._made[name] = _argument(name, self.rows[name])
            else:
                field = self._by_flags[name]
                self._made[name] = _flagged(name, self[field])
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter([*self.rows, *self._by_flags])

    def __len__(self) -> int:
        return len(self.rows) + len(self._by_flags)

    def __contains__(self, name: object) -> bool:
        return name in self.rows or name in self._by_flags

    @cached_property
    def _by_flags(self) -> Mapping[str, str]:
        """The names of flags that are not those of fields, and the field of each."""
        found: dict[str, str] = {}
        for field, row in self.rows.items():
            for flag in row["flags"]:
                name = flag.removeprefix("--").replace("-", "_")
                if name not in self.rows and not flag.startswith("--no-"):
                    found.setdefault(name, field)
        return found


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
        suffixes=row.get("suffixes", False),
    )


def _flagged(name: str, argument: Argument) -> Argument:
    """The argument under the name of a flag; a flag that clears the field is an argument of its own."""
    if argument.action == "store_false":
        return replace(argument, name=name, default=not argument.default, action="store_true")
    return argument
