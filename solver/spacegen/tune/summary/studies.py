"""What a study found: one that was made here, or any other of Optuna."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from typing import TextIO

import optuna
from optuna import Study
from optuna.trial import FrozenTrial

import spacegen
from spacegen.tune.metrics import Goal
from spacegen.tune.outcome import Outcome
from spacegen.tune.record import Provenance, Record
from spacegen.tune.study.attributes import IDENTITY
from spacegen.tune.study.identity import identity
from spacegen.tune.study.records import records
from spacegen.tune.summary.console import in_words
from spacegen.tune.summary.measured import Measured
from spacegen.tune.summary.summary import Summary, summarise
from spacegen.tune.workload import Workload

__all__ = ["print_results", "summary_of"]


def print_results(study: Study, file: TextIO | None = None) -> None:
    """Prints what a study found, on stdout unless another file is given."""
    for line in in_words(summary_of(study)):
        print(line, file=file or sys.stdout)


def summary_of(study: Study) -> Summary:
    """What a study found. Of one that was not made here its values are known, and nothing behind them."""
    if IDENTITY not in study.user_attrs:
        return _foreign(study)
    known = identity(study)
    found = summarise(records(study), known.goals, known.limits, study=study.study_name)
    # Also before there is a record that says so.
    return replace(found, simulated=found.simulated or known.simulated)


def _foreign(study: Study) -> Summary:
    names = study.metric_names or [f"value_{i}" for i in range(len(study.directions))]
    goals = tuple(
        Goal(name, "minimize" if direction == optuna.study.StudyDirection.MINIMIZE else "maximize")
        for name, direction in zip(names, study.directions, strict=True)
    )
    found = study.get_trials(deepcopy=False)
    states = Counter(str(trial.state.name).lower() for trial in found if trial.state.is_finished())
    complete = states.pop("complete", 0)
    front = [_measured(study, trial, goals) for trial in study.best_trials] if complete else []
    return Summary(
        study=study.study_name,
        goals=goals,
        limits=(),
        finished=complete + sum(states.values()),
        front=tuple(sorted(front, key=lambda one: one.metrics[goals[0].metric] * goals[0].sign)),
        missed=(),
        failures=dict(states.most_common()),
        defaults=None,
        provenance=None,
        simulated=False,
    )


def _measured(study: Study, trial: FrozenTrial, goals: tuple[Goal, ...]) -> Measured:
    metrics = {goal.metric: value for goal, value in zip(goals, trial.values, strict=True)}
    unknown = Provenance(spacegen=spacegen.__version__, workload=Workload())
    record = Record(
        study=study.study_name,
        trial=trial.number,
        config=trial.params,
        outcome=Outcome(metrics=metrics),
        provenance=unknown,
    )
    return Measured(record, metrics, {}, {}, times=1)
