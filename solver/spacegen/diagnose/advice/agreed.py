"""Advice beside failures of other launches: it goes no further than where such a launch has failed.

What holds of the static share, which one may work out, is said by the window.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from spacegen.diagnose.advice.instead import Instead, replaced
from spacegen.diagnose.advice.opposed import opposed
from spacegen.diagnose.advice.said import Key, argument, key
from spacegen.diagnose.advice.window import likeness
from spacegen.diagnose.finding import Finding, Move, Severity, shown
from spacegen.diagnose.launch import Launch
from spacegen.diagnose.versions import both_names
from spacegen.language.expr import Scalar
from spacegen.language.model import is_number, same_value

__all__ = ["agreed"]


@dataclass(frozen=True, slots=True)
class _Failure:
    """What a launch that failed in all but this argument like another wants of the argument."""

    id: str
    was: Scalar
    way: Move


def agreed(launches: Sequence[Launch], findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings with moves that lead to no launch that has failed, as far as launches are alike."""
    known = tuple(findings)
    errors = [one for one in known if one.severity is Severity.ERROR and launches[one.launch].arguments]
    for finding in known:
        yield _agreed(launches, errors, finding) if finding.moves else finding


def _agreed(launches: Sequence[Launch], errors: Sequence[Finding], finding: Finding) -> Finding:
    instead = {}
    for move in finding.moves:
        against = _against(launches, errors, finding, move)
        if not against:
            continue
        kept = _short_of(move, against)
        if kept is not None:
            instead[move] = Instead(kept, kept)
            continue
        # A failure has a way out in it still: what lies between nobody has tried.
        rest = move.model_copy(update={"to": None}) if finding.severity is Severity.ERROR else None
        instead[move] = Instead(rest, f"changing `{move.parameter}` does not help: {_ends(against)}")
    return replaced(finding, instead)


def _ends(against: Iterable[_Failure]) -> str:
    return " and ".join(f"with {shown(one.was)} the launch ends in `{one.id}`" for one in against)


def _against(
    launches: Sequence[Launch], errors: Sequence[Finding], finding: Finding, move: Move
) -> list[_Failure]:
    """The failures that the value to try leads to, where launches differ in that argument alone."""
    launch, name = launches[finding.launch], move.parameter
    if move.to is None or name == key(launch, Key.SHARE) or not launch.arguments:
        return []
    names = set(both_names(name))
    found = {}
    for error in errors:
        other = launches[error.launch]
        if error.launch == finding.launch or likeness(other, *names) != likeness(launch, *names):
            continue
        ways = (*error.moves, *error.unless)
        if any(_meets(way, change) for way in ways for change in finding.also):
            continue
        for way in ways:
            if way.parameter == name and opposed(_exactly(move), way):
                found[error.launch] = _Failure(error.id, argument(other, name), way)
    return list(found.values())


def _exactly(move: Move) -> Move:
    """The value to try, and no other."""
    to = move.to
    if not is_number(to):
        return Move(parameter=move.parameter, among=(to,))
    return Move(parameter=move.parameter, at_least=to, at_most=to)


def _meets(way: Move, change: Move) -> bool:
    """Whether what changes with a move is a way out of the failure."""
    return way.parameter == change.parameter and not opposed(way, _exactly(change))


def _short_of(move: Move, against: Iterable[_Failure]) -> Move | None:
    """The move within what the failures leave; None where that is nothing."""
    to, was = move.to, move.was
    if not is_number(to) or move.among is not None:
        return None
    low = max((one.way.at_least for one in against if one.way.at_least is not None), default=-math.inf)
    high = min((one.way.at_most for one in against if one.way.at_most is not None), default=math.inf)
    bottom = max(low, -math.inf if move.at_least is None else move.at_least)
    top = min(high, math.inf if move.at_most is None else move.at_most)
    proposed = [one.way.to for one in against if isinstance(one.way.to, int | float)]
    near = min(
        (value for value in proposed if bottom <= value <= top), key=lambda v: abs(v - to), default=None
    )
    nearest = near if near is not None else min(max(to, bottom), top)
    if bottom > top or same_value(nearest, was):
        return None
    return move.model_copy(
        update={
            "at_least": bottom if math.isfinite(bottom) else None,
            "at_most": top if math.isfinite(top) else None,
            "to": nearest,
            "because": _ends(against),
        }
    )
