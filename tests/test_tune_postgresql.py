"""A study in a PostgreSQL server that several commands share: one study, no config twice, none lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import optuna
import psutil
import pytest
import sqlalchemy
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.pool import NullPool

import spacegen
from postgres import PASSWORD, postgres
from spacegen.tune.results import ResultsFile
from spacegen.tune.study.attributes import CONFIG, OWNER
from spacegen.tune.study.ownership import owner_of
from spacegen.tune.study.storage import StudyStorage, open_storage
from tune_processes import until

SPACE = Path(__file__).parent / "cases" / "cli" / "sglang.yaml"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


@contextmanager
def _driver(url: str, study: str, trials: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A command of its own, as somebody would start it in another terminal."""
    number = len(list(folder.glob("*.log")))
    options = f"--runner sim --gpus 0-7 --trials {trials} --repeats 1 --study {study} --seed {number} --quiet"
    # Half of them say the password where lists of processes do not show it.
    address = url.replace(f":{PASSWORD}@", "@") if number % 2 else url
    command = [sys.executable, "-m", "spacegen", "tune", str(SPACE), *options.split(), "--storage", address]
    command += ["--output", f"{number}.json", "--results", f"{number}.jsonl"]
    environment = {**os.environ, "PGPASSWORD": PASSWORD if number % 2 else ""}
    with (folder / f"{number}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@cache
def _storage(url: str) -> RDBStorage:
    """The storage as Optuna and its dashboard open it; it keeps no connection."""
    address = url.replace("postgresql://", "postgresql+psycopg://")
    return RDBStorage(address, engine_kwargs={"poolclass": NullPool})


def _trials(url: str, study: str) -> list[FrozenTrial]:
    try:
        return optuna.load_study(study_name=study, storage=_storage(url)).get_trials()
    except KeyError:
        return []  # it is not made yet


def _ended(drivers: list[subprocess.Popen[bytes]], folder: Path) -> None:
    for driver in drivers:
        status = driver.wait(120)
        assert status == 0, [path.read_text() for path in sorted(folder.glob("*.log"))]


def _is_sound(trials: list[FrozenTrial], wanted: int) -> None:
    """All of them finished, each a solution, none of them twice."""
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * wanted
    configs = [trial.user_attrs[CONFIG] for trial in trials]
    space = spacegen.load(str(SPACE))
    assert all(space.check(config).valid for config in configs)
    assert len({json.dumps(config, sort_keys=True) for config in configs}) == wanted
    params = [json.dumps(trial.params, sort_keys=True) for trial in trials]
    assert len(set(params)) == wanted


def test_four_commands_share_160_trials(server: str, tmp_path: Path) -> None:
    with ExitStack() as running:
        drivers = [running.enter_context(_driver(server, "shared", 160, tmp_path)) for _ in range(4)]
        _ended(drivers, tmp_path)
    trials = _trials(server, "shared")
    _is_sound(trials, 160)
    assert len({trial.user_attrs[OWNER]["driver"] for trial in trials}) == 4
    assert {trial.user_attrs[OWNER]["starts"] for trial in trials} == {1}
    kept = [record.trial for path in tmp_path.glob("*.jsonl") for record in ResultsFile(path).records()]
    assert sorted(number for number in kept if number is not None) == list(range(160))
    report = [sys.executable, "-m", "spacegen", "report", server, "--study", "shared", "--json"]
    shown = subprocess.run(report, check=True, capture_output=True, text=True)
    assert json.loads(shown.stdout)["n_trials"] == 160
    assert PASSWORD not in shown.stdout + shown.stderr + "".join(
        path.read_text() for path in tmp_path.glob("*.log")
    )


def test_what_a_killed_command_leaves_is_adopted_by_another(server: str, tmp_path: Path) -> None:
    with ExitStack() as running:
        first = running.enter_context(_driver(server, "killed", 16, tmp_path))
        until(lambda: _trials(server, "killed"), 60)
        second = running.enter_context(_driver(server, "killed", 16, tmp_path))
        number = _killed_at_work(first, server)
        _ended([second], tmp_path)
    trials = _trials(server, "killed")
    _is_sound(trials, 16)
    # The trial was run again under its number, by the one that is left.
    owner = owner_of(trials[number])
    assert owner is not None
    assert f"-{second.pid}-" in str(owner.driver)


def _killed_at_work(driver: subprocess.Popen[bytes], url: str) -> int:
    """The number of a trial that a driver was running when it was killed."""

    def mine() -> list[int]:
        running = [trial for trial in _trials(url, "killed") if trial.state == TrialState.RUNNING]
        owners = ((trial.number, owner_of(trial)) for trial in running)
        return [number for number, owner in owners if owner and f"-{driver.pid}-" in str(owner.driver)]

    def caught() -> bool:
        assert driver.poll() is None
        os.kill(driver.pid, signal.SIGSTOP)
        time.sleep(0.05)  # what it has sent is done by the server nonetheless
        if mine():
            return True
        os.kill(driver.pid, signal.SIGCONT)
        return False

    until(caught, 60)
    children = psutil.Process(driver.pid).children(recursive=True)
    number = mine()[0]
    driver.kill()
    driver.wait()
    _, left = psutil.wait_procs(children, timeout=10)
    assert left == []
    return number


@pytest.fixture
def kept(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[StudyStorage]:
    """The storage of this server; no connection outlives the test."""
    engines, create = [], sqlalchemy.create_engine

    def noted(*given: Any, **named: Any) -> sqlalchemy.Engine:
        engines.append(create(*given, **named))
        return engines[-1]

    monkeypatch.setattr(sqlalchemy, "create_engine", noted)
    storage = open_storage(server)
    yield storage
    storage.optuna.remove_session()
    backend: Any = storage.optuna
    for engine in (*engines, backend._backend.engine):
        engine.dispose()


def test_a_lock_is_left_whatever_interrupts_its_holder(
    kept: StudyStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute = sqlalchemy.Connection.execute

    def interrupted(*given: Any, **named: Any) -> None:
        execute(*given, **named)
        raise KeyboardInterrupt  # it has the lock, and nobody knows

    with monkeypatch.context() as patch:
        patch.setattr(sqlalchemy.Connection, "execute", interrupted)
        with pytest.raises(KeyboardInterrupt), kept.exclusive():
            pass
    assert _enters(kept)
    with pytest.raises(ZeroDivisionError), kept.exclusive():
        raise ZeroDivisionError
    assert _enters(kept)


def test_studies_of_a_database_do_not_wait_for_each_other(kept: StudyStorage) -> None:
    one, migrated = kept.of("one"), kept.of("one@2")
    with one.exclusive():
        assert _enters(kept.of("another"))
        assert _enters(kept)
        waiting = threading.Event()
        thread = threading.Thread(target=_enter, args=(migrated, waiting))
        thread.start()
        # What a study was migrated to may be found by its own name and by the first.
        assert not waiting.wait(0.2)
    thread.join(10)
    assert waiting.is_set()


def _enters(storage: StudyStorage) -> bool:
    """Whether nobody holds the lock of a storage."""
    entered = threading.Event()
    thread = threading.Thread(target=_enter, args=(storage, entered), daemon=True)
    thread.start()
    found = entered.wait(5)
    # Its connection goes back before the engine is disposed of, or stays open until somebody collects it.
    thread.join(5)
    return found


def _enter(storage: StudyStorage, entered: threading.Event) -> None:
    with storage.exclusive():
        entered.set()
