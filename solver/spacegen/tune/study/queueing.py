"""Configs that get another trial."""

from __future__ import annotations

from typing import Any

from optuna.study import Study
from optuna.trial import TrialState

from spacegen.tune.study.attributes import FROM, ORIGIN, counts, outcome_of, trials
from spacegen.tune.study.storage import StudyStorage

__all__ = ["enqueue_failed"]


def enqueue_failed(study: Study, storage: StudyStorage) -> int:
    """Enqueues the configs of trials that failed for no fault of theirs, unless another trial has them, and
    says how many: samplers would never come back to them."""
    enqueued = 0
    with storage.exclusive():
        others = filter(counts, trials(study))
        known = [trial.system_attrs.get("fixed_params", trial.params) for trial in others]
        for trial in trials(study, TrialState.FAIL):
            if outcome_of(trial) is not None and trial.params not in known:
                attributes: dict[str, Any] = {
                    key: trial.user_attrs[key] for key in (ORIGIN, FROM) if key in trial.user_attrs
                }
                study.enqueue_trial(dict(trial.params), user_attrs=attributes)
                known.append(trial.params)
                enqueued += 1
    return enqueued
