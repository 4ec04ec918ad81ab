"""What a live server runs, beside what it was given."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from packaging.version import Version

from spacegen.launch.flags import negated, owner
from spacegen.servers.renames import renamed
from spacegen.servers.schema import TargetSchema
from spacegen.tune.files import expanded
from spacegen.tune.secret import is_secret

__all__ = ["altered", "same_value"]

_MISSING: Final = object()
_OURS: Final = frozenset({"host", "port", "nccl_port", "server_host", "server_port", "dist_init_addr"})
"""Arguments that a runner chooses."""


def altered(
    schema: TargetSchema, given: Mapping[str, Any], info: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """The arguments of `given` that a server runs otherwise, as given and as run.

    `info` is what its `/server_info` answers: the resolved arguments, and those of its schedulers among the
    `internal_states`, which count where they differ. Arguments that it does not tell of are left out, and so
    are those that a runner chooses and secrets.
    """
    found: dict[str, tuple[Any, Any]] = {}
    for name, value in given.items():
        field = owner(schema, name)
        if value is None or field is None or field.name in _OURS or is_secret(field.name):
            continue
        cleared = negated(schema, schema.arguments[name]) is not None
        for run in _told(schema, field.name, info):
            shown = not run if cleared and isinstance(run, bool) else run
            if not same_value(value, shown):
                found[name] = (value, shown)
    return found


def _told(schema: TargetSchema, field: str, info: Mapping[str, Any]) -> Iterator[Any]:
    """What the server says of a field: for the whole of it, then for each of its schedulers."""
    states = info.get("internal_states")
    inner = [state for state in states if isinstance(state, Mapping)] if isinstance(states, list) else []
    for place in (info, *inner):
        value = _looked_up(schema, field, place)
        if value is not _MISSING:
            yield value


def _looked_up(schema: TargetSchema, field: str, place: Mapping[str, Any]) -> Any:
    names = [field, *(name for name, argument in schema.arguments.items() if argument.name == field)]
    version = str(place.get("version", ""))
    with suppress(ValueError):
        # The server may be of another version than the target, and call it otherwise.
        Version(version)
        names.append(renamed(schema.server, field, schema.version, version) or field)
    return next((place[name] for name in names if name in place), _MISSING)


def same_value(given: Any, run: Any) -> bool:
    """Whether two spellings are one value: 1 is 1.0 but not true, a tuple is a list, `"8"` is 8, JSON in a
    text is what it says."""
    given, run = _plain(given), _plain(run)
    if isinstance(given, bool) or isinstance(run, bool):
        return given is run
    if isinstance(given, list) and isinstance(run, list):
        return len(given) == len(run) and all(map(same_value, given, run))
    if isinstance(given, list) != isinstance(run, list):
        one, many = (run, given) if isinstance(given, list) else (given, run)
        return len(many) == 1 and same_value(one, many[0])
    if isinstance(given, str) and isinstance(run, str):
        return given == run or expanded(given) == expanded(run)
    return bool(given == run) or str(given) == str(run)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, str) and value[:1] in ("{", "["):
        with suppress(ValueError):
            return json.loads(value)
    return value
