"""The front of a study measured again, so that no config stays on it by luck."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from optuna import Study

from spacegen.api import Space
from spacegen.language.expr import Scalar
from spacegen.tune.jobs import Executor, Job
from spacegen.tune.outcome import TRIES, Outcome
from spacegen.tune.sizes import gpus_of
from spacegen.tune.study.attributes import AGAIN_BY
from spacegen.tune.study.driver import Observer
from spacegen.tune.study.interrupts import at_once, putting_off
from spacegen.tune.study.opening import OpenStudy
from spacegen.tune.study.ownership import SIGN, Whereabouts, take_over_again
from spacegen.tune.study.patience import Patience
from spacegen.tune.study.records import records, store_again
from spacegen.tune.study.stopping import Ended, Stop
from spacegen.tune.study.storage import BROKEN, keeping
from spacegen.tune.summary.summary import summarise

__all__ = ["Missing", "measure_again", "missing_again"]

_busy: set[tuple[str, str]] = set()
"""The studies whose fronts this process measures again."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A measurement of a member of the front that is still to be made; `again` counts from 1."""

    trial: int
    again: int
    config: Mapping[str, Scalar]


def missing_again(opened: OpenStudy, repeats: int) -> list[Missing]:
    """What is missing for every member of the front to be measured `repeats` times in all."""
    known, found = opened.identity, records(opened.study)
    made = {(record.trial, record.again) for record in found}
    front = summarise(found, known.goals, known.limits).front
    return [
        Missing(one.trial, again, one.record.config)
        for again in range(1, repeats)
        for one in front
        if (one.trial, again) not in made
    ]


def measure_again(
    opened: OpenStudy,
    space: Space,
    executor: Executor,
    repeats: int,
    *,
    stops: Sequence[Stop] = (),
    observer: Observer | None = None,
) -> Ended | None:
    """Measures the front until each of its members was measured `repeats` times in all; medians may bring new
    members, which are measured too. Says why it ended earlier, if it did: one process of a study does this at
    a time. Raises UsageError where the storage stays out of reach."""
    rounds = _Rounds(opened, space, executor, stops, observer or Observer())
    with putting_off(), keeping(opened.storage), _alone(opened) as alone:
        if not alone:
            return Ended("again", "another process measures the front again")
        while wanted := rounds.wanted(repeats):
            if (ended := rounds.run(wanted)) is not None:
                return ended
    return None


@contextmanager
def _alone(opened: OpenStudy) -> Iterator[bool]:
    """Whether nobody else measures the front again, nor will before this is left."""
    study, key = opened.study, (opened.storage.label, opened.study.study_name)
    with opened.storage.exclusive():
        known = study.user_attrs.get(AGAIN_BY)
        other = None if known is None else Whereabouts.model_validate(known)
        alone = other is None or other.gone or (other.ours and key not in _busy)
        if other is not None and other.gone:
            take_over_again(study, other)
        if alone:
            _sign(study)
    if not alone:
        yield False
        return
    _busy.add(key)
    try:
        yield True
    finally:
        _busy.discard(key)
        # From a storage that is away the sign cannot be taken, and nobody heeds it.
        with suppress(*BROKEN):
            study.set_user_attr(AGAIN_BY, None)


def _sign(study: Study) -> None:
    study.set_user_attr(AGAIN_BY, Whereabouts.here().model_dump(mode="json"))


class _Rounds:
    def __init__(
        self,
        opened: OpenStudy,
        space: Space,
        executor: Executor,
        stops: Sequence[Stop],
        observer: Observer,
    ) -> None:
        self._opened, self._executor, self._observer = opened, executor, observer
        self._arguments, self._stops = space.arguments, stops
        self._gpus: Callable[[Mapping[str, Scalar]], int] = gpus_of(space)
        self._flying: dict[Future[Outcome], tuple[Missing, int]] = {}
        self._patience = Patience(opened.storage, self._observer.troubled)

    def wanted(self, repeats: int) -> list[Missing]:
        return self._patience.through(lambda: missing_again(self._opened, repeats))

    def run(self, wanted: Sequence[Missing]) -> Ended | None:
        """Makes these measurements; those that run go on while the storage is away."""
        waiting, ended = iter(wanted), None
        try:
            while True:
                if ended is None:
                    ended = self._patience.through(lambda: self._launch(waiting))
                if not self._flying:
                    return ended
                self._patience.through(self._land)
        except BaseException:
            self._abandon()
            raise

    def _launch(self, waiting: Iterator[Missing]) -> Ended | None:
        while len(self._flying) < self._executor.slots:
            known = records(self._opened.study) if self._stops else []
            ended = next((end for stop in self._stops if (end := stop.ended(known))), None)
            one = None if ended else next(waiting, None)
            if one is None:
                return ended
            self._submit(one, 1)
        return None

    def _land(self) -> None:
        done, _ = at_once(lambda: wait(self._flying, SIGN, FIRST_COMPLETED))
        _sign(self._opened.study)
        for future in done:
            self._landed(*self._flying[future], future.result())
            # Not before: what interrupts this finds the outcome there.
            del self._flying[future]

    def _submit(self, one: Missing, tries: int) -> None:
        given = {**self._arguments, **one.config}
        # Each try has a folder of its own, and the number of the measurement ends its name.
        name = f"trial-{one.trial:05}{f'-try-{tries}' if tries > 1 else ''}-again-{one.again}"
        self._flying[self._executor.submit(Job(name=name, config=given, gpus=self._gpus(given)))] = one, tries

    def _landed(self, one: Missing, tries: int, outcome: Outcome) -> None:
        failure = outcome.passing
        if failure is not None and tries < TRIES:
            self._observer.retried(one.trial, failure)
            self._submit(one, tries + 1)
            return
        self._keep(one, outcome)

    def _keep(self, one: Missing, outcome: Outcome) -> None:
        self._observer.finished(store_again(self._opened.study, one.trial, one.again, outcome))

    def _abandon(self) -> None:
        """Ends what runs, and keeps what came to its end before."""
        at_once(self._executor.close)
        for future, (one, _) in self._flying.items():
            ended = future.done() and not future.cancelled() and future.exception() is None
            outcome = future.result() if ended else None
            if outcome is not None and outcome.passing is None:
                self._keep(one, outcome)
        self._flying.clear()
