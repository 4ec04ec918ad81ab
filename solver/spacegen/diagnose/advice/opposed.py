"""Advice beside errors of the same launch: what would make an error worse waits until that is mended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from spacegen.diagnose.advice.instead import Instead, replaced
from spacegen.diagnose.finding import Finding, Move, Severity
from spacegen.language.model import same_value

__all__ = ["opposed", "settled"]


def settled(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings about one launch, without moves of advice that go the other way than an error's do.

    Of a warning what is seen remains, of a note nothing where it has no other move.
    """
    known = tuple(findings)
    errors = [one for one in known if one.severity is Severity.ERROR]
    for finding in known:
        if finding.severity is Severity.ERROR:
            yield finding
        else:
            yield from _beside(errors, finding)


def _beside(errors: Sequence[Finding], finding: Finding) -> Iterator[Finding]:
    # What has to change with the best way out is as much against it as the way itself.
    first = next((error for error in errors for move in finding.also if _against(error, move)), None)
    waits = {}
    for move in finding.moves:
        if error := first or next((one for one in errors if _against(one, move)), None):
            waits[move] = Instead(None, f"fix `{error.id}` before {move.doing}, which would make it worse")
    if not waits or any(move not in waits for move in finding.moves):
        yield replaced(finding, waits)
    elif finding.severity is not Severity.INFO:
        actions = tuple(dict.fromkeys(one.action for one in waits.values()))
        yield finding.model_copy(update={"moves": (), "also": (), "unless": (), "actions": actions})


def _against(error: Finding, move: Move) -> bool:
    return any(opposed(one, move) for one in (*error.moves, *error.unless))


def opposed(one: Move, other: Move) -> bool:
    """Whether no value keeps to both, where both say in which direction or which values."""
    if one.parameter != other.parameter:
        return False
    if one.among is not None and other.among is not None:
        return not any(same_value(a, b) for a in one.among for b in other.among)
    return _above(one, other) or _above(other, one)


def _above(one: Move, other: Move) -> bool:
    return one.at_least is not None and other.at_most is not None and one.at_least > other.at_most
