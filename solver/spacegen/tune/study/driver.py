"""The loop of a study: ask for trials, have them measured, tell what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import optuna
from optuna.trial import FrozenTrial, TrialState

from spacegen.api import Space
from spacegen.errors import EmptySpaceError, SpacegenError
from spacegen.language.expr import Scalar
from spacegen.tune.jobs import Executor, Job
from spacegen.tune.outcome import TRIES, Outcome
from spacegen.tune.sampling.encoding import Encoding
from spacegen.tune.sampling.ledger import ContestedError
from spacegen.tune.sizes import gpus_of
from spacegen.tune.study.attributes import (
    CONFIG,
    OUTCOME,
    RANK,
    TrialLike,
    as_stored,
    constrain,
    mark,
    outcome_of,
    trial_now,
    trials,
)
from spacegen.tune.study.doubts import Doubts
from spacegen.tune.study.interrupts import at_once, heed, putting_off
from spacegen.tune.study.observer import Observer
from spacegen.tune.study.opening import OpenStudy
from spacegen.tune.study.ownership import Ownership
from spacegen.tune.study.patience import Patience
from spacegen.tune.study.queueing import enqueue_failed
from spacegen.tune.study.records import Measurements, rank_of, record_of
from spacegen.tune.study.stopping import Ended, Stop
from spacegen.tune.study.storage import BROKEN, keeping
from spacegen.tune.study.telling import constraints, values, worst

__all__ = ["Driver", "Observer"]

_TICK: Final = 0.5
_ADOPTING: Final = 2.0
"""Seconds between looks for trials that nobody runs."""


@dataclass(frozen=True)
class _Flight:
    """A trial that is being measured."""

    trial: TrialLike
    config: dict[str, Scalar]
    tries: int
    lost: float
    """GPU-seconds of the tries before."""


class Driver:
    """Runs trials of a study on an executor, as one of any number of drivers.

    Each trial goes through the storage in this order: owner, params, config, outcome, told. Whoever takes
    over a trial of a driver that died goes on where that one stopped.
    """

    def __init__(
        self,
        opened: OpenStudy,
        space: Space,
        executor: Executor,
        *,
        stops: Sequence[Stop] = (),
        observer: Observer | None = None,
        gpus: Callable[[Mapping[str, Scalar]], int] | None = None,
    ) -> None:
        self._study, self._known, self._space = opened.study, opened.identity, space
        self._storage = opened.storage
        self._executor, self._stops, self._observer = executor, stops, observer or Observer()
        self._gpus = gpus or gpus_of(space)
        self._encoding = Encoding(space, opened.identity.labels)
        self._measurements = Measurements(opened.study, opened.identity)
        self._flying: dict[Future[Outcome], _Flight] = {}
        self._ended: Ended | None = None
        self._doubts = Doubts(opened.identity, self._measurements)
        self._patience = Patience(opened.storage, self._observer.troubled)
        self._unsaid: dict[int, tuple[TrialLike, Outcome]] = {}
        self._owner = Ownership(opened.study, opened.storage, self._unsaid)
        self._next_look = 0.0

    def run(self, wanted: int | None) -> Ended:
        """Goes on until the study has `wanted` finished trials in all (None: until something else ends it),
        those of other drivers included.

        Whatever ends this early (Ctrl-C, a fault) ends what runs, keeps what is finished and lets go of the
        rest. Raises UsageError where an enqueued trial cannot be had, the storage stays out of reach, or
        nothing measures what is sought.
        """
        with putting_off(), keeping(self._storage), self._owner:
            try:
                if not self._over(wanted):
                    enqueue_failed(self._study, self._storage)
                while self._goes_on(wanted):
                    pass
            except BaseException:
                self._abandon()
                raise
        return self._ended or Ended("trials", "all trials are finished")

    def _goes_on(self, wanted: int | None) -> bool:
        """Does what can be done now; False where nothing is left."""
        try:
            self._say()
            if self._over(wanted):
                return False
            self._owner.sign()
            self._launch(wanted)
            self._land()
            if self._doubts.misnamed is not None:
                raise self._doubts.misnamed
            self._patience.eased()
        except BROKEN as error:
            self._bear(error)
        return True

    def _bear(self, error: Exception) -> None:
        """Waits for a storage that may come back; servers go on. What the failed step left half done is
        adopted like that of a driver that died."""
        self._patience.bear(error)
        self._next_look = 0.0
        with suppress(*BROKEN):
            self._owner.recover({flight.trial.number for flight in self._flying.values()})

    @property
    def finished(self) -> int:
        """How many finished trials the study has; those that say nothing of their configs are none."""
        return len(trials(self._study, TrialState.COMPLETE))

    def _over(self, wanted: int | None) -> bool:
        """Whether nothing is left to do, for this driver and those whose trials it would adopt."""
        if self._flying:
            return False
        return self._ended is not None or (wanted is not None and self.finished >= wanted)

    # Starting

    def _launch(self, wanted: int | None) -> None:
        while len(self._flying) < self._executor.slots and not self._stopped():
            heed()
            if not self._adopted() and not self._asked(wanted):
                return

    def _stopped(self) -> bool:
        if self._ended is None and self._stops:
            records = self._measurements.records()
            self._ended = next((end for stop in self._stops if (end := stop.ended(records))), None)
        return self._ended is not None

    def _adopted(self) -> bool:
        """Goes on with a trial that nobody runs, if there is one."""
        if time.monotonic() < self._next_look:
            return False
        found = self._owner.adopt()
        if found is None:
            self._next_look = time.monotonic() + _ADOPTING
            return False
        outcome = outcome_of(found)
        if outcome is not None:
            self._tell(found, outcome)
        elif found.params.keys() >= self._encoding.distributions.keys():
            self._submit(found)
        else:
            # Its driver died while it asked: the sampler goes on with what the trial has.
            self._suggest(optuna.Trial(self._study, found._trial_id))
        return True

    def _asked(self, wanted: int | None) -> bool:
        """Begins a new trial; False where there is none to be had."""
        begun = TrialState.RUNNING, TrialState.COMPLETE
        # Nobody else begins one between the count and its trial.
        with self._storage.exclusive():
            if wanted is not None and len(trials(self._study, *begun)) >= wanted:
                return False
            try:
                trial = self._study.ask()
            except EmptySpaceError as error:
                # Of a space of single values, whose parameters no sampler is asked for.
                self._ended = Ended("exhausted", str(error))
                return False
            self._owner.take(trial)
        return self._suggest(trial)

    def _suggest(self, trial: optuna.Trial) -> bool:
        try:
            for name, choices in self._encoding.choices.items():
                trial.suggest_categorical(name, choices)
        except EmptySpaceError as error:
            self._owner.let_go(trial)
            self._ended = Ended("exhausted", str(error))
            return False
        except ContestedError:
            # Those who claim what is left try it, or die and leave it.
            self._owner.let_go(trial)
            return False
        except SpacegenError:
            self._owner.let_go(trial)
            raise
        self._submit(trial_now(self._study, trial))
        return True

    def _submit(self, trial: FrozenTrial, tries: int = 1, lost: float = 0.0) -> None:
        config = self._encoding.decode(trial.params)
        if CONFIG not in trial.user_attrs:
            mark(self._study, trial, RANK, rank_of(self._encoding, config))
            mark(self._study, trial, CONFIG, config)
        starts = self._owner.starts(trial)
        name = f"trial-{trial.number:05}" + (f"-{starts}" if starts > 1 else "")
        given = {**self._space.arguments, **config}
        future = self._executor.submit(Job(name=name, config=given, gpus=self._gpus(given)))
        self._flying[future] = _Flight(trial, config, tries, lost)
        self._observer.started(trial.number, config, starts)

    # Ending

    def _land(self) -> None:
        """Waits a little for trials to end, and tells those that did."""
        if not self._flying:
            # Others have the rest: they finish it, or die and leave it.
            at_once(lambda: time.sleep(0.0 if self._ended else _TICK / 2))
            return
        done, _ = at_once(lambda: wait(self._flying, _TICK, FIRST_COMPLETED))
        for future in done:
            self._arrived(self._flying[future], future.result())
            # Not before: what interrupts this finds the outcome there.
            del self._flying[future]
        self._say()

    def _arrived(self, flight: _Flight, outcome: Outcome) -> None:
        trial = flight.trial
        outcome = outcome.model_copy(update={"lost_gpu_seconds": flight.lost})
        if not self._owner.has(trial):
            self._owner.done(trial)
            if self._owner.told(trial):
                # The storage went away just after it had taken what it was told.
                self._unsaid[trial.number] = trial, outcome
            return
        failure = outcome.passing
        if failure is not None and flight.tries < TRIES:
            self._observer.retried(trial.number, failure)
            self._owner.restart(trial)
            self._submit(trial_now(self._study, trial), flight.tries + 1, outcome.gpu_seconds)
            return
        mark(self._study, trial, OUTCOME, as_stored(outcome))
        self._tell(trial, outcome)

    def _tell(self, trial: TrialLike, outcome: Outcome) -> None:
        """Finishes a trial whose outcome is stored."""
        goals = self._known.goals
        told = values(outcome, goals) if self._doubts.look(outcome) else None
        if outcome.failure is not None and outcome.failure.cause.teaches:
            told = worst(self._study, goals)
        if told is None:
            self._study.tell(trial.number, state=TrialState.FAIL)
        else:
            for name, value in constraints(outcome, self._known.limits).items():
                constrain(self._study, trial, name, value)
            self._study.tell(trial.number, told)
        self._owner.done(trial)
        self._ended = self._ended or self._doubts.count(outcome, told is None)
        self._unsaid[trial.number] = trial, outcome

    def _say(self) -> None:
        """Says what is finished. A record may have to wait for the storage."""
        for number, (trial, outcome) in tuple(self._unsaid.items()):
            record = record_of(self._study, trial_now(self._study, trial), outcome, self._known)
            self._observer.finished(record)
            del self._unsaid[number]

    def _abandon(self) -> None:
        """Ends what runs, and keeps what came to its end before."""
        at_once(self._executor.close)
        for future, flight in self._flying.items():
            ended = future.done() and not future.cancelled() and future.exception() is None
            outcome = future.result() if ended else None
            usable = outcome is not None and outcome.passing is None
            if outcome is not None and usable and self._owner.has(flight.trial):
                outcome = outcome.model_copy(update={"lost_gpu_seconds": flight.lost})
                mark(self._study, flight.trial, OUTCOME, as_stored(outcome))
                self._tell(flight.trial, outcome)
        self._flying.clear()
        self._say()
