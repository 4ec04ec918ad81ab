"""Random launches of every shipped target, and the parser that its arguments describe."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from spacegen.launch.fields import Field, Table
from spacegen.launch.flags import negated
from spacegen.servers.schema import Argument, TargetSchema, load, shipped

__all__ = ["SCHEMAS", "effective", "launches", "parser", "row", "words_of_yaml"]

SCHEMAS = [load(server, version) for server, version in shipped()]

ODD = [
    "a b",
    "it's",
    '"q"',
    "$HOME",
    "`x`",
    "a\\b",
    "-x",
    "--tp-size",
    "null",
    "yes",
    "1e3",
    "0",
    "true",
    "#",
]
ODDER = ["", "{a}", "a: b", "- a", "é", "a,b", "a\nb", " a ", "*", "=", "~", "a;b", "x && y", "> f"]
WORDS = st.sampled_from([*ODD, *ODDER])
# Parsers drop a word that is two dashes.
TEXT = WORDS | st.text(st.sampled_from("ab1 .-_'\"$\\{}#:,é=!&|;<>()\t"), max_size=8).filter(
    lambda word: word != "--"
)
JSON = st.dictionaries(st.sampled_from("ab"), st.integers(-9, 9) | TEXT, max_size=2)
FLOATS = st.floats(-1e6, 1e6) | st.sampled_from([0.1, 1e-05, 1e300, 2.0])
ITEMS = {
    "bool": st.booleans(),
    "int": st.integers(-(2**40), 2**40),
    "float": FLOATS,
    "str": TEXT,
    "json": JSON,
}


def fields(schema: TargetSchema) -> dict[str, Argument]:
    """The arguments that a command line can set, by the names of their fields."""
    return _fields(schema.server, schema.version)


@lru_cache
def _fields(server: str, version: str) -> dict[str, Argument]:
    schema = load(server, version)
    return {
        name: a
        for name, a in schema.arguments.items()
        if a.name == name and a.flags and negated(schema, a) is None
    }


def values(argument: Argument) -> st.SearchStrategy[Any]:
    kind = argument.type
    listed = kind.startswith("list[") or (kind == "json" and argument.action == "list")
    kind = kind.removeprefix("list[").removesuffix("]")
    one = st.sampled_from(argument.choices) if argument.choices else ITEMS[kind]
    if argument.action == "list":
        # No words give a list an item that looks like a flag.
        one = one.filter(lambda item: isinstance(item, int) or not str(item).startswith("-"))
    found = st.lists(one, min_size=1, max_size=3) if listed else one
    return found | st.none() if argument.nullable else found


@st.composite
def launches(draw: st.DrawFn, schema: TargetSchema) -> dict[str, Any]:
    """A few arguments with values of their types."""
    known = fields(schema)
    names = draw(st.lists(st.sampled_from(sorted(known)), unique=True, min_size=1, max_size=6))
    return {name: draw(values(known[name])) for name in names}


def row(launch: Mapping[str, Any]) -> Table:
    """The launch as a table of one row."""
    return [Field(name, (value,), np.zeros(1, int)) for name, value in launch.items()]


def effective(schema: TargetSchema, launch: Mapping[str, Any]) -> dict[str, Any]:
    """What of a launch differs from the server's defaults. A switch that nobody sets is off."""
    found = {}
    for name, value in launch.items():
        argument = fields(schema)[name]
        if value is None or value == argument.default or (argument.action == "store_true" and not value):
            continue
        found[name] = value
    return found


def parser(schema: TargetSchema) -> argparse.ArgumentParser:
    """The parser of the server, as its arguments describe it."""
    built = argparse.ArgumentParser(prog=str(schema), add_help=False, exit_on_error=False)
    types = {"int": int, "float": float, "json": _json, "bool": lambda text: text == "True"}
    for name, argument in fields(schema).items():
        common: dict[str, Any] = {"dest": name, "default": argparse.SUPPRESS}
        kind = types.get(argument.type.removeprefix("list[").removesuffix("]"), str)
        match argument.action:
            case "store_true" | "store_false":
                built.add_argument(*argument.flags, action=argument.action, **common)
            case "toggle":
                on = [flag for flag in argument.flags if not flag.startswith("--no-")]
                built.add_argument(*on, action=argparse.BooleanOptionalAction, **common)
            case "list":
                built.add_argument(*argument.flags, nargs="+", type=kind, choices=argument.choices, **common)
            case "json":
                whole = str if argument.type == "str" else json.loads
                built.add_argument(*argument.flags, type=whole, **common)
            case "store":
                built.add_argument(*argument.flags, type=kind, choices=argument.choices, **common)
    return built


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def words_of_yaml(entries: Mapping[str, Any]) -> Sequence[str]:
    """The words that a server makes of the entries of its `--config` file."""
    words: list[str] = []
    for key, value in entries.items():
        assert value is not None
        assert value is not False
        if value is True:
            words.append(f"--{key}")
        elif isinstance(value, list):
            words += [f"--{key}", *(json.dumps(v) if isinstance(v, dict) else str(v) for v in value)]
        else:
            words += [f"--{key}", str(value)]
    return words
