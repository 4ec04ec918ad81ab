"""Tuning from Python: the study from its first trial to its front."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import psutil
import pytest
from optuna.samplers import NSGAIISampler

from spacegen import ConfigError, EmptySpaceError, Space, UsageError
from spacegen.language.model import Domain, Parameter
from spacegen.tune.outcome import Cause, Outcome
from spacegen.tune.results import ResultsFile
from spacegen.tune.sampling.sampler import FeasibleSampler
from spacegen.tune.study.attributes import AGAIN_BY
from spacegen.tune.study.ownership import Whereabouts, _born
from spacegen.tune.summary.studies import print_results
from spacegen.tune.tuning import tune

SPACE = Space.build(
    "small",
    {
        "a": Parameter("a", Domain((1, 2, 4)), 4),
        "b": Parameter("b", Domain((1, 2, 4)), 4),
        "c": Parameter("c", Domain((False, True)), False),
    },
    ["a * b <= 4"],
)
SIZE = SPACE.count()


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    monkeypatch.chdir(tmp_path)


def cost(config: Mapping[str, Any]) -> dict[str, float]:
    return {"ttft": config["a"] / config["b"], "tps": config["a"] * 10.0}


class Counted:
    """A benchmark that knows what it measured; it stops the study at a call."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.seen: list[dict[str, Any]] = []
        self.stop_at = stop_at
        self.lock = threading.Lock()

    def __call__(self, config: dict[str, Any]) -> dict[str, float]:
        with self.lock:
            self.seen.append(config)
            if len(self.seen) == self.stop_at:
                raise KeyboardInterrupt
        return cost(config)


def test_the_whole_space_is_measured_once() -> None:
    benchmark = Counted()
    found = tune(SPACE, benchmark, trials=SIZE, storage="memory", workers=3)
    assert (found.ended.reason, len(benchmark.seen)) == ("trials", SIZE)
    assert len({tuple(config.values()) for config in benchmark.seen}) == SIZE
    assert {tuple(one.metrics.values()) for one in found.front} == {(0.25, 10.0), (1.0, 20.0), (4.0, 40.0)}


def test_a_space_that_is_used_up_ends_the_study() -> None:
    found = tune(SPACE, cost, trials=100, storage="memory")
    assert (found.ended.reason, found.summary.finished) == ("exhausted", SIZE)


def test_trial_0_is_the_defaults_and_then_come_the_warm_starts() -> None:
    given = {"a": 1, "b": 4, "c": True}
    found = tune(SPACE, cost, trials=4, storage="memory", warm_start=[given, {"a": 4, "b": 4, "c": True}])
    first, second, third, fourth = found.records
    assert first.origin == "repaired defaults"
    assert (second.origin, second.config) == ("warm start", given)
    assert (third.origin, SPACE.check(third.config).valid) == ("warm start", True)
    assert fourth.origin == "sampler"
    assert found.summary.defaults is not None
    assert found.summary.defaults.trial == 0


def test_an_interrupted_study_goes_on_where_it_was(tmp_path: Path) -> None:
    first, second = Counted(stop_at=4), Counted()
    with pytest.raises(KeyboardInterrupt):
        tune(SPACE, first, trials=9, results="all.jsonl", warm_start=["balanced:2"])
    found = tune(SPACE, second, trials=9, results="all.jsonl", warm_start=["balanced:2"])
    # The call that was interrupted is made again, no other.
    assert len(first.seen) + len(second.seen) == 9 + 1
    assert first.seen[-1] == second.seen[0]
    assert sorted(r.trial for r in ResultsFile(tmp_path / "all.jsonl").records() if r.trial is not None) == [
        *range(9)
    ]
    assert found.summary.finished == 9
    assert (tmp_path / "small.db").exists()


def test_the_front_is_measured_again_and_counts_as_its_median() -> None:
    calls: dict[Any, int] = {}

    def noisy(config: Mapping[str, Any]) -> dict[str, float]:
        times = calls[tuple(config.values())] = calls.get(tuple(config.values()), 0) + 1
        return {"ttft": config["a"] / config["b"] + times / 100, "tps": config["a"] * 10.0}

    found = tune(SPACE, noisy, trials=SIZE, storage="memory", repeats=3, workers=2)
    assert all(one.times == 3 for one in found.front)
    assert {one.metrics["ttft"] for one in found.front} <= {0.27, 1.02, 4.02}
    assert {record.again for record in found.records} == {0, 1, 2}
    assert found.summary.finished == SIZE


def test_a_member_that_was_lucky_once_makes_room() -> None:
    lucky = {"a": 4, "b": 1, "c": False}
    calls = 0

    def benchmark(config: Mapping[str, Any]) -> dict[str, float]:
        nonlocal calls
        calls += dict(config) == lucky
        return {"cost": -1.0 if dict(config) == lucky and calls == 1 else float(config["a"])}

    found = tune(SPACE, benchmark, trials=SIZE, storage="memory", repeats=3, goals=[("cost", "minimize")])
    assert [one.metrics["cost"] for one in found.front] == [1.0] * len(found.front)
    assert all(one.times == 3 for one in found.front)


def test_a_failed_repeat_is_counted_and_does_not_repeat_for_ever() -> None:
    seen: set[Any] = set()

    def once(config: Mapping[str, Any]) -> Any:
        if tuple(config.values()) in seen:
            return Outcome.failed(Cause.SERVING_MEMORY, "out of memory")
        seen.add(tuple(config.values()))
        return cost(config)

    found = tune(SPACE, once, trials=3, storage="memory", repeats=3)
    assert all((one.times, one.failed) == (1, 2) for one in found.front)


def test_one_process_at_a_time_measures_the_front_again() -> None:
    options: Any = {"trials": 4, "storage": "journal:shared.journal"}
    study = tune(SPACE, cost, **options).study
    # A living process that is not this one.
    parent = psutil.Process().ppid()
    living = Whereabouts.here().model_copy(update={"pid": parent, "born": _born(parent)})
    study.set_user_attr(AGAIN_BY, living.model_dump(mode="json"))
    found = tune(SPACE, cost, **options, repeats=2)
    assert found.ended.reason == "again"
    assert all(one.times == 1 for one in found.front)
    dead = Whereabouts.here().model_copy(update={"born": "long ago"})
    study.set_user_attr(AGAIN_BY, dead.model_dump(mode="json"))
    found = tune(SPACE, cost, **options, repeats=2)
    assert all(one.times == 2 for one in found.front)
    assert found.study.user_attrs[AGAIN_BY] is None


def test_a_study_whose_every_trial_fails_alike_is_given_up() -> None:
    def broken(config: Mapping[str, Any]) -> dict[str, float]:
        raise ImportError("no module named sglang")

    found = tune(SPACE, broken, trials=SIZE)
    assert found.ended.reason == "broken"
    # Whoever mended what was wrong may go on.
    assert tune(SPACE, cost, trials=SIZE).summary.finished == SIZE
    assert "all 3 trials failed in the same words: crash: ImportError: no module" in found.ended.message
    assert found.summary.finished == 3


def test_limits_and_goals_may_be_words() -> None:
    found = tune(SPACE, cost, trials=SIZE, storage="memory", goals=[("ttft", "minimize")], limits=["tps>=20"])
    assert [one.metrics["ttft"] for one in found.front] == [1.0, 1.0]
    assert len(found.summary.missed) == 6


@pytest.mark.parametrize("sampler", ["nsga2", "nsga3", "uniform", "balanced", NSGAIISampler(seed=1)])
def test_samplers_by_name_and_by_value(sampler: Any) -> None:
    found = tune(SPACE, cost, trials=SIZE, storage="memory", sampler=sampler)
    assert len({record.rank for record in found.records}) == SIZE


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sampler": "tpo"}, "did you mean `tpe`"),
        ({"sampler": FeasibleSampler(SPACE)}, "give its base"),
        ({"goals": [("tps", "more")]}, "no direction is called `more`"),
        ({"limits": ["tps"]}, "no bound"),
        ({"workers": 0}, "`workers` is at least 1, and not 0"),
        ({"workers": 1.5}, "whole"),
        ({"trials": "5"}, "`trials` is a whole number, and `'5'` is none"),
        ({"trials": True}, "`trials` is a whole number"),
        ({"trials": -1}, "at least 0"),
        ({"repeats": 0}, "at least 1"),
        ({"seed": None}, "`seed` is a whole number"),
        ({"seed": "x"}, "`seed` is a whole number"),
        ({"plateau": 0}, "at least 1"),
        ({"timeout": "90m"}, "`timeout` is a number from 0 on"),
        ({"budget_gpu_hours": -1}, "`budget_gpu_hours` is a number"),
        ({"goals": "tps"}, "`goals` is a list"),
        ({"goals": ["tps"]}, "write pairs"),
        ({"limits": 5}, "`limits` is a list"),
        ({"limits": [5]}, "a list of bounds"),
        ({"warm_start": 5}, "`warm_start` is a list"),
        ({"warm_start": [5]}, "a list of configs, files"),
        ({"warm_start": "arround"}, "there is no file to start from: arround"),
        ({"results": 5}, "the path of a file"),
        ({"migrate": "yes"}, "true or false"),
        ({"workload": "chat"}, "a `Workload`"),
        ({"sampler": 5}, "no sampler is called `5`"),
        ({"study": " "}, "a study needs a name"),
        ({"trails": 5}, "did you mean `trials`"),
        ({"warm_start": ["balanced:x"]}, "number of draws"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_made(
    options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises((UsageError, ConfigError), match=message):
        tune(SPACE, cost, **options)
    assert list(tmp_path.iterdir()) == []


def test_what_measures_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`5` measures nothing\nhint: give a function"):
        tune(SPACE, 5)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wanted", "origins"),
    [
        ("around", {"defaults", "repaired defaults", "warm start"}),
        ("balanced:2", {"repaired defaults", "warm start"}),
        ({"a": 1, "b": 2, "c": True}, {"repaired defaults", "warm start"}),
    ],
)
def test_one_warm_start_needs_no_list(wanted: Any, origins: set[str]) -> None:
    found = tune(SPACE, cost, trials=2, storage="memory", warm_start=wanted, limits="tps>=0")
    assert {record.origin for record in found.records} <= origins
    assert found.records[1].origin == "warm start"


def test_optuna_says_nothing_and_speaks_as_before(capfd: pytest.CaptureFixture[str]) -> None:
    program = """
import optuna
from spacegen import Space
from spacegen.tune import tune
space = Space.build("small", {"a": [1, 2, 4], "b": [1, 2]}, ["a * b <= 4"])
tune(space, lambda config: {"ttft": 1.0, "tps": 2.0}, trials=3, storage="memory", repeats=2)
tune(space, lambda config: {"ttft": 1.0, "tps": 2.0}, trials=3)
assert optuna.logging.get_verbosity() == optuna.logging.INFO
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    assert capfd.readouterr() == ("", "")


def test_a_space_without_solutions_has_no_study(tmp_path: Path) -> None:
    with pytest.raises(EmptySpaceError):
        tune(SPACE.where("a > 4"), cost)
    assert list(tmp_path.iterdir()) == []


def test_the_front_is_saved_and_printed(tmp_path: Path) -> None:
    found = tune(SPACE, cost, trials=SIZE, study="mine", storage="journal:mine.journal")
    found.save_json(tmp_path / "front.json")
    document = json.loads((tmp_path / "front.json").read_text())
    assert (document["study_name"], document["n_trials"]) == ("mine", SIZE)
    printed = io.StringIO()
    print_results(found.study, printed)
    assert printed.getvalue() == f"{found}\n"


def test_any_study_of_optuna_can_be_printed() -> None:
    def objective(trial: optuna.Trial) -> tuple[float, float]:
        a = trial.suggest_int("a", 1, 4)
        if a == 3:
            raise optuna.TrialPruned
        return a, a

    study = optuna.create_study(directions=["minimize", "maximize"])
    for a in (1, 2, 3):
        study.enqueue_trial({"a": a})
    study.optimize(objective, n_trials=3)
    printed = io.StringIO()
    print_results(study, printed)
    text = printed.getvalue()
    assert "Number of finished trials: 3\nNumber of failed trials: 1 (pruned 1)" in text
    assert "Number of Pareto optimal solutions: 2" in text
    assert "  value_0: 1\n  value_1: 1\n  Trial: 0\n  Parameters:\n    a: 1" in text
