"""Drivers: what they ask, tell and leave; and who goes on when one is gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import optuna
import pytest
from optuna.exceptions import StorageInternalError
from optuna.trial import TrialState

import spacegen.tune.study.patience
from spacegen.errors import UsageError
from spacegen.language.expr import Scalar
from spacegen.tune import Goal, Limit, enqueue
from spacegen.tune.again import measure_again
from spacegen.tune.jobs import Job
from spacegen.tune.outcome import Cause, Failure, Outcome
from spacegen.tune.record import Record
from spacegen.tune.results import ResultsFile
from spacegen.tune.running.threads import ThreadExecutor
from spacegen.tune.sampling.encoding import Encoding
from spacegen.tune.study.attributes import AGAIN_BY, CONFIG, DRIVER, OUTCOME, OWNER, as_stored, trials
from spacegen.tune.study.driver import Driver, Observer
from spacegen.tune.study.keeping import Keeper
from spacegen.tune.study.opening import OpenStudy
from spacegen.tune.study.ownership import Owner, Ownership, Whereabouts
from spacegen.tune.study.records import records, store_again
from spacegen.tune.study.stopping import Budget, Ended, Plateau, Stop, TimeOut
from spacegen.tune.study.storage import open_storage
from tune_studies import TINY, address, measure, measured, opened


class Seen(Observer):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.starts: list[tuple[int, int]] = []
        self.records: list[Record] = []
        self.retries: list[int] = []
        self.troubles: list[str] = []

    def started(self, trial: int, config: Mapping[str, Scalar], starts: int) -> None:
        self.starts.append((trial, starts))

    def retried(self, trial: int, failure: Failure) -> None:
        self.retries.append(trial)

    def finished(self, record: Record) -> None:
        self.records.append(record)

    def troubled(self, trouble: str) -> None:
        self.troubles.append(trouble)


def run(
    study: OpenStudy, trials: int | None, function: Any = measured, slots: int = 1, **more: Any
) -> tuple[Ended, Seen]:
    seen = Seen()
    with ThreadExecutor(function, slots) as executor:
        return Driver(study, TINY, executor, observer=seen, **more).run(trials), seen


class Late(ThreadExecutor):
    """Its jobs are finished when it is closed."""

    def close(self) -> None:
        time.sleep(0.05)
        super().close()


@pytest.mark.parametrize("slots", [1, 3])
def test_a_study_gets_its_trials(slots: int) -> None:
    study = opened(limits=(Limit("ttft", "<=", 0.25),))
    ended, seen = run(study, 10, slots=slots)
    assert ended.reason == "trials"
    found = records(study.study)
    assert sorted(seen.starts) == [(i, 1) for i in range(10)]
    assert sorted(seen.records, key=lambda record: record.trial or 0) == found
    for record, trial in zip(found, study.study.trials, strict=True):
        assert record.config == trial.user_attrs[CONFIG]
        assert record.rank == TINY.rank(record.config)
        assert record.outcome == measure(record.config)
        assert trial.values == [record.outcome.metrics["ttft"], record.outcome.metrics["tps"]]
        assert trial.constraints == {"failed": 0.0, **record.violations}
        assert (record.violations["ttft<=0.25"] > 0) == (record.outcome.metrics["ttft"] > 0.25)
    assert len({str(record.config) for record in found}) == 10


def test_at_most_as_many_trials_as_slots_run() -> None:
    now, most, lock = 0, 0, threading.Lock()

    def counted(job: Job) -> Outcome:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.01)
        with lock:
            now -= 1
        return measured(job)

    run(opened(), 12, counted, slots=3)
    assert most == 3


def test_more_trials_continue_a_study() -> None:
    study = opened()
    run(study, 4)
    _, seen = run(study, 6)
    assert [trial for trial, _ in seen.starts] == [4, 5]
    _, seen = run(study, 6)
    assert seen.starts == []


def test_a_space_may_end_before_its_trials_do() -> None:
    study = opened()
    ended, _ = run(study, None, slots=3)
    assert (ended.reason, "all 21 solutions" in ended.message) == ("exhausted", True)
    assert {record.rank for record in records(study.study)} == set(range(21))
    assert all(trial.state.is_finished() for trial in study.study.trials)


def test_jobs_have_names_gpus_and_what_the_space_holds_fixed() -> None:
    jobs: list[Job] = []

    def kept(job: Job) -> Outcome:
        jobs.append(job)
        return measured(job)

    run(opened(), 2, kept, gpus=lambda config: 2 if config["b"] else 1)
    assert [job.name for job in jobs] == ["trial-00000", "trial-00001"]
    assert [job.gpus for job in jobs] == [2 if job.config["b"] else 1 for job in jobs]


# Failures


@pytest.mark.parametrize(
    "wrong",
    [{"limits": (Limit("ttf", "<=", 1.0),)}, {"goals": (Goal("ttft", "minimize"), Goal("tp", "maximize"))}],
)
def test_a_metric_that_nothing_measures_is_told_by_the_first_trial(wrong: dict[str, Any]) -> None:
    storage = open_storage("memory")
    study, launches = opened(storage, **wrong), []

    def counted(job: Job) -> Outcome:
        launches.append(job.name)
        return measured(job)

    for told in ("did you mean `t", "did you mean `t"):
        with pytest.raises(UsageError, match="no metric is called `t") as raised:
            run(study, 5, counted)
        assert told in (raised.value.faults[0].hint or "")
    assert len(launches) == 2
    assert not trials(study.study, TrialState.COMPLETE, TrialState.RUNNING)

    # With the right name it goes on, and what was measured counts.
    mended = opened(storage)
    assert mended.study.study_name == "s@2"
    run(mended, 4, counted)
    assert len(launches) == 5
    assert len(trials(mended.study, TrialState.COMPLETE)) == 4
    assert not trials(mended.study, TrialState.FAIL)
    assert opened(storage).study.study_name == "s@2"


def test_a_config_that_fails_teaches() -> None:
    def some_fail(job: Job) -> Outcome:
        failed = Outcome.failed(Cause.LOADING_MEMORY, "no memory", gpu_ids=("0",))
        return failed if job.config["a"] == 3 else measured(job)

    study = opened(limits=(Limit("tps", ">=", 1.0),))
    run(study, 21, some_fail)
    trials = study.study.trials
    failed = [t for t in trials if t.constraints["failed"] > 0]
    assert {t.user_attrs[CONFIG]["a"] for t in failed} == {3}
    assert len(failed) == 6
    usable = [t for t in trials if t not in failed]
    ever = [[t.values[0] for t in usable], [t.values[1] for t in usable]]
    for trial in failed[1:]:
        assert trial.state == TrialState.COMPLETE
        # The worst that any measured, never a scale of its own.
        assert trial.values[0] <= max(ever[0])
        assert trial.values[1] >= min(ever[1])
        assert trial.constraints["tps>=1"] == 1.0
    assert not {t.number for t in study.study.best_trials} & {t.number for t in failed}


def test_penalties_are_finite_before_anything_was_measured() -> None:
    study = opened()
    run(study, 1, lambda job: Outcome.failed(Cause.CRASH, "gone"))
    assert study.study.trials[0].values == [1e6, 0.0]


@pytest.mark.parametrize("cause", [Cause.PORT, Cause.LOAD, Cause.INTERRUPTED])
def test_what_is_not_the_configs_fault_is_tried_again(cause: Cause) -> None:
    names: list[str] = []

    def third_time(job: Job) -> Outcome:
        names.append(job.name)
        return measured(job) if len(names) == 3 else Outcome.failed(cause, "busy")

    study = opened()
    _, seen = run(study, 1, third_time)
    assert names == ["trial-00000", "trial-00000-2", "trial-00000-3"]
    assert seen.retries == [0, 0]
    assert records(study.study)[0].outcome.ok


def test_after_three_times_it_has_failed() -> None:
    calls: list[str] = []

    def never_first(job: Job) -> Outcome:
        calls.append(job.name)
        return Outcome.failed(Cause.LOAD, "no answer") if len(calls) <= 3 else measured(job)

    study = opened()
    ended, _ = run(study, 2, never_first)
    assert ended.reason == "trials"
    assert len(calls) == 5
    assert [trial.state.name for trial in study.study.trials] == ["FAIL", "COMPLETE", "COMPLETE"]
    assert [record.outcome.ok for record in records(study.study)] == [False, True, True]


def test_what_failed_for_no_fault_of_its_config_gets_another_trial_next_time() -> None:
    study = opened()
    config = {"a": 4, "b": True, "c": "y"}
    enqueue(study.study, TINY, config, labels=True)
    run(study, 9, lambda job: Outcome.failed(Cause.LOAD, "not installed"))
    first = records(study.study)
    assert len(first) == 3
    for _ in range(2):
        _, seen = run(study, 5)
    assert seen.records == []
    again = records(study.study)[3:]
    assert [record.config for record in again[:3]] == [record.config for record in first]
    assert len(again) == 5
    assert len({str(record.config) for record in again}) == 5


@contextmanager
def lost(study: OpenStudy, first: int, last: int) -> Iterator[None]:
    """A storage some of whose writes fail, counted from 1."""
    storage, calls = study.study._storage, 0
    names = ("create_new_trial", "set_trial_user_attr", "set_trial_param", "set_trial_state_values")

    def failing(write: Callable[..., Any]) -> Callable[..., Any]:
        def writing(*given: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if first <= calls <= last:
                raise StorageInternalError("that") from OSError("no space left on device")
            return write(*given, **named)

        return writing

    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setattr(storage, name, failing(getattr(storage, name)))
        patch.setattr(spacegen.tune.study.patience, "_PAUSE", 0.0)
        yield


def test_a_storage_that_stays_out_of_reach_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    study = opened()
    monkeypatch.setattr(spacegen.tune.study.patience, "_PATIENCE", 0.05)
    with lost(study, 10, 10**9), pytest.raises(UsageError) as caught:
        run(study, 8, slots=2)
    assert str(caught.value) == (
        "the study in `memory` is out of reach: no space left on device\n"
        "hint: nothing is lost: the same command goes on where this one stopped"
    )
    run(study, 8, slots=2)
    assert [record.trial for record in records(study.study)] == list(range(8))


@pytest.mark.parametrize("first", range(1, 26))
def test_a_storage_that_comes_back_loses_nothing(first: int) -> None:
    study, measurements = opened(), []

    def counted(job: Job) -> Outcome:
        measurements.append(str(job.config))
        return measured(job)

    with lost(study, first, first + 2):
        _, seen = run(study, 4, counted, slots=2)
    found = records(study.study)
    assert [trial.state for trial in study.study.trials] == [TrialState.COMPLETE] * 4
    assert len({str(record.config) for record in found}) == 4
    assert sorted(measurements) == sorted(str(record.config) for record in found)
    assert seen.troubles
    assert all("memory is out of reach, trying again: no space" in trouble for trouble in seen.troubles)


def test_a_record_that_cannot_be_kept_at_once_is_kept_later(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(Seen):
        lost = True

        def finished(self, record: Record) -> None:
            if self.lost:
                self.lost = False
                raise StorageInternalError("that") from OSError("no space left on device")
            super().finished(record)

    monkeypatch.setattr(spacegen.tune.study.patience, "_PAUSE", 0.0)
    study, seen = opened(), Failing()
    with ThreadExecutor(measured, 1) as executor:
        Driver(study, TINY, executor, observer=seen).run(3)
    assert [record.trial for record in seen.records] == [0, 1, 2]


def test_a_tell_that_arrived_before_the_storage_went_is_a_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    study = opened()
    tell, calls = study.study._storage.set_trial_state_values, 0

    def told(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        found = tell(*given, **named)
        if calls == 2:
            raise StorageInternalError("that") from OSError("connection reset")
        return found

    monkeypatch.setattr(spacegen.tune.study.patience, "_PAUSE", 0.0)
    monkeypatch.setattr(study.study._storage, "set_trial_state_values", told)
    _, seen = run(study, 3)
    assert calls == 3
    assert [record.trial for record in seen.records] == [0, 1, 2]


def test_nothing_comes_of_a_load_generator_that_always_fails() -> None:
    ended, seen = run(opened(), 100, lambda job: Outcome.failed(Cause.LOAD, "not installed"))
    assert ended.reason == "broken"
    assert ended.message == "3 trials in a row gave nothing: load generator: not installed"
    assert len(seen.records) == 3


def test_a_metric_that_is_measured_no_longer_ends_the_study() -> None:
    measures = iter([True])

    def once(job: Job) -> Outcome:
        outcome = measured(job)
        more = {"speed": 1.0} if next(measures, False) else {}
        return outcome.model_copy(update={"metrics": outcome.metrics | more})

    ended, _ = run(opened(goals=(Goal("speed", "maximize"),)), 100, once)
    assert ended.reason == "broken"
    assert "no `speed` among what was measured: ttft, tps" in ended.message


def test_metrics_that_are_no_numbers_are_left_out() -> None:
    def odd(job: Job) -> Outcome:
        return Outcome(metrics={"ttft": 0.1, "tps": 2.0, "x": float("nan"), "y": float("inf")})

    study = opened()
    run(study, 1, odd)
    assert records(study.study)[0].outcome.metrics == {"ttft": 0.1, "tps": 2.0}


def test_a_fault_of_the_program_lets_go_of_the_trials() -> None:
    def broken(job: Job) -> Outcome:
        raise ZeroDivisionError

    study = opened()
    with pytest.raises(ZeroDivisionError):
        run(study, 3, broken)
    _, seen = run(study, 3)
    assert seen.starts == [(0, 2), (1, 1), (2, 1)]


# Going on after others


def interrupted_at(study: OpenStudy, number: int, slots: int = 1) -> None:
    """Runs a driver until the trial of this number is to be measured, and ends it as Ctrl-C does."""

    class Interrupting(Observer):
        def started(self, trial: int, config: Mapping[str, Scalar], starts: int) -> None:
            if trial == number:
                raise KeyboardInterrupt

    def cut_short(job: Job) -> Outcome:
        last = job.name == f"trial-{number:05}"
        return Outcome.failed(Cause.INTERRUPTED, "the run was ended") if last else measured(job)

    with pytest.raises(KeyboardInterrupt), ThreadExecutor(cut_short, slots) as executor:
        Driver(study, TINY, executor, observer=Interrupting()).run(10)


@pytest.mark.parametrize("slots", [1, 3])
def test_an_interrupted_study_goes_on_at_once(slots: int) -> None:
    study = opened()
    interrupted_at(study, 4, slots)
    left = [trial for trial in study.study.trials if trial.state == TrialState.RUNNING]
    assert all(trial.user_attrs[OWNER]["driver"] is None for trial in left)
    _, seen = run(study, 10, slots=slots)
    # Before anything new, and not when the leases of their driver are over.
    assert left
    assert {trial for trial, _ in seen.starts[: len(left)]} == {trial.number for trial in left}
    found = records(study.study)
    assert [record.trial for record in found] == list(range(10))
    assert len({str(record.config) for record in found}) == 10


def test_what_was_finished_while_it_was_interrupted_is_kept() -> None:
    study, calls = opened(), []

    def counted(job: Job) -> Outcome:
        calls.append(job.name)
        return measured(job)

    class Interrupting(Observer):
        def started(self, trial: int, config: Mapping[str, Scalar], starts: int) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Late(counted) as executor:
        Driver(study, TINY, executor, observer=Interrupting()).run(1)
    assert [trial.state for trial in study.study.trials] == [TrialState.COMPLETE]
    run(study, 1, counted)
    assert calls == ["trial-00000"]


def dead(study: OpenStudy, **where: Any) -> str:
    """A driver that was killed on this machine, as it stands in the study."""
    living = Ownership(study.study, study.storage)
    with living:
        key = DRIVER + living.driver
        found = study.study.user_attrs[key]
    known = Whereabouts.model_validate(found | {"pid": 2**22 + 1, "born": "1"} | where)
    study.study.set_user_attr(key, known.model_dump(mode="json"))
    return living.driver


def of(study: OpenStudy, driver: str | None) -> optuna.Trial:
    trial = study.study.ask()
    trial.set_user_attr(OWNER, Owner(driver=driver).model_dump(mode="json"))
    return trial


def suggested(trial: optuna.Trial, number: int = 3) -> None:
    for parameter in TINY.parameters[:number]:
        from spacegen.tune.sampling.encoding import Encoding

        trial.suggest_categorical(parameter.name, Encoding(TINY, labels=True).choices[parameter.name])


@pytest.mark.parametrize("told", [0, 1, 2, 3])
def test_a_trial_of_a_dead_driver_is_run_again_under_its_number(told: int) -> None:
    study = opened()
    suggested(of(study, dead(study)), told)
    before = dict(study.study.trials[0].params)
    _, seen = run(study, 2)
    assert seen.starts == [(0, 2), (1, 1)]
    after = study.study.trials[0].params
    assert before.items() <= after.items()
    assert records(study.study)[0].config == seen.records[0].config


@pytest.mark.parametrize("alone", [True, False])
def test_a_trial_whose_driver_died_before_it_said_so_goes_on(alone: bool) -> None:
    study = opened()
    dead(study, **({} if alone else {"machine": "another", "until": time.time() + 60}))
    study.study.ask()
    _, seen = run(study, 2)
    assert [trial for trial, _ in seen.starts] == [0, 1]


def test_a_trial_that_is_asked_for_just_now_is_left_alone() -> None:
    study = opened()
    asking, others = Ownership(study.study, study.storage), Ownership(study.study, study.storage)
    with asking, others:
        adopted: list[Any] = []
        with study.storage.exclusive():
            trial = study.study.ask()
            thread = threading.Thread(target=lambda: adopted.append(others.adopt()))
            thread.start()
            time.sleep(0.05)
            asking.take(trial)
        thread.join()
    assert adopted == [None]


def test_an_outcome_that_was_stored_is_only_told() -> None:
    study = opened()
    trial = of(study, dead(study))
    suggested(trial)
    outcome = Outcome(metrics={"ttft": 0.5, "tps": 1.0})
    trial.set_user_attr(CONFIG, {"a": 1, "b": True, "c": None})
    trial.set_user_attr(OUTCOME, as_stored(outcome))
    _, seen = run(study, 1)
    assert seen.starts == []
    assert [record.outcome for record in seen.records] == [outcome]
    assert study.study.trials[0].values == [0.5, 1.0]


def test_an_enqueued_config_outlives_its_driver() -> None:
    study = opened()
    config = {"a": 4, "b": True, "c": "y"}
    enqueue(study.study, TINY, config, labels=True)
    of(study, dead(study))
    run(study, 2)
    assert records(study.study)[0].config == config


@pytest.mark.parametrize("where", [{}, {"machine": "another", "until": time.time() + 86400}])
def test_a_trial_of_a_living_driver_is_left_to_it(where: dict[str, Any]) -> None:
    study = opened()
    if where:
        trial = of(study, dead(study, **where))
    else:
        living = Ownership(study.study, study.storage)
        living.__enter__()
        trial = of(study, living.driver)
    suggested(trial)
    ended, seen = run(study, 3, stops=(TimeOut(0.4),))
    assert ended.reason == "time-out"
    assert [number for number, _ in seen.starts] == [1, 2]
    assert study.study.trials[0].state == TrialState.RUNNING


def test_a_driver_elsewhere_is_dead_after_its_lease() -> None:
    study = opened()
    suggested(of(study, dead(study, machine="another", until=time.time() - 3600)))
    _, seen = run(study, 1)
    assert seen.starts == [(0, 2)]


def test_after_an_outage_drivers_elsewhere_are_trusted_for_a_lease() -> None:
    study = opened()
    suggested(of(study, dead(study, machine="another", until=time.time() - 3600)))
    mine = Ownership(study.study, study.storage)
    with mine:
        mine.recover(())
        assert mine.adopt() is None
        mine._trusting = time.monotonic()
        assert mine.adopt() is not None


def test_who_lost_a_trial_does_not_tell_it() -> None:
    study = opened()

    def robbed(job: Job) -> Outcome:
        trial = study.study._storage.get_all_trials(study.study._study_id)[0]
        if trial.user_attrs[OWNER]["driver"] != "another":
            owner = Owner(driver="another").model_dump(mode="json")
            study.study.set_user_attr(
                f"{DRIVER}another",
                Whereabouts(machine="there", pid=1, born="1", until=time.time() + 60).model_dump(),
            )
            study.study._storage.set_trial_user_attr(trial._trial_id, OWNER, owner)
        return measured(job)

    _, seen = run(study, 2, robbed, stops=(TimeOut(0.5),))
    assert [record.trial for record in seen.records] == [1]
    assert study.study.trials[0].state == TrialState.RUNNING


# Several drivers


def test_drivers_share_a_study_without_surplus() -> None:
    storage = open_storage("memory")
    seen: list[Seen] = []

    def drive() -> None:
        seen.append(run(opened(storage), 16, slots=2)[1])

    threads = [threading.Thread(target=drive) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    study = opened(storage).study
    found = records(study)
    assert len(found) == 16
    assert len({str(record.config) for record in found}) == 16
    assert sorted(trial for one in seen for trial, _ in one.starts) == sorted(r.trial or 0 for r in found)
    assert len(study.trials) == 16


def test_the_last_config_is_tried_though_a_driver_died_that_claims_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("spacegen.tune.sampling.ledger._PATIENCE", 2)
    monkeypatch.setattr("spacegen.tune.study.driver._ADOPTING", 0.05)
    study = opened()
    run(study, 20)
    encoding = Encoding(TINY, True)
    rows = {encoding.row(encoding.encode(config)) for config in TINY.solutions()}
    (left,) = rows - {encoding.row(trial.params) for trial in study.study.trials}
    asked = study.study.ask()
    claims = study.study._storage
    claims.set_trial_system_attr(asked._trial_id, "spacegen:claim", list(left or ()))
    # It is trusted for a moment, in which the config cannot be had.
    owner = Owner(driver=dead(study, machine="another", until=time.time() - 60 + 0.4))
    claims.set_trial_user_attr(asked._trial_id, OWNER, owner.model_dump(mode="json"))
    ended, seen = run(study, None)
    assert ended.reason == "exhausted"
    assert seen.starts == [(20, 2)]
    assert len({record.rank for record in records(study.study)}) == 21


def test_an_impossible_enqueued_trial_is_told_and_passed_over() -> None:
    study = opened()
    study.study.enqueue_trial({"a": "4", "b": "false", "c": "x"})
    with pytest.raises(UsageError, match="no solution"):
        run(study, 2)
    run(study, 2)
    assert [record.trial for record in records(study.study)] == [1, 2]


# Stopping


def test_a_time_out_finishes_what_runs() -> None:
    study = opened()

    def slow(job: Job) -> Outcome:
        time.sleep(0.05)
        return measured(job)

    ended, seen = run(study, None, slow, stops=(TimeOut(0.12),))
    assert ended.reason == "time-out"
    assert 1 <= len(seen.records) == len(seen.starts) < 10


def test_gpu_hours_are_counted_over_the_whole_study() -> None:
    study = opened()
    run(study, 3)
    stops: tuple[Stop, ...] = (Budget(0.05),)  # a trial takes 0.01
    ended, _ = run(study, None, stops=stops)
    assert (ended.reason, ended.message) == ("budget", "0.05 GPU-hours are used")
    assert len(records(study.study)) == 5


def test_gpu_hours_of_launches_that_are_tried_again_count() -> None:
    tries = iter([True, True])

    def taken(job: Job) -> Outcome:
        failed = Outcome.failed(Cause.PORT, "taken", seconds=3600.0, gpu_ids=("0", "1"))
        return failed if next(tries, False) else measured(job)

    study = opened()
    ended, _ = run(study, None, taken, stops=(Budget(4.0),))
    assert (ended.reason, ended.message) == ("budget", "4.01 GPU-hours are used")
    assert len(records(study.study)) == 1


def test_gpu_hours_of_launches_before_an_interruption_count() -> None:
    tries = iter([Outcome.failed(Cause.PORT, "taken", seconds=9.0, gpu_ids=("0",))])

    class Interrupting(Observer):
        def started(self, trial: int, config: Mapping[str, Scalar], starts: int) -> None:
            if starts == 2:
                raise KeyboardInterrupt

    study = opened()
    with pytest.raises(KeyboardInterrupt), Late(lambda job: next(tries, None) or measured(job)) as executor:
        Driver(study, TINY, executor, observer=Interrupting()).run(1)
    (record,) = records(study.study)
    assert record.outcome.lost_gpu_seconds == 9.0


def test_a_front_that_no_longer_moves_ends_the_study() -> None:
    def better(points: list[tuple[float, float] | None]) -> Ended | None:
        known = records(run_once.study)[0]
        made = [
            known.model_copy(
                update={
                    "trial": i,
                    "outcome": Outcome.failed(Cause.CRASH, "")
                    if point is None
                    else Outcome(metrics={"ttft": point[0], "tps": point[1]}),
                }
            )
            for i, point in enumerate(points)
        ]
        return Plateau(5, (Goal("ttft", "minimize"), Goal("tps", "maximize"))).ended(made)

    run_once = opened()
    run(run_once, 1)
    start = [(1.0 + i / 10, 100.0 + i) for i in range(10)]
    flat: list[tuple[float, float] | None] = [*start, *[(2.0, 90.0)] * 4, None]
    ended = better(flat)
    assert ended is not None
    assert ended.message == "the last 5 trials improved the front by 0.1 % or less"
    assert better(flat[:-1]) is None
    assert better([*start, *[(2.0, 90.0)] * 4, (0.5, 200.0)]) is None
    assert better([*start[:9], *[None] * 20]) is None


def test_a_plateau_ends_a_run() -> None:
    def same(job: Job) -> Outcome:
        return Outcome(metrics={"ttft": 0.1, "tps": 5.0})

    ended, seen = run(opened(), None, same, stops=(Plateau(3, (Goal("ttft", "minimize"),)),))
    assert (ended.reason, len(seen.records)) == ("plateau", 13)


# Files


def test_a_results_file_has_each_record_once(tmp_path: Any) -> None:
    study, file = opened(), ResultsFile(tmp_path / "r.jsonl")
    keeper = Keeper(study, file)

    class Forgetful(Observer):
        def finished(self, record: Record) -> None:
            if record.trial != 2:
                keeper.keep(record)

    with ThreadExecutor(measured) as executor:
        Driver(study, TINY, executor, observer=Forgetful()).run(5)
    assert keeper.catch_up() == 1
    assert keeper.catch_up() == 0
    assert sorted(record.trial or 0 for record in file.records()) == [0, 1, 2, 3, 4]
    assert sorted(file.records(), key=lambda r: r.trial or 0) == records(study.study)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_each_of_several_drivers_writes_its_own_records(kind: str, tmp_path: Any) -> None:
    early, late = ResultsFile(tmp_path / "early.jsonl"), ResultsFile(tmp_path / "late.jsonl")
    study = opened(address(kind, tmp_path))
    keeper, caught = Keeper(study, early), []

    class Joined(Observer):
        def finished(self, record: Record) -> None:
            keeper.keep(record)
            # Another command with a file of its own begins meanwhile, and ends.
            other = Keeper(study, late)
            caught.append(other.catch_up() + other.catch_up_for_the_dead())

    with ThreadExecutor(measured) as executor:
        Driver(study, TINY, executor, observer=Joined()).run(3)
    assert caught == [0, 0, 0]
    assert [record.trial for record in early.records()] == [0, 1, 2]
    assert Keeper(study, late).catch_up_for_the_dead() == 0
    # A file that begins when they are gone has what they measured.
    assert Keeper(study, late).catch_up() == 3


def test_who_leaves_while_a_catch_up_looks_has_written_its_own(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = opened()
    leaving = Ownership(study.study, study.storage)
    with leaving:
        trial = of(study, leaving.driver)
        suggested(trial)
        trial.set_user_attr(OUTCOME, as_stored(Outcome(metrics={"ttft": 1.0, "tps": 2.0})))
        study.study.tell(trial, [1.0, 2.0])

        def read(found: optuna.Study) -> list[Record]:
            leaving.__exit__()
            return records(found)

        monkeypatch.setattr("spacegen.tune.study.keeping.records", read)
        assert Keeper(study, ResultsFile(tmp_path / "r.jsonl")).catch_up() == 0


def test_a_driver_that_cannot_write_what_it_measured_leaves_it_to_others(tmp_path: Any) -> None:
    class Full(Observer):
        def finished(self, record: Record) -> None:
            if record.trial == 1:
                raise OSError("no space left on device")

    study, file = opened(), ResultsFile(tmp_path / "r.jsonl")
    with pytest.raises(OSError, match="no space"), ThreadExecutor(measured) as executor:
        Driver(study, TINY, executor, observer=Full()).run(3)
    assert Keeper(study, file).catch_up_for_the_dead() == 2
    assert [record.trial for record in file.records()] == [0, 1]


def test_the_records_of_the_dead_are_kept_by_the_living(tmp_path: Any) -> None:
    study, file = opened(), ResultsFile(tmp_path / "r.jsonl")
    run(study, 3)
    owners = [dead(study), dead(study, machine="another", until=time.time() + 60), None]
    for trial, owner in zip(trials(study.study), owners, strict=True):
        trial.user_attrs[OWNER] = Owner(driver=owner).model_dump(mode="json")
    assert Keeper(study, file).catch_up_for_the_dead() == 1
    assert [record.trial for record in file.records()] == [0]


def test_what_the_dead_measured_again_is_kept_once_and_that_of_the_living_is_theirs(tmp_path: Any) -> None:
    study, file = opened(), ResultsFile(tmp_path / "r.jsonl")
    run(study, 3)
    keeper, found = Keeper(study, file), study.study
    keeper.catch_up()
    gone = Whereabouts.here().model_copy(update={"born": "long ago"})
    store_again(found, 0, 1, Outcome(metrics={"ttft": 1.0, "tps": 2.0}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Whereabouts, "here", lambda: gone)
        store_again(found, 1, 1, Outcome(metrics={"ttft": 1.0, "tps": 2.0}))
        store_again(found, 1, 2, Outcome(metrics={"ttft": 1.0, "tps": 2.0}))
    # It came to its end: its records are in its own file.
    assert keeper.catch_up_for_the_dead() == 0
    found.set_user_attr(AGAIN_BY, gone.model_dump(mode="json"))
    assert keeper.catch_up_for_the_dead() == 2
    assert [(r.trial, r.again) for r in file.records()[3:]] == [(1, 1), (1, 2)]
    assert keeper.catch_up_for_the_dead() == 0
    # Who measures it again now does not hide who died at it.
    with ThreadExecutor(measured) as executor:
        measure_again(study, TINY, executor, 1)
    other = Keeper(study, ResultsFile(tmp_path / "other.jsonl"))
    assert other.catch_up_for_the_dead() == 2
