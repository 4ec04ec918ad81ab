"""Which parameters matter for each goal, as Optuna estimates it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from spacegen.tune.metrics import Goal
from spacegen.tune.report.columns import Column
from spacegen.tune.report.trials import Trial

if TYPE_CHECKING:
    from optuna.study import Study

__all__ = ["FEWEST", "importances"]

FEWEST: Final = 20
"""Fewer measured trials say nothing about importance."""

_BEST: Final = 5
"""How many trials the estimate wants among the best, at least."""


def importances(
    trials: Sequence[Trial], columns: Sequence[Column], goals: Sequence[Goal]
) -> Mapping[str, Mapping[str, float]]:
    """For each goal the share of each parameter that varies; nothing where trials are fewer than `FEWEST`.

    PED-ANOVA (Watanabe et al. 2023, through `optuna.importance`): how much a parameter's values in the best
    tenth of the trials differ from those in all of them.
    """
    points = {i: point for i, trial in enumerate(trials) if (point := trial.point(goals)) is not None}
    rows = list(points)
    varied = [column for column in columns if len({column.codes[i] for i in rows}) > 1]
    if len(rows) < FEWEST or not varied:
        return {}
    study = _study(list(points.values()), [_params(varied, i) for i in rows], varied)
    values = list(zip(*points.values(), strict=True))
    return {goal.metric: _shares(study, i, values[i]) for i, goal in enumerate(goals)}


def _params(columns: Sequence[Column], row: int) -> dict[str, int]:
    return {column.name: column.codes[row] for column in columns}


def _study(
    points: Sequence[Sequence[float]], params: Sequence[dict[str, int]], columns: Sequence[Column]
) -> Study:
    """A study in memory of these trials, every goal minimised."""
    import optuna

    kinds: dict[str, optuna.distributions.BaseDistribution] = {
        column.name: optuna.distributions.CategoricalDistribution(range(len(column.labels)))
        for column in columns
    }
    directions = [optuna.study.StudyDirection.MINIMIZE] * len(points[0])
    # `create_study` tells people of every study.
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(storage=optuna.storages.InMemoryStorage(), directions=directions)
    finally:
        optuna.logging.set_verbosity(level)
    study.add_trials(
        optuna.trial.create_trial(params=dict(config), distributions=kinds, values=point)
        for point, config in zip(points, params, strict=True)
    )
    return study


def _shares(study: Study, goal: int, values: Sequence[float]) -> dict[str, float]:
    import optuna

    if len(set(values)) == 1:
        return {}
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=max(0.1, _BEST / len(values)))
    with warnings.catch_warnings():
        # It tells everybody that less must be better, as it is here.
        warnings.simplefilter("ignore", UserWarning)
        found = optuna.importance.get_param_importances(
            study, evaluator=evaluator, target=lambda trial: trial.values[goal]
        )
    return {name: round(share, 4) for name, share in found.items()}
