"""Failures by their cause, those that say the same together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from spacegen.tune.outcome import Failure
from spacegen.tune.report.trials import Trial

__all__ = ["Failures", "failures"]

_NUMBER: Final = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Failures:
    """Trials that failed with the same words, numbers in them aside; `example` and `log` are those of the
    first."""

    cause: str
    example: Failure
    log: str | None
    trials: tuple[int, ...]


def failures(trials: Sequence[Trial]) -> tuple[Failures, ...]:
    """The failures of first measurements, the most frequent cause first, and its most frequent words."""
    found: dict[tuple[str, str], list[Trial]] = {}
    causes: dict[str, int] = {}
    for trial in trials:
        failure = trial.record.outcome.failure
        if failure is None:
            continue
        found.setdefault((str(failure.cause), _NUMBER.sub("0", failure.message)), []).append(trial)
        causes[str(failure.cause)] = causes.get(str(failure.cause), 0) + 1
    groups = [_group(cause, some) for (cause, _), some in found.items()]
    return tuple(sorted(groups, key=lambda one: (-causes[one.cause], one.cause, -len(one.trials))))


def _group(cause: str, trials: Sequence[Trial]) -> Failures:
    outcome = trials[0].record.outcome
    assert outcome.failure is not None
    return Failures(cause, outcome.failure, outcome.log, tuple(trial.number for trial in trials))
