"""Signals that come in the middle of a step of a study: late, harmless, and not lost."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql

from spacegen.tune.again import measure_again
from spacegen.tune.jobs import Job
from spacegen.tune.outcome import Outcome
from spacegen.tune.running.threads import ThreadExecutor
from spacegen.tune.study.attributes import AGAIN_BY, DRIVER
from spacegen.tune.study.driver import Driver
from spacegen.tune.study.interrupts import at_once, heed, putting_off
from spacegen.tune.study.opening import OpenStudy
from tune_studies import TINY, address, measured, opened


def ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def handler() -> Iterator[Any]:
    """The handlers are afterwards what they were, also where SIGINT is ignored, as behind `&` of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    after = signal.signal(signal.SIGINT, before)
    assert after is signal.default_int_handler


def test_a_signal_waits_for_the_step_to_end() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), putting_off():  # noqa: PT012
        ctrl_c()
        ctrl_c()  # that of the same key, passed on
        done.append("step")
        heed()
        done.append("never")
    assert done == ["step"]


def test_a_wait_is_interrupted_at_once() -> None:
    began = time.monotonic()
    timer = threading.Timer(0.05, ctrl_c_from_elsewhere)
    with pytest.raises(KeyboardInterrupt), putting_off():  # noqa: PT012
        timer.start()
        at_once(lambda: time.sleep(30))
    assert time.monotonic() - began < 10
    timer.join()


def ctrl_c_from_elsewhere() -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def test_what_nothing_heeds_is_raised_at_the_end() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        with putting_off(), putting_off():
            ctrl_c()
            done.append("step")
        done.append("never")
    assert done == ["step"]


def test_a_second_signal_of_somebody_impatient_interrupts_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spacegen.tune.study.interrupts._IMPATIENT", 0.01)
    done = []
    with pytest.raises(KeyboardInterrupt), putting_off():  # noqa: PT012
        ctrl_c()
        done.append("step")
        time.sleep(0.02)
        ctrl_c()
        done.append("never")
    assert done == ["step"]


def test_what_is_done_because_of_a_signal_is_a_step() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), putting_off():  # noqa: PT012
        try:
            at_once(ctrl_c)
        finally:
            ctrl_c()
            done.append("step")
    assert done == ["step"]


def test_signals_that_are_ignored_stay_so() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with putting_off():
        ctrl_c()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_other_threads_are_left_alone() -> None:
    found: list[object] = []

    def driver() -> None:
        with putting_off():
            found.extend((signal.getsignal(signal.SIGINT), at_once(lambda: 7)))

    thread = threading.Thread(target=driver)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler, 7]


def in_a_commit(study: OpenStudy, signal_: Callable[[], None], _: pytest.MonkeyPatch) -> None:
    sql.event.listen(engine(study), "commit", lambda _: signal_())


def in_a_result(_: OpenStudy, signal_: Callable[[], None], patch: pytest.MonkeyPatch) -> None:
    """Between a query and its rows, whose cursor keeps the transaction open."""
    kept: Any = sql.CursorResult
    init = kept._init_metadata

    def begun(*given: Any) -> Any:
        signal_()
        return init(*given)

    patch.setattr(kept, "_init_metadata", begun)


def in_a_callback(study: OpenStudy, signal_: Callable[[], None], _: pytest.MonkeyPatch) -> None:
    class Garbage:
        def __del__(self) -> None:
            signal_()

    sql.event.listen(engine(study), "begin", lambda _: bool(Garbage()))


def backend(study: OpenStudy) -> Any:
    storage: Any = study.storage.optuna
    return storage._backend


def engine(study: OpenStudy) -> Any:
    return backend(study).engine


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("put", [in_a_commit, in_a_result, in_a_callback])
@pytest.mark.parametrize("again", [False, True])
def test_a_signal_in_the_middle_of_a_transaction_ends_the_study(
    put: Callable[[OpenStudy, Callable[[], None], pytest.MonkeyPatch], None],
    again: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    study = opened(address("sqlite", tmp_path))
    came = threading.Event()

    def once() -> None:
        if armed and threading.current_thread() is threading.main_thread() and not came.is_set():
            came.set()
            ctrl_c()

    def measure(job: Job) -> Outcome:
        armed.append(job)
        return measured(job)

    armed: list[Job] = []
    put(study, once, monkeypatch)
    began = time.monotonic()
    with ThreadExecutor(measure, 2) as executor:
        if again:
            Driver(study, TINY, ThreadExecutor(measured)).run(4)
        with pytest.raises(KeyboardInterrupt):
            measure_again(study, TINY, executor, 3) if again else Driver(study, TINY, executor).run(9)
    assert came.is_set()
    assert time.monotonic() - began < 30
    # It is said that nobody is at it any more: whoever comes next need not wait.
    known = study.study.user_attrs
    assert known.get(AGAIN_BY) is None
    assert all(value is None for name, value in known.items() if name.startswith(DRIVER))
    with ThreadExecutor(measured) as executor:
        assert Driver(study, TINY, executor).run(9).reason == "trials"
    assert len(study.study.trials) == 9
