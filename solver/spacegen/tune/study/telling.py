"""What a sampler is told of an outcome: values, and constraints that say whether they mean anything."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from optuna.study import Study
from optuna.trial import TrialState

from spacegen.tune.metrics import Goal, Limit
from spacegen.tune.outcome import Outcome
from spacegen.tune.study.attributes import outcome_of, trials

__all__ = ["FAILED", "constraints", "values", "worst"]

FAILED: Final = "failed"
"""The constraint of a config that gives no metrics: 1,000 where it failed, so that to miss a service level is
better; 0 elsewhere."""

_FAR: Final = 1e3
_NOTHING_YET: Final = 1e6


def values(outcome: Outcome, goals: Sequence[Goal]) -> list[float] | None:
    """What a measurement gave for each objective; None where one is missing or no number."""
    known = outcome.values()
    found = [known.get(goal.metric, math.nan) for goal in goals]
    return found if all(map(math.isfinite, found)) else None


def constraints(outcome: Outcome, limits: Sequence[Limit]) -> dict[str, float]:
    """What has to be at most 0: each service level, and that there are metrics at all."""
    known = outcome.values()
    found = {FAILED: 0.0 if outcome.ok else _FAR}
    return found | {str(limit): limit.violation(known) for limit in limits}


def worst(study: Study, goals: Sequence[Goal]) -> list[float]:
    """The penalties of a config that failed: in each objective the worst that any other gave, so that no
    sampler sees a scale that nothing has. Before there is one, 1,000,000 where less is better and 0 where
    more is."""
    known = [
        found
        for trial in trials(study, TrialState.COMPLETE)
        if (outcome := outcome_of(trial)) is not None
        and outcome.ok
        and (found := values(outcome, goals)) is not None
    ]
    if not known:
        return [_NOTHING_YET if goal.sign > 0 else 0.0 for goal in goals]
    return [
        max(column) if goal.sign > 0 else min(column)
        for goal, column in zip(goals, zip(*known, strict=True), strict=True)
    ]
