"""Prints the launch arguments of the installed sglang as JSON, in the shape of `servers/data`.

Runs in the environment of the server: the fields of `ServerArgs` with their types and defaults, and what
argparse makes of their flags. Nothing is resolved, so no model and no GPU are needed.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["main"]

_REQUIRED = object()
_SCALARS = (bool, int, float, str)
_PARSES_JSON = ("loads", "json_list_type")
_PARSES_SUFFIXES = ("human_readable_int",)


def _fields(kind: Any) -> dict[str, Any]:
    """Every public field with its default, or `_REQUIRED`."""
    if dataclasses.is_dataclass(kind):
        found = {
            field.name: _made(field.default, field.default_factory) for field in dataclasses.fields(kind)
        }
    else:
        structs: Any = import_module("msgspec.structs")
        found = {f.name: _made(f.default, f.default_factory) for f in structs.fields(kind)}
    return {name: default for name, default in found.items() if not name.startswith("_")}


def _made(default: Any, factory: Any) -> Any:
    """A default, or what its factory makes; the markers for "none" have types of their own."""
    if callable(factory) and not isinstance(factory, type(dataclasses.MISSING)):
        return factory()
    return _REQUIRED if type(default).__name__ in ("_MISSING_TYPE", "NODEFAULT", "NoDefaultType") else default


def _members(annotation: Any) -> tuple[Any, ...]:
    """The types that a field may have, `None` among them where it is optional."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _members(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return tuple(m for part in typing.get_args(annotation) for m in _members(part))
    if origin is typing.Literal:
        return tuple(dict.fromkeys(type(value) for value in typing.get_args(annotation)))
    return (annotation,)


def _type(annotation: Any, *, has_flags: bool) -> str:
    """The type as the data spell it: a scalar, a list of scalars, `json` or `object`; `?` takes none too."""
    members = _members(annotation)
    found = tuple(member for member in members if member is not type(None))
    items = {typing.get_args(m)[:1] for m in found if typing.get_origin(m) in (list, set, tuple)}
    if len(found) == 1 and found[0] in _SCALARS:
        name = found[0].__name__
    elif len(items) == 1 and len(found) == _lists(found) and next(iter(items))[0] in _SCALARS:
        name = f"list[{next(iter(items))[0].__name__}]"
    else:
        name = "json" if has_flags else "object"
    return name if len(found) == len(members) else f"{name}?"


def _lists(found: Iterable[Any]) -> int:
    return sum(typing.get_origin(m) in (list, set, tuple) for m in found)


def _action(action: argparse.Action) -> str | None:
    """How the flag takes its value; None for the usual way, one word."""
    if isinstance(action, argparse.BooleanOptionalAction):
        return "toggle"
    if action.nargs == 0:
        return "store_false" if action.const is False else "store_true"
    if action.nargs in ("+", "*"):
        return "list"
    return "json" if getattr(action.type, "__name__", None) in _PARSES_JSON else None


def _choices(action: argparse.Action | None, annotation: Any) -> list[Any] | None:
    if action is not None and action.choices is not None:
        choices: Any = action.choices
        # A set has no order of its own.
        choices = sorted(choices, key=str) if isinstance(choices, (set, frozenset)) else choices
        return [choice for choice in choices if choice is not None]
    literals = [a for a in _parts(annotation) if typing.get_origin(a) is typing.Literal]
    return [value for a in literals for value in typing.get_args(a) if value is not None] or None


def _parts(annotation: Any) -> tuple[Any, ...]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


def _row(default: Any, annotation: Any, action: argparse.Action | None) -> dict[str, Any]:
    flags = [] if action is None else [flag for flag in action.option_strings if flag.startswith("--")]
    row: dict[str, Any] = {"type": _type(annotation, has_flags=bool(flags))}
    if default is not _REQUIRED:
        row["default"] = default if _is_plain(default) else None
    row["flags"] = flags
    choices = _choices(action, annotation)
    if choices:
        row["choices"] = choices
    if action is not None and (kind := _action(action)):
        row["action"] = kind
    if action is not None and type(action).__name__.startswith("Deprecated"):
        row["deprecated"] = True
    if getattr(getattr(action, "type", None), "__name__", None) in _PARSES_SUFFIXES:
        row["suffixes"] = True
    return row


def _is_plain(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def _actions(add_flags: Callable[[argparse.ArgumentParser], object]) -> Mapping[str, argparse.Action]:
    """The action of each field: by its destination, else by the flag of the field's name."""
    parser = argparse.ArgumentParser(add_help=False)
    add_flags(parser)
    found: dict[str, argparse.Action] = {}
    for action in parser._actions:
        for flag in action.option_strings:
            found.setdefault(flag.removeprefix("--").replace("-", "_"), action)
    # Two flags may lead to one field; the one of its own name was found above.
    for action in parser._actions:
        found.setdefault(action.dest, action)
    return found


def _found() -> dict[str, Any]:
    """The version and its arguments; or the package that is missing."""
    try:
        import sglang
        from sglang.srt.server_args import ServerArgs
    except ModuleNotFoundError as error:
        return {"missing": error.name}
    types_of = typing.get_type_hints(ServerArgs)
    actions = _actions(ServerArgs.add_cli_args)
    rows = {name: _row(d, types_of[name], actions.get(name)) for name, d in _fields(ServerArgs).items()}
    return {"version": sglang.__version__, "arguments": rows}


def main() -> None:
    """Prints one line of JSON."""
    # Whatever else is printed here, by C code too, goes to the log.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    print(json.dumps(_found()), file=answers, flush=True)


if __name__ == "__main__":
    main()
