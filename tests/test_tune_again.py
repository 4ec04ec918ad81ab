"""Measuring a front again while its storage comes and goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

import spacegen.tune.study.patience
from spacegen import UsageError
from spacegen.tune.again import measure_again, missing_again
from spacegen.tune.jobs import Job
from spacegen.tune.outcome import Cause, Outcome
from spacegen.tune.record import Record
from spacegen.tune.running.threads import ThreadExecutor
from spacegen.tune.study.driver import Driver, Observer
from spacegen.tune.study.opening import OpenStudy
from spacegen.tune.tuning import tune
from tune_studies import TINY, measured, opened


class Seen(Observer):
    def __init__(self) -> None:
        self.records: list[Record] = []
        self.troubles: list[str] = []

    def finished(self, record: Record) -> None:
        self.records.append(record)

    def troubled(self, trouble: str) -> None:
        self.troubles.append(trouble)


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> OpenStudy:
    """A study of six trials, whose storage may fail without anybody waiting for long."""
    monkeypatch.setattr(spacegen.tune.study.patience, "_PAUSE", 0.0)
    found = opened()
    with ThreadExecutor(measured, 1) as executor:
        Driver(found, TINY, executor).run(6)
    return found


@contextmanager
def away(study: OpenStudy, first: int, last: int, name: str = "set_study_user_attr") -> Iterator[None]:
    """A storage some of whose calls fail, counted from 1."""
    storage, calls = study.study._storage, 0
    call: Callable[..., Any] = getattr(storage, name)

    def failing(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if first <= calls <= last:
            raise OperationalError("update", {}, OSError("connection refused"))
        return call(*given, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, name, failing)
        yield


def again(study: OpenStudy, function: Callable[[Job], Outcome] = measured) -> Seen:
    seen = Seen()
    with ThreadExecutor(function, 2) as executor:
        measure_again(study, TINY, executor, 3, observer=seen)
    return seen


@pytest.mark.parametrize("first", range(2, 12))
def test_a_storage_that_comes_back_loses_no_measurement(study: OpenStudy, first: int) -> None:
    wanted, jobs = len(missing_again(study, 3)), []

    def counted(job: Job) -> Outcome:
        jobs.append(job.name)
        return measured(job)

    with away(study, first, first + 2):
        seen = again(study, counted)
    assert wanted > 2
    assert missing_again(study, 3) == []
    assert len(jobs) == len(set(jobs)) == len(seen.records) == wanted
    assert all(trouble.startswith("memory is out of reach, trying again: conn") for trouble in seen.troubles)


def test_a_storage_that_cannot_be_read_is_waited_for(study: OpenStudy) -> None:
    with away(study, 4, 9, "get_all_trials"):
        seen = again(study)
    assert seen.troubles
    assert missing_again(study, 3) == []


def test_a_storage_that_stays_away_is_said(study: OpenStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spacegen.tune.study.patience, "_PATIENCE", 0.02)
    with (
        away(study, 3, 10**9),
        pytest.raises(UsageError, match="`memory` is out of reach: connection refused"),
    ):
        again(study)
    again(study)
    assert missing_again(study, 3) == []


def test_what_was_measured_before_an_interruption_is_kept(study: OpenStudy) -> None:
    wanted, jobs = len(missing_again(study, 3)), []

    def interrupted(job: Job) -> Outcome:
        jobs.append(job.name)
        if len(jobs) == 2:
            raise KeyboardInterrupt
        return measured(job)

    with pytest.raises(KeyboardInterrupt):
        again(study, interrupted)
    assert len(missing_again(study, 3)) < wanted


def test_each_try_has_a_folder_of_its_own(study: OpenStudy) -> None:
    jobs: list[str] = []

    def failing(job: Job) -> Outcome:
        jobs.append(job.name)
        return Outcome.failed(Cause.PORT, "taken") if len(jobs) == 1 else measured(job)

    again(study, failing)
    assert len(set(jobs)) == len(jobs)
    assert jobs[0].replace("-again", "-try-2-again") in jobs


def test_a_storage_that_is_lost_at_the_end_is_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise OperationalError("select", {}, OSError("connection refused"))

    monkeypatch.setattr("spacegen.tune.study.keeping.Keeper.catch_up", lost)
    url = f"sqlite:///{tmp_path}/s.db"
    with pytest.raises(UsageError, match="is out of reach: connection refused"):
        tune(TINY, lambda _: {"ttft": 1.0, "tps": 1.0}, trials=1, storage=url, results=tmp_path / "r.jsonl")
