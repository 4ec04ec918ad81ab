"""A driver that dies at each of its writes in turn, before or after it: the next one goes on from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from spacegen.tune import enqueue
from spacegen.tune.jobs import Job
from spacegen.tune.outcome import Outcome
from spacegen.tune.record import Record
from spacegen.tune.results import ResultsFile
from spacegen.tune.running.threads import ThreadExecutor
from spacegen.tune.study.driver import Driver, Observer
from spacegen.tune.study.keeping import Keeper
from spacegen.tune.study.records import records
from spacegen.tune.study.storage import StudyStorage, open_storage
from tune_studies import TINY, measured, opened

TRIALS = 4
WRITES = (
    "create_new_trial",
    "set_trial_param",
    "set_trial_state_values",
    "set_trial_system_attr",
    "set_trial_user_attr",
    "set_study_user_attr",
)


class Death(BaseException):
    """What ends a process; nothing that it does afterwards has an effect."""


@contextmanager
def dying(storage: StudyStorage, at: int, after: bool) -> Iterator[Callable[[], int]]:
    """A storage whose `at`-th write (counted from 1) is the last of whoever makes it; counts the writes."""
    writes = 0

    def mortal(write: Callable[..., Any]) -> Callable[..., Any]:
        def writing(*given: Any, **named: Any) -> Any:
            nonlocal writes
            writes += 1
            if writes < at:
                return write(*given, **named)
            if writes == at and after:
                write(*given, **named)
            raise Death

        return writing

    assert isinstance(storage.optuna, InMemoryStorage)
    with pytest.MonkeyPatch.context() as patch:
        for name in WRITES:
            patch.setattr(storage.optuna, name, mortal(getattr(storage.optuna, name)))
        yield lambda: writes


class Keeping(Observer):
    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def finished(self, record: Record) -> None:
        self._keeper.keep(record)


def drive(storage: StudyStorage, file: ResultsFile, measurements: list[str]) -> None:
    """What a command does, in short."""

    def counted(job: Job) -> Outcome:
        measurements.append(str(job.config))
        return measured(job)

    study = opened(storage)
    with study.storage.exclusive():
        enqueue(study.study, TINY, {"a": 1, "b": True, "c": None}, labels=True)
    keeper = Keeper(study, file)
    keeper.catch_up()
    with ThreadExecutor(counted) as executor:
        Driver(study, TINY, executor, observer=Keeping(keeper)).run(TRIALS)


def writes_of_a_run() -> int:
    storage, file = open_storage("memory"), ResultsFile(Path("/dev/null/none"))
    with dying(storage, 10**9, after=False) as count, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Keeper, "_add", lambda *_: 0)
        drive(storage, file, [])
        return count()


@pytest.mark.parametrize("after", [False, True])
def test_a_driver_may_die_at_any_write(after: bool, tmp_path: Path) -> None:
    for at in range(1, writes_of_a_run() + 1):
        storage, file = open_storage("memory"), ResultsFile(tmp_path / f"{at}.jsonl")
        measurements: list[str] = []
        with dying(storage, at, after), pytest.raises(Death):
            drive(storage, file, measurements)
        stored = [str(record.config) for record in records(opened(storage).study)]
        before = len(measurements)
        drive(storage, file, measurements)
        study = opened(storage).study
        assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * TRIALS, at
        found = records(study)
        assert found[0].config == {"a": 1, "b": True, "c": None}, at
        assert len({str(record.config) for record in found}) == TRIALS, at
        assert sorted(r.trial or 0 for r in file.records()) == list(range(TRIALS)), at
        # What was measured for good is not measured again, and at most one measurement was lost.
        assert not {*stored} & {*measurements[before:]}, at
        assert len(measurements) <= TRIALS + 1, at


def test_a_run_has_many_writes() -> None:
    assert writes_of_a_run() > 11 * TRIALS
