"""A study from its first trial to its front, whatever measures the configs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

from optuna.samplers import BaseSampler

from spacegen.api import Space
from spacegen.errors import Fault, UsageError
from spacegen.language.expr import Scalar
from spacegen.tune.again import measure_again, missing_again
from spacegen.tune.jobs import Executor
from spacegen.tune.metrics import DEFAULT_GOALS, Goal, Limit
from spacegen.tune.outcome import Failure
from spacegen.tune.record import Record
from spacegen.tune.results import ResultsFile
from spacegen.tune.sampling.bases import BASES, DRAWS, Base
from spacegen.tune.sampling.encoding import Encoding
from spacegen.tune.sampling.enqueue import put
from spacegen.tune.sampling.sampler import FeasibleSampler
from spacegen.tune.starting import Start, WarmStart, default_start, warm_starts
from spacegen.tune.study.attributes import ORIGIN
from spacegen.tune.study.driver import Driver, Observer
from spacegen.tune.study.identity import Identity
from spacegen.tune.study.keeping import Keeper, refuse_others
from spacegen.tune.study.opening import OpenStudy, open_study
from spacegen.tune.study.records import records
from spacegen.tune.study.stopping import Budget, Ended, Hopeless, Plateau, Stop, TimeOut
from spacegen.tune.study.storage import keeping, open_storage
from spacegen.tune.workload import Workload

__all__ = ["SAMPLERS", "Course", "Plan", "StudyObserver", "run"]

SAMPLERS: Final = (*BASES, *DRAWS)
"""Samplers by name: Optuna's behind the rules of a space, and plain draws."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a study is to do. `trials` is how many it has in the end, or with `more` how many more; `timeout`
    is in seconds, `repeats` how often each member of the front is measured in all."""

    study: str
    storage: str
    trials: int = 100
    more: bool = False
    sampler: str | BaseSampler = "tpe"
    seed: int = 0
    goals: Sequence[Goal] = DEFAULT_GOALS
    limits: Sequence[Limit] = ()
    workload: Workload = field(default_factory=Workload)
    model: str | None = None
    hardware: str | None = None
    conditions: Mapping[str, str] | None = None
    places: Mapping[str, str] | None = None
    simulated: bool = False
    timeout: float | None = None
    budget_gpu_hours: float | None = None
    plateau: int | None = None
    warm_start: Sequence[WarmStart] = ()
    repeats: int = 1
    migrate: bool = False
    results: Path | None = None

    def identity(self, space: Space) -> Identity:
        """What the study is about."""
        return Identity.of(
            space,
            self.workload,
            self.goals,
            self.limits,
            model=self.model,
            hardware=self.hardware,
            conditions=self.conditions,
            places=self.places,
            simulated=self.simulated,
            labels=True,
            sampler=self.sampler if isinstance(self.sampler, str) else type(self.sampler).__name__,
            seed=self.seed,
        )

    def proposing(self, space: Space) -> FeasibleSampler:
        """The sampler. Raises UsageError for a name that nobody knows."""
        found = self.sampler
        if isinstance(found, FeasibleSampler):
            hint = "give its base, such as `optuna.samplers.TPESampler()`"
            raise UsageError(Fault("the sampler is a `FeasibleSampler`, which is made here", hint=hint))
        return FeasibleSampler(space, cast("Base", found), seed=self.seed, labels=True)

    def stops(self) -> tuple[Stop, ...]:
        """What ends the study early, whatever it measures then."""
        found: list[Stop] = [Hopeless()]
        if self.timeout is not None:
            found.append(TimeOut(self.timeout))
        if self.budget_gpu_hours is not None:
            found.append(Budget(self.budget_gpu_hours))
        return tuple(found)


class StudyObserver(Observer):
    """Told what a study does; does nothing itself."""

    def opened(self, opened: OpenStudy, known: Sequence[Record]) -> None:
        """The study is open, and has these records."""

    def noted(self, note: str) -> None:
        """Something that people should know."""

    def begins(self, what: str, done: int, total: int) -> None:
        """What is measured from now on, and how much of it is done."""

    def advanced(self, done: int) -> None:
        """So many trials of the study are finished, in all its processes; told before `finished`."""


@dataclass(frozen=True, slots=True)
class Course:
    """A study that came to its end, and why it did."""

    opened: OpenStudy
    ended: Ended


def run(
    plan: Plan,
    space: Space,
    executor: Callable[[], Executor],
    *,
    observer: StudyObserver | None = None,
) -> Course:
    """Opens the study, begins it with the defaults and the warm starts, runs its trials and measures its
    front again. `executor` makes what runs jobs.

    Raises UsageError for a study of something else, EmptySpaceError for a space without solutions.
    """
    told = observer or StudyObserver()
    sampler = plan.proposing(space)
    starts = [default_start(space), *warm_starts(space, plan.warm_start, plan.seed)]
    file = None if plan.results is None else ResultsFile(plan.results)
    opened = _open(plan, space, sampler, file)
    for note in opened.notes:
        told.noted(note)
    with keeping(opened.storage):
        _begin(opened, space, starts, told)
        recorder = _Recorder(told, None if file is None else Keeper(opened, file))
        return _course(plan, space, opened, recorder, executor)


def _course(
    plan: Plan, space: Space, opened: OpenStudy, recorder: _Recorder, executor: Callable[[], Executor]
) -> Course:
    stops, told = plan.stops(), recorder.observer
    told.opened(opened, records(opened.study))
    recorder.catch_up()
    with closing(executor()) as running:
        trial_stops = stops if plan.plateau is None else (*stops, Plateau(plan.plateau, plan.goals))
        driver = Driver(opened, space, running, stops=trial_stops, observer=recorder)
        recorder.driver = driver
        wanted = plan.trials + (driver.finished if plan.more else 0)
        told.begins("trials", driver.finished, wanted)
        ended = driver.run(wanted)
        if ended.reason in ("trials", "plateau", "exhausted") and plan.repeats > 1:
            ended = _again(plan, opened, space, running, stops, recorder) or ended
    recorder.catch_up_for_the_dead()
    return Course(opened, ended)


def _open(plan: Plan, space: Space, sampler: FeasibleSampler, file: ResultsFile | None) -> OpenStudy:
    storage = open_storage(plan.storage)
    if file is not None:
        refuse_others(file, storage, plan.study)
    with keeping(storage):
        opened = open_study(storage, plan.study, plan.identity(space), space, sampler, migrate=plan.migrate)
        if file is not None and opened.study.study_name != plan.study:
            refuse_others(file, storage, opened.study.study_name)
    return opened


def _again(
    plan: Plan,
    opened: OpenStudy,
    space: Space,
    executor: Executor,
    stops: Sequence[Stop],
    recorder: _Recorder,
) -> Ended | None:
    missing = missing_again(opened, plan.repeats)
    if not missing:
        return None
    recorder.observer.begins("the front again", 0, len(missing))
    return measure_again(opened, space, executor, plan.repeats, stops=stops, observer=recorder)


def _begin(opened: OpenStudy, space: Space, starts: Sequence[Start], told: StudyObserver) -> None:
    """Puts what the study begins with before everything else, unless it is there."""
    encoding, study = Encoding(space, opened.identity.labels), opened.study
    # Whoever opened the study at the same time finds the defaults in their place.
    with opened.storage.exclusive():
        for start in starts:
            if put(study, encoding, encoding.encode(start.config), {ORIGIN: start.origin}):
                for note in start.notes:
                    told.noted(note)


class _Recorder(Observer):
    """Writes what is finished to the results file, and passes everything on."""

    def __init__(self, observer: StudyObserver, keeper: Keeper | None) -> None:
        self.observer, self._keeper = observer, keeper
        self.driver: Driver | None = None

    def catch_up(self) -> None:
        """Writes what an earlier run could not."""
        if self._keeper is not None:
            self._keeper.catch_up()

    def catch_up_for_the_dead(self) -> None:
        """Writes what others could not that were killed meanwhile."""
        if self._keeper is not None:
            self._keeper.catch_up_for_the_dead()

    def started(self, trial: int, config: Mapping[str, Scalar], starts: int) -> None:
        self.observer.started(trial, config, starts)

    def retried(self, trial: int, failure: Failure) -> None:
        self.observer.retried(trial, failure)

    def troubled(self, trouble: str) -> None:
        self.observer.noted(trouble)

    def finished(self, record: Record) -> None:
        if self._keeper is not None:
            self._keeper.keep(record)
        if self.driver is not None:
            self.observer.advanced(self.driver.finished)
        self.observer.finished(record)
