"""The objective for anyone's own Optuna study."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from spacegen import Space, UsageError
from spacegen.tune.callables import call
from spacegen.tune.jobs import Job, Report
from spacegen.tune.metrics import Goal, Limit
from spacegen.tune.objective import Objective
from spacegen.tune.outcome import Cause, Outcome
from spacegen.tune.sampling.sampler import FeasibleSampler
from spacegen.tune.study.records import records
from spacegen.tune.summary.summary import summarise

SPACE = Space.build("small", {"a": [1, 2, 4], "b": [1, 2, 4], "c": [False, True]}, ["a * b <= 4"])
LESS = (Goal("cost", "minimize"),)


def cost(config: Mapping[str, Any]) -> dict[str, float]:
    return {"ttft": config["a"] / config["b"], "tps": config["a"] * 10.0, "cost": -config["a"]}


def study_of(objective: Objective, sampler: Any = None) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    chosen = sampler or FeasibleSampler(SPACE)
    return optuna.create_study(directions=objective.directions, sampler=chosen)


def test_two_goals_make_a_front() -> None:
    objective = Objective(SPACE, cost)
    study = study_of(objective)
    study.optimize(objective, n_trials=12)
    assert {tuple(trial.values) for trial in study.best_trials} == {(0.25, 10.0), (1.0, 20.0), (4.0, 40.0)}
    assert study.metric_names == ["ttft", "tps"]
    found = summarise(records(study), objective.goals)
    assert {trial.number for trial in study.best_trials} == {one.trial for one in found.front}
    assert all(record.rank == SPACE.rank(record.config) for record in records(study))


def test_one_goal_has_a_best_value_and_parameters_come_in_order() -> None:
    objective = Objective(SPACE, cost, LESS)
    study = study_of(objective)
    study.optimize(objective, n_trials=12)
    assert study.best_value == -4
    assert list(study.best_params) == ["a", "b", "c"]


def test_labels_are_decoded_before_the_benchmark_sees_them() -> None:
    seen: list[Any] = []
    objective = Objective(SPACE, lambda config: cost(seen.append(config) or config), labels=True)
    study = study_of(objective, FeasibleSampler(SPACE, labels=True))
    study.optimize(objective, n_trials=3)
    assert all(type(config["a"]) is int and type(config["c"]) is bool for config in seen)
    assert study.trials[0].params["c"] in ("true", "false")


def test_another_sampler_may_propose_what_is_no_solution_and_learns() -> None:
    launched: list[Any] = []
    objective = Objective(SPACE, lambda config: cost(launched.append(config) or config))
    study = study_of(objective, optuna.samplers.RandomSampler(seed=1))
    study.optimize(objective, n_trials=20)
    assert all(config["a"] * config["b"] <= 4 for config in launched)
    broken = [trial for trial in study.trials if trial.params["a"] * trial.params["b"] > 4]
    assert broken
    assert {trial.state for trial in broken} == {TrialState.COMPLETE}
    assert not {trial.number for trial in broken} & {trial.number for trial in study.best_trials}
    assert summarise(records(study), objective.goals).failures == {"arguments": len(broken)}


def test_a_failure_costs_the_worst_values() -> None:
    def brittle(config: Mapping[str, Any]) -> dict[str, float]:
        if config["c"]:
            raise MemoryError("out of memory")
        return cost(config)

    objective = Objective(SPACE, brittle)
    study = study_of(objective)
    study.enqueue_trial({"a": 1, "b": 1, "c": False})
    study.enqueue_trial({"a": 4, "b": 1, "c": False})
    study.enqueue_trial({"a": 2, "b": 2, "c": True})
    study.optimize(objective, n_trials=3)
    assert study.trials[2].values == [4.0, 10.0]
    assert 2 not in {trial.number for trial in study.best_trials}
    failure = records(study)[2].outcome.failure
    assert failure is not None
    assert (failure.cause, failure.message) == (Cause.CRASH, "MemoryError: out of memory")


def test_a_missed_service_level_is_a_constraint() -> None:
    objective = Objective(SPACE, cost, limits=[Limit("tps", ">=", 20)])
    study = study_of(objective)
    study.optimize(objective, n_trials=12)
    assert {trial.params["a"] for trial in study.best_trials} == {2, 4}


class Flaky:
    """A runner whose load generator fails a number of times."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.jobs: list[Job] = []

    def run(self, job: Job, report: Report) -> Outcome:
        report(job, "measuring")
        self.jobs.append(job)
        if len(self.jobs) <= self.failures:
            return Outcome.failed(Cause.LOAD, "no answer")
        return Outcome(metrics=cost(job.config), gpu_ids=("0",))


def test_a_failure_that_is_not_the_configs_is_tried_again() -> None:
    runner = Flaky(2)
    objective = Objective(SPACE, runner)
    study = study_of(objective)
    study.optimize(objective, n_trials=1)
    assert study.trials[0].state is TrialState.COMPLETE
    assert len({job.name for job in runner.jobs}) == 3


@pytest.mark.parametrize("goals", [LESS, (Goal("ttft", "minimize"), Goal("tps", "maximize"))])
def test_and_then_counts_as_failed(goals: tuple[Goal, ...]) -> None:
    objective = Objective(SPACE, Flaky(9), goals)
    study = study_of(objective)
    study.optimize(objective, n_trials=1)
    assert study.trials[0].state is TrialState.FAIL


def test_a_study_of_other_goals_is_refused() -> None:
    first = Objective(SPACE, cost, LESS)
    study = study_of(first)
    study.optimize(first, n_trials=1)
    with pytest.raises(UsageError, match="objectives: `minimize cost` → `minimize ttft`"):
        study.optimize(Objective(SPACE, cost, [Goal("ttft", "minimize")]), n_trials=1)
    with pytest.raises(UsageError, match=r"directions=objective\.directions"):
        study.optimize(Objective(SPACE, cost), n_trials=1)


def test_nothing_is_warned_about() -> None:
    objective = Objective(SPACE, cost)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        study = study_of(objective)
        study.optimize(objective, n_trials=3)


@pytest.mark.parametrize("found", [3.0, {"a": "fast"}, {"a": True}, {1: 2.0}, None])
def test_a_benchmark_returns_metrics_by_name(found: Any) -> None:
    with pytest.raises(UsageError, match="the benchmark returned"):
        call(lambda _: found, {})


def test_an_outcome_of_a_benchmark_is_taken_as_it_is() -> None:
    outcome = Outcome.failed(Cause.TIMEOUT, "late")
    assert call(lambda _: outcome, {}).failure == outcome.failure
    assert math.isclose(call(lambda _: {"a": 1}, {}).metrics["a"], 1.0)
