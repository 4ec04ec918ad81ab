"""A space and what measures its configs, as the objective of anyone's own Optuna study."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias

from optuna import Study, Trial
from optuna.exceptions import ExperimentalWarning

from spacegen.engines.relation import normalise
from spacegen.engines.verdict import Acceptor
from spacegen.errors import UsageError
from spacegen.language.expr import Scalar
from spacegen.tune.callables import Benchmark, call
from spacegen.tune.jobs import Job, Runner, unreported
from spacegen.tune.metrics import DEFAULT_GOALS, Goal, Limit, missing
from spacegen.tune.outcome import TRIES, Cause, Outcome
from spacegen.tune.sampling.encoding import Encoding
from spacegen.tune.sizes import gpus_of
from spacegen.tune.study.attributes import CONFIG, IDENTITY, OUTCOME, RANK, SPACE, as_stored
from spacegen.tune.study.changes import written
from spacegen.tune.study.identity import Identity, differences, identity
from spacegen.tune.study.records import rank_of
from spacegen.tune.study.telling import constraints, values, worst
from spacegen.tune.workload import Workload

if TYPE_CHECKING:
    from spacegen.api import Space

__all__ = ["Objective"]

Values: TypeAlias = float | tuple[float, ...]


class Objective:
    """Suggests every parameter of a space in declared order, measures the config, and returns its values.

    `runner` is a `Runner`, or a function from a config to metrics by name. The study has `directions`; with
    one goal the objective returns a number, else a tuple. Each trial gets its outcome as an attribute and its
    service levels as constraints, and the study what it is about, so that `print_results` and
    `spacegen report` read it.

    A config that fails for reasons of its own, or is no solution (other samplers than `FeasibleSampler`
    propose such), completes with the worst values of the study and a constraint that it breaks. A failure
    that is not the config's is tried again, and then returned as NaN, which Optuna counts as a failed trial.
    """

    def __init__(
        self,
        space: Space,
        runner: Runner | Benchmark,
        goals: Sequence[Goal] = DEFAULT_GOALS,
        limits: Sequence[Limit] = (),
        *,
        labels: bool = False,
        workload: Workload | None = None,
    ) -> None:
        if not goals:
            raise UsageError("a study needs an objective")
        self.space, self.goals, self.limits = space, tuple(goals), tuple(limits)
        self._runner = runner
        self._encoding = Encoding(space, labels)
        self._workload = workload or Workload(name="benchmark")
        self._gpus = gpus_of(space)
        self._lock = Lock()
        self._known: set[str] = set()

    @property
    def directions(self) -> list[str]:
        """Of the study, in the order of the goals."""
        return [goal.direction for goal in self.goals]

    def __call__(self, trial: Trial) -> Values:
        """The values of a trial. Raises UsageError for a study of something else or with other directions."""
        self._introduce(trial.study)
        for name, choices in self._encoding.choices.items():
            trial.suggest_categorical(name, choices)
        config = self._encoding.decode(trial.params)
        trial.set_user_attr(CONFIG, config)
        outcome = self._measured(trial, config)
        trial.set_user_attr(OUTCOME, as_stored(outcome))
        for name, value in constraints(outcome, self.limits).items():
            trial.set_constraint(name, value)
        return self._told(trial.study, outcome)

    @cached_property
    def _acceptor(self) -> Acceptor:
        return Acceptor(normalise(self.space.model))

    def _measured(self, trial: Trial, config: Mapping[str, Scalar]) -> Outcome:
        row = self._encoding.row(trial.params)
        if row is None or not self._acceptor.accepts(self._encoding.block(row))[0]:
            return Outcome.failed(Cause.ARGUMENTS, f"no solution of `{self.space.name}`")
        if (rank := rank_of(self._encoding, config)) is not None:
            trial.set_user_attr(RANK, rank)
        for attempt in range(TRIES):
            outcome = self._run(f"trial-{trial.number:05d}-{attempt}", config)
            if outcome.passing is None:
                break
        return _with_goals(outcome, self.goals)

    def _run(self, name: str, config: Mapping[str, Scalar]) -> Outcome:
        given = {**self.space.arguments, **config}
        if isinstance(self._runner, Runner):
            return self._runner.run(Job(name=name, config=given, gpus=self._gpus(given)), unreported)
        return call(self._runner, given)

    def _told(self, study: Study, outcome: Outcome) -> Values:
        if outcome.passing is not None:
            found = [math.nan] * len(self.goals)
        else:
            found = values(outcome, self.goals) or worst(study, self.goals)
        return found[0] if len(found) == 1 else tuple(found)

    def _introduce(self, study: Study) -> None:
        """Writes into the study what it is about, or makes sure that this is the same."""
        with self._lock:
            if study.study_name in self._known:
                return
            wanted = Identity.of(
                self.space, self._workload, self.goals, self.limits, labels=self._encoding.labels
            )
            _check_directions(study, self.directions)
            if IDENTITY not in study.user_attrs:
                study.set_user_attr(SPACE, written(self.space))
                study.set_user_attr(IDENTITY, wanted.named().model_dump(mode="json"))
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ExperimentalWarning)
                    study.set_metric_names([goal.metric for goal in self.goals])
            elif unlike := list(differences(identity(study), wanted)):
                told = "; ".join(map(str, unlike))
                raise UsageError(f"the study `{study.study_name}` is about something else: {told}")
            self._known.add(study.study_name)


def _check_directions(study: Study, wanted: Sequence[str]) -> None:
    found = [direction.name.lower() for direction in study.directions]
    if found != list(wanted):
        told = f"the study has directions {found}, and the goals {list(wanted)}"
        raise UsageError(f"{told}: make it with `directions=objective.directions`")


def _with_goals(outcome: Outcome, goals: Sequence[Goal]) -> Outcome:
    """The outcome, a failure where it lacks a metric that is an objective."""
    if not outcome.ok or not (lacking := missing(outcome.values(), goals)):
        return outcome
    known: dict[str, Any] = outcome.model_dump(exclude={"metrics", "failure", "repeats"})
    known["gpu_use"] = outcome.gpu_use
    return Outcome.failed(Cause.LOAD, f"no metric `{lacking[0]}` was measured", **known)
