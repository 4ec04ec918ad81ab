"""Advice beside failures of other launches: it goes no further than where such a launch has failed.

What holds of the static share, which one may work out, is said by the window.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from spacegen.diagnose.advice.opposed import opposed
from spacegen.diagnose.advice.said import Key, key, shown
from spacegen.diagnose.advice.ways import told
from spacegen.diagnose.advice.window import likeness
from spacegen.diagnose.finding import Finding, Move, Severity
from spacegen.diagnose.launch import Launch
from spacegen.diagnose.versions import both_names
from spacegen.language.expr import Scalar
from spacegen.language.model import same_value

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
    moves, advice = [], list(finding.advice)
    for move in finding.moves:
        against = _against(launches, errors, finding, move)
        if not against:
            moves.append(move)
            continue
        kept = _short_of(move, against)
        if kept is None:
            where = " and ".join(f"{shown(one.was)} ends in `{one.id}`" for one in against)
            said = f"another `{move.parameter}` does not help: {where}"
        else:
            said = told(kept)
        failed = finding.severity is Severity.ERROR
        # A failure has a way out in it still: what lies between nobody has tried.
        moves += [kept] if kept is not None else [move.model_copy(update={"to": None})] if failed else []
        advice = [said if sentence == told(move) else sentence for sentence in advice]
    return finding.model_copy(update={"moves": tuple(moves), "advice": tuple(advice)})


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
                found[error.launch] = _Failure(error.id, _value(other, names), way)
    return list(found.values())


def _value(launch: Launch, names: Iterable[str]) -> Scalar:
    return next((launch.arguments[name] for name in names if name in launch.arguments), None)


def _exactly(move: Move) -> Move:
    """The value to try, and no other."""
    to = move.to
    if isinstance(to, bool) or not isinstance(to, int | float):
        return Move(parameter=move.parameter, among=(to,))
    return Move(parameter=move.parameter, at_least=to, at_most=to)


def _meets(way: Move, change: Move) -> bool:
    """Whether what changes with a move is a way out of the failure."""
    return way.parameter == change.parameter and not opposed(way, _exactly(change))


def _short_of(move: Move, against: Iterable[_Failure]) -> Move | None:
    """The move within what the failures leave; None where that is nothing."""
    to, was = move.to, move.was
    if isinstance(to, bool) or not isinstance(to, int | float) or move.among is not None:
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
    failed = " and ".join(f"{shown(one.was)} ends in `{one.id}`" for one in against)
    return move.model_copy(
        update={
            "at_least": bottom if math.isfinite(bottom) else None,
            "at_most": top if math.isfinite(top) else None,
            "to": nearest,
            "because": failed,
        }
    )
