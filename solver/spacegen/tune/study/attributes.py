"""What a study and its trials carry: the names of their attributes, and how those of a running trial are
written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, Protocol

from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from spacegen.tune.outcome import Outcome

__all__ = [
    "AGAIN",
    "AGAIN_BY",
    "CONFIG",
    "DRIVER",
    "FROM",
    "IDENTITY",
    "ORIGIN",
    "OUTCOME",
    "OWNER",
    "RANK",
    "SPACE",
    "TrialLike",
    "as_stored",
    "constrain",
    "counts",
    "mark",
    "outcome_of",
    "trial_now",
    "trials",
]

IDENTITY: Final = "spacegen:identity"
"""Of a study: what it is about."""
SPACE: Final = "spacegen:space"
"""Of a study: the space as YAML."""
DRIVER: Final = "spacegen:driver:"
"""Of a study, with the id of a driver: where it runs, and until when it is trusted to."""
AGAIN: Final = "spacegen:again:"
"""Of a study, with `TRIAL:NUMBER`: what measuring the config of a trial once more gave."""

AGAIN_BY: Final = "spacegen:again-by"
"""Of a study: the process that measures its front again."""

CONFIG: Final = "spacegen:config"
"""Of a trial: its config, a solution of the space."""
RANK: Final = "spacegen:rank"
ORIGIN: Final = "spacegen:origin"
"""Of a trial: where its config came from, if not from the sampler."""
OWNER: Final = "spacegen:owner"
"""Of a trial: the driver that runs it, and how often it was started."""
OUTCOME: Final = "spacegen:outcome"
FROM: Final = "spacegen:from"
"""Of a trial: the study and the trial that it was taken over from."""


class TrialLike(Protocol):
    """What `optuna.Trial` and `FrozenTrial` have in common here."""

    _trial_id: int

    @property
    def number(self) -> int: ...


# Optuna has no public way to write to a running trial that another process asked for: its storage has.


def mark(study: Study, trial: TrialLike, key: str, value: Any) -> None:
    """Sets an attribute of a running trial, whoever asked for it."""
    study._storage.set_trial_user_attr(trial._trial_id, key, value)


def constrain(study: Study, trial: TrialLike, key: str, value: float) -> None:
    """What `Trial.set_constraint` does, for whoever asked for the trial."""
    study._storage.set_trial_system_attr(trial._trial_id, f"constraints:{key}", value)


def trials(study: Study, *states: TrialState) -> list[FrozenTrial]:
    """The trials in these states (all of them without any) as they are now, not to be changed."""
    return study._storage.get_all_trials(study._study_id, deepcopy=False, states=states or None)


def trial_now(study: Study, trial: TrialLike) -> FrozenTrial:
    """A trial as it is now."""
    return study._storage.get_trial(trial._trial_id)


def counts(trial: FrozenTrial) -> bool:
    """Whether a trial is one of those that somebody asked for. What never came to a launch is none, nor what
    failed for no fault of its config, which says nothing."""
    return trial.state != TrialState.FAIL


def as_stored(outcome: Outcome) -> dict[str, Any]:
    """An outcome as JSON for a storage. Metrics that are no numbers say nothing, and JSON has no words for
    them: they are left out."""
    return outcome.model_copy(
        update={
            "metrics": _finite(outcome.metrics),
            "repeats": tuple(map(_finite, outcome.repeats)),
        }
    ).model_dump(mode="json")


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


def outcome_of(trial: FrozenTrial) -> Outcome | None:
    """What came of a trial, None before it was measured."""
    found = trial.user_attrs.get(OUTCOME)
    return None if found is None else Outcome.model_validate(found)
