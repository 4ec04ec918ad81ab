"""Arguments as words of the server that was launched."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Final

from spacegen.diagnose.advice.said import argument
from spacegen.diagnose.diagnosis import Diagnosis
from spacegen.diagnose.finding import Finding, Move, Severity
from spacegen.diagnose.finding import shown as written
from spacegen.diagnose.launch import Launch
from spacegen.diagnose.narrowing.moves import fits
from spacegen.diagnose.repeated import for_the_last
from spacegen.diagnose.versions import name_in, version_of
from spacegen.errors import SpacegenError
from spacegen.language.expr import Scalar
from spacegen.launch.flags import words
from spacegen.servers.schema import TargetSchema, load

__all__ = ["changes", "flag", "shown", "spelled", "words_of"]

_QUOTED: Final = re.compile(r"`([a-z_0-9]+)`")
_NOTHING: Final[Mapping[str, Move]] = MappingProxyType({})


def changes(diagnosis: Diagnosis) -> tuple[tuple[Launch, Move], ...]:
    """What to change for the launch after the last one: for each of its failures, then for each warning the
    best way out that runs into no failure of any launch, unless what is changed already is one. What one
    finding says of an argument, a lesser one does not change again. Findings of other nodes count, and of
    launches before it with the same arguments if it has not served."""
    failed = [one for one in diagnosis.findings if one.severity is Severity.ERROR]
    alike = for_the_last(diagnosis.launches)
    found: dict[str, Move] = {}
    for finding in sorted(diagnosis.findings, key=lambda one: one.severity.place):
        holds = finding.launch in alike
        if finding.severity is Severity.INFO or not holds or _kept(finding, found):
            continue
        ran = diagnosis.launches[finding.launch]
        for move in finding.moves:
            changed = {one.parameter: one for one in (*finding.also, move) if _changes(one)} | found
            if move.parameter not in found and _changes(move) and _is_sound(changed, ran, failed):
                found |= {move.parameter: move} | changed
                break
    return tuple((diagnosis.launches[-1], move) for move in found.values())


def _changes(move: Move) -> bool:
    return move.to is not None and move.to != move.was


def _is_sound(changed: Mapping[str, Move], ran: Launch, failed: Iterable[Finding]) -> bool:
    """Whether no failure would come that the launch as it `ran` was safe from."""
    return not any(_kept(one, ran=ran) and not _kept(one, changed, ran) for one in failed)


def _kept(finding: Finding, changed: Mapping[str, Move] = _NOTHING, ran: Launch | None = None) -> bool:
    """Whether one of the ways past a finding is taken by what is changed, or by what else ran."""
    for move in (*finding.moves, *finding.unless):
        if move.parameter in changed:
            value = changed[move.parameter].to
        else:
            value = None if ran is None else argument(ran, move.parameter)
        if value is not None and fits(move, value):
            return True
    return False


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
    return "not given" if value is None else written(value)


def _name(launch: Launch, parameter: str) -> str:
    if launch.server == "minisgl" or launch.version is None:
        return parameter
    with suppress(ValueError):
        return name_in(launch.version, parameter)
    return parameter


def _schema(launch: Launch) -> TargetSchema | None:
    server = launch.server or "sglang"
    with suppress(SpacegenError, ValueError):
        return load(server, version_of(launch))
    return None
