"""Trials that are proposed at the same time: in threads, in processes, in the worst order."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Barrier, Thread, Timer
from typing import Any

import optuna
import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from sampler_driver import SPACE, opened
from spacegen import EmptySpaceError
from spacegen.tune import FeasibleSampler, enqueue
from spacegen.tune.sampling.encoding import Encoding
from spacegen.tune.sampling.ledger import ContestedError

DRIVER = Path(__file__).parent / "sampler_driver.py"


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def tried(study: optuna.Study) -> list[Any]:
    encoding = Encoding(SPACE)
    return [encoding.row(trial.params) for trial in study.trials if trial.params]


def objective(trial: optuna.Trial) -> float:
    suggested = {p.name: trial.suggest_categorical(p.name, p.domain.values) for p in SPACE.parameters}
    assert SPACE.check(suggested).valid
    return float(suggested["a"])  # type: ignore[arg-type]


@pytest.mark.parametrize("base", ["tpe", "nsga2", None])
def test_threads_try_every_solution_once(base: Any) -> None:
    study = optuna.create_study(sampler=FeasibleSampler(SPACE, base))
    with pytest.raises(EmptySpaceError):
        study.optimize(objective, n_trials=60, n_jobs=6)
    assert len(tried(study)) == len(set(tried(study))) == SPACE.count() == 20


def urls(folder: Path) -> dict[str, str]:
    return {"sqlite": f"sqlite:///{folder / 'study.db'}", "journal": str(folder / "study.journal")}


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_processes_try_every_solution_once(tmp_path: Path, kind: str) -> None:
    storage = urls(tmp_path)[kind]
    optuna.create_study(study_name="shared", storage=opened(storage))
    command = [sys.executable, str(DRIVER), storage, "25"]
    # The same seed: only the numbers of their trials tell the drivers apart.
    drivers = [
        subprocess.Popen([*command, "1", base], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for base in ("tpe", "tpe")
    ]
    try:
        for driver in drivers:
            assert driver.stdout is not None
            assert driver.stdout.readline() == "ready\n"
        for driver in drivers:
            assert driver.stdin is not None
            driver.stdin.write("go\n")
            driver.stdin.flush()
        said = [driver.communicate(timeout=60)[0] for driver in drivers]
    finally:
        for driver in drivers:
            driver.kill()
    assert [driver.returncode for driver in drivers] == [0, 0]
    study = optuna.load_study(study_name="shared", storage=opened(storage))
    assert len(tried(study)) == len(set(tried(study))) == 20
    assert said == ["empty\n"] * 2


class Meeting(InMemoryStorage):
    """Lets two trials write their first claims before either reads on."""

    def __init__(self) -> None:
        super().__init__()
        self.barrier = Barrier(2)
        self.met: set[int] = set()

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        super().set_trial_system_attr(trial_id, key, value)
        if key == "spacegen:claim" and trial_id not in self.met:
            self.met.add(trial_id)
            self.barrier.wait(10)


class Crossing(InMemoryStorage):
    """Lets two trials be enqueued before either looks whether it is alone."""

    def __init__(self) -> None:
        super().__init__()
        self.barrier = Barrier(2)

    def create_new_trial(self, study_id: int, template_trial: Any = None) -> int:
        self.barrier.wait(10)
        made = super().create_new_trial(study_id, template_trial)
        self.barrier.wait(10)
        return made


def both(action: Callable[[], object]) -> None:
    threads = [Thread(target=action) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("left", [2, 1])
def test_two_that_claim_the_same_config_at_once_end_with_different_ones(left: int) -> None:
    """With one config left, one of them gets it, and the other finds nothing."""
    storage = Meeting()
    sampler = FeasibleSampler(SPACE, None)
    study = optuna.create_study(storage=storage, sampler=sampler)
    encoding = Encoding(SPACE)
    for config in list(SPACE.solutions())[left:]:
        study.add_trial(
            optuna.create_trial(
                params=encoding.encode(config), distributions=encoding.distributions, value=0.0
            )
        )
    errors: list[Exception] = []

    def ask() -> None:
        try:
            study.ask(sampler.distributions)
        except EmptySpaceError as error:
            errors.append(error)

    both(ask)
    assert len(tried(study)) == len(set(tried(study))) == 20
    assert len(errors) == 2 - left


def test_what_is_enqueued_twice_at_once_is_tried_once() -> None:
    storage = Crossing()
    study = optuna.create_study(storage=storage, sampler=FeasibleSampler(SPACE, None))
    config = next(iter(SPACE.solutions()))
    done: list[bool] = []
    both(lambda: done.append(enqueue(study, SPACE, config)))
    assert sorted(done) == [False, True]
    waiting = study.get_trials(states=(TrialState.WAITING,))
    assert [trial.number for trial in waiting] == [0]


@pytest.mark.parametrize("yields", [True, False])
def test_what_is_enqueued_gives_way_to_a_claim_that_is_kept(yields: bool) -> None:
    study = optuna.create_study(sampler=FeasibleSampler(SPACE, None))
    encoding, config = Encoding(SPACE), next(iter(SPACE.solutions()))
    params = encoding.encode(config)
    row = encoding.row(params)
    assert row is not None
    other, write = study.ask(), study._storage.create_new_trial

    def late(*given: Any, **named: Any) -> int:
        made = write(*given, **named)
        study._storage.set_trial_system_attr(other._trial_id, "spacegen:claim", list(row))
        Timer(0.1, settle).start()
        return made

    def settle() -> None:
        if yields:
            study._storage.set_trial_system_attr(other._trial_id, "spacegen:claim", None)
            return
        for name, distribution in encoding.distributions.items():
            index = distribution.to_internal_repr(params[name])
            study._storage.set_trial_param(other._trial_id, name, index, distribution)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study._storage, "create_new_trial", late)
        assert enqueue(study, SPACE, config) is yields
    assert study.trials[1].state is (TrialState.WAITING if yields else TrialState.FAIL)


def test_the_claim_of_a_trial_that_has_no_params_yet_is_respected() -> None:
    space_left = list(SPACE.solutions())[:2]
    encoding = Encoding(SPACE)
    sampler = FeasibleSampler(SPACE, None)
    study = optuna.create_study(sampler=sampler)
    for config in list(SPACE.solutions())[2:]:
        study.add_trial(
            optuna.create_trial(
                params=encoding.encode(config), distributions=encoding.distributions, value=0.0
            )
        )
    halfway = study.ask()
    halfway.suggest_categorical("a", SPACE.parameters[0].domain.values)
    other = study.ask(sampler.distributions)
    rest = {p.name: halfway.suggest_categorical(p.name, p.domain.values) for p in SPACE.parameters}
    assert sorted([rest, other.params], key=str) == sorted(space_left, key=str)


def test_what_a_dead_driver_claims_is_not_said_to_be_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spacegen.tune.sampling.ledger._PATIENCE", 3)
    encoding, sampler = Encoding(SPACE), FeasibleSampler(SPACE, None)
    study = optuna.create_study(sampler=sampler)
    last, *rest = list(SPACE.solutions())
    for config in rest:
        params = encoding.encode(config)
        study.add_trial(optuna.create_trial(params=params, distributions=encoding.distributions, value=0.0))
    dead = study.ask()
    claim = list(encoding.row(encoding.encode(last)) or ())
    study._storage.set_trial_system_attr(dead._trial_id, "spacegen:claim", claim)
    with pytest.raises(ContestedError, match="other trials claim"):
        study.ask(sampler.distributions)
    # Whoever goes on with the trial of the dead has it.
    went_on = {p.name: dead.suggest_categorical(p.name, p.domain.values) for p in SPACE.parameters}
    assert went_on == last


def test_the_claim_of_a_trial_that_failed_before_it_had_params_is_free_again() -> None:
    sampler = FeasibleSampler(SPACE, None)
    study = optuna.create_study(sampler=sampler)
    dead = study.ask()
    study._storage.set_trial_system_attr(dead._trial_id, "spacegen:claim", [0, 0, 1])
    study.tell(dead.number, state=TrialState.FAIL)
    with pytest.raises(EmptySpaceError):
        study.optimize(objective, n_trials=30)
    assert len(set(tried(study))) == 20
