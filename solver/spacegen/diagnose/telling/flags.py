"""Arguments as words of the server that was launched."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final

from spacegen.diagnose.diagnosis import Diagnosis
from spacegen.diagnose.finding import Move, Severity
from spacegen.diagnose.launch import Launch
from spacegen.errors import SpacegenError
from spacegen.language.expr import Scalar
from spacegen.launch.flags import words
from spacegen.servers.renames import renamed
from spacegen.servers.schema import TargetSchema, load

__all__ = ["changes", "flag", "shown", "spelled", "words_of"]

_QUOTED: Final = re.compile(r"`([a-z_0-9]+)`")
_OF_MOVES: Final = "0.5.6"
"""The version of sglang whose names moves use."""


def changes(diagnosis: Diagnosis) -> tuple[tuple[Launch, Move], ...]:
    """What to change for the launch after the last one: the best way out of each of its failures, then of
    each warning. What one finding says of an argument, a lesser one does not change again."""
    found: dict[str, tuple[Launch, Move]] = {}
    last = len(diagnosis.launches) - 1
    for finding in sorted(diagnosis.findings, key=lambda one: -list(Severity).index(one.severity)):
        if finding.severity is Severity.INFO or finding.launch != last or not finding.moves:
            continue
        for move in (finding.moves[0], *finding.also):
            if move.to is not None and move.to != move.was:
                found.setdefault(move.parameter, (diagnosis.launches[finding.launch], move))
    return tuple(found.values())


def flag(launch: Launch, parameter: str, value: Scalar) -> str:
    """The words that give an argument of a move a value, as this version of the server spells them."""
    return words_of(_schema(launch), _name(launch, parameter), value)


def words_of(schema: TargetSchema | None, name: str, value: Scalar) -> str:
    """The words that give an argument a value; without a `schema` as most servers spell them."""
    if schema is not None and (argument := schema.arguments.get(name)) is not None:
        if found := words(argument, value, name):
            return " ".join(found)
        if argument.flags:
            return f"no {argument.flags[0]}"
    plain = f"--{name.replace('_', '-')}"
    return f"no {plain}" if value is None else f"{plain} {shown(value)}"


def spelled(launch: Launch, sentence: str) -> str:
    """A sentence about arguments of moves, with the names that this version of the server uses."""
    return _QUOTED.sub(lambda found: f"`{_name(launch, found[1])}`", sentence)


def shown(value: Scalar) -> str:
    """A value for people: null is what the server chooses."""
    match value:
        case None:
            return "not given"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.10g}"
        case _:
            return str(value)


def _name(launch: Launch, parameter: str) -> str:
    if launch.server == "minisgl" or launch.version is None:
        return parameter
    with suppress(ValueError):
        return renamed("sglang", parameter, _OF_MOVES, launch.version) or parameter
    return parameter


def _schema(launch: Launch) -> TargetSchema | None:
    server = launch.server or "sglang"
    version = launch.version or ("0.1.0" if server == "minisgl" else _OF_MOVES)
    with suppress(SpacegenError, ValueError):
        return load(server, version)
    return None
