"""The sampler: every trial a new solution, whatever proposes, and clear words where there is none."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.samplers import (
    NSGAIISampler,
    RandomSampler,
    TPESampler,
)
from optuna.trial import TrialState

import spacegen
from spacegen import EmptySpaceError, Space, UsageError
from spacegen.engines.protocol import Method
from spacegen.tune import FeasibleSampler, enqueue
from spacegen.tune.sampling.bases import BASES, DRAWS
from spacegen.tune.sampling.encoding import Encoding

RULES = ["a + c < 10 or b == 'x'"]
SMALL = Space.build("small", {"a": [1, 2, 3], "b": [None, "x"], "c": [7]}, RULES)
"""Five solutions."""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def study_of(space: Space = SMALL, base: Any = "tpe", **options: Any) -> optuna.Study:
    return optuna.create_study(sampler=FeasibleSampler(space, base, **options))


def suggested(trial: optuna.Trial, space: Space = SMALL) -> dict[str, Any]:
    return {p.name: trial.suggest_categorical(p.name, p.domain.values) for p in space.parameters}


def objective(trial: optuna.Trial) -> float:
    return float(suggested(trial)["a"])


def asked(study: optuna.Study) -> optuna.Trial:
    assert isinstance(study.sampler, FeasibleSampler)
    return study.ask(study.sampler.distributions)


def params(study: optuna.Study) -> list[dict[str, Any]]:
    return [trial.params for trial in study.trials if trial.params]


def distinct(configs: list[dict[str, Any]]) -> int:
    return len({tuple(sorted(config.items(), key=repr)) for config in configs})


BASE_SAMPLERS = [
    *BASES,
    None,
    TPESampler(seed=1, multivariate=False),
    RandomSampler(seed=1),
]


@pytest.mark.parametrize("base", BASE_SAMPLERS, ids=lambda base: str(base))
def test_every_solution_is_tried_once_and_then_the_study_stops(base: Any) -> None:
    study = study_of(base=base)
    with pytest.raises(EmptySpaceError, match="all 5 solutions of `small` have been tried in this study"):
        study.optimize(objective, n_trials=20)
    assert len(params(study)) == distinct(params(study)) == 5
    assert all(SMALL.check(config).valid for config in params(study))
    assert study.trials[-1].state == TrialState.FAIL


def test_the_study_stops_also_where_errors_are_caught() -> None:
    study = study_of()
    study.optimize(objective, n_trials=20, catch=(EmptySpaceError,))
    assert len(study.trials) == 6


def test_asking_outside_a_loop_ends_the_trial_that_cannot_be() -> None:
    study = study_of(Space.build("empty", {"a": [1, 2]}, ["a > 5"]))
    with pytest.raises(EmptySpaceError, match="`empty` has no solution"):
        asked(study)
    assert [trial.state for trial in study.trials] == [TrialState.FAIL]


def test_a_space_of_single_values_has_one_trial() -> None:
    study = study_of(Space.build("one", {"a": [1], "b": ["x"]}))
    with pytest.raises(EmptySpaceError, match="the only solution of `one` has been tried"):
        study.optimize(lambda trial: trial.suggest_categorical("a", [1]), n_trials=3)
    assert params(study) == [{"a": 1}]


def test_the_search_space_is_there_from_the_first_trial_on() -> None:
    study = study_of()
    trial = study.ask()
    found = study.sampler.infer_relative_search_space(study, study.trials[trial.number])
    assert found == {
        "a": CategoricalDistribution([1, 2, 3]),
        "b": CategoricalDistribution([None, "x"]),
    }


@pytest.mark.parametrize("method", DRAWS)
def test_a_way_to_draw_is_a_base(method: Method) -> None:
    space = spacegen.load("sglang-tuner-18")
    drawn = []
    for base, startup in ((method, {}), (None, {"startup": method})):
        study = study_of(space, base, seed=3, **startup)
        study.optimize(lambda trial: len(str(suggested(trial, space))), n_trials=6)
        drawn.append(params(study))
    assert drawn[0] == drawn[1]
    with pytest.raises(UsageError, match="no sampler is called `unifrm`\nhint: did you mean `uniform`"):
        FeasibleSampler(SMALL, "unifrm")  # type: ignore[arg-type]


@pytest.mark.parametrize("base", BASES)
def test_the_same_seed_gives_the_same_trials(base: Any) -> None:
    space = spacegen.load("sglang-tuner-18")

    def run(seed: int) -> list[dict[str, Any]]:
        study = study_of(space, base, seed=seed)
        study.optimize(lambda trial: len(str(suggested(trial, space))), n_trials=25)
        return params(study)

    assert run(3) == run(3)
    assert run(3) != run(4)


def test_trials_go_on_after_a_pause_as_without_one() -> None:
    space = spacegen.load("sglang-tuner-18")
    once, twice = study_of(space, seed=1), study_of(space, seed=1)
    once.optimize(lambda trial: len(str(suggested(trial, space))), n_trials=14)
    twice.optimize(lambda trial: len(str(suggested(trial, space))), n_trials=11)
    twice.sampler = pickle.loads(pickle.dumps(twice.sampler))
    twice.optimize(lambda trial: len(str(suggested(trial, space))), n_trials=3)
    assert params(once) == params(twice)


# What somebody chose


@pytest.mark.parametrize("base", BASES)
def test_a_partial_config_is_completed(base: Any) -> None:
    study = study_of(base=base)
    assert enqueue(study, SMALL, {"a": 3})
    study.optimize(objective, n_trials=2)
    assert study.trials[0].params == {"a": 3, "b": "x", "c": 7}


def test_a_whole_config_that_is_enqueued_is_not_proposed_meanwhile() -> None:
    study = study_of()
    first = asked(study)
    waiting = next(c for c in SMALL.solutions() if c != first.params)
    assert enqueue(study, SMALL, waiting)
    assert not enqueue(study, SMALL, waiting)
    assert not enqueue(study, SMALL, first.params)
    study.optimize(objective, n_trials=4)
    assert study.trials[1].params == waiting
    assert distinct(params(study)) == 5


def test_a_running_config_that_was_enqueued_and_not_yet_suggested_is_taken() -> None:
    study = study_of(Space.build("two", {"a": [1, 2]}))
    study.enqueue_trial({"a": 2})
    running = study.ask()
    assert asked(study).params == {"a": 1}
    assert running.suggest_categorical("a", [1, 2]) == 2


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"a": 3, "b": None}, "a = 3, b = null is impossible"),
        ({"a": 9}, "`a` = 9, which is outside its domain\nhint: its choices are 1, 2, 3"),
        ({"a": True}, "`a` = True, which is outside its domain"),
        ({"az": 1}, "`small` has no parameter `az`\nhint: did you mean `a`"),
    ],
)
def test_an_enqueued_trial_that_cannot_be_says_why(config: dict[str, Any], words: str) -> None:
    study = study_of()
    study.enqueue_trial(config)
    with pytest.raises(UsageError) as caught:
        study.optimize(objective, n_trials=3)
    assert words in str(caught.value)
    assert [trial.state for trial in study.trials] == [TrialState.FAIL]
    before = len(study.trials)
    with pytest.raises(UsageError):
        enqueue(study, SMALL, config)
    assert len(study.trials) == before


def test_labels_are_checked_as_values_are() -> None:
    space = Space.build("switch", {"a": [False, True], "n": [None, 1]}, ["a or n == 1"])
    study = study_of(space, labels=True)
    assert enqueue(study, space, {"a": False}, labels=True)
    trial = asked(study)
    assert trial.params == {"a": "false", "n": "1"}
    assert Encoding(space, labels=True).decode(trial.params) == {"a": False, "n": 1}


# Studies and objectives that do not fit


def test_other_choices_than_the_domain_are_refused() -> None:
    study = study_of()
    with pytest.raises(UsageError, match="the choices of `a` are not its domain in declared order"):
        study.optimize(lambda trial: trial.suggest_categorical("a", [3, 2, 1]), n_trials=2)
    with pytest.raises(UsageError, match="the choices of `a` are not its domain"):
        study.ask().suggest_int("a", 1, 3)


def test_a_name_that_the_space_lacks_is_refused() -> None:
    study = study_of()
    with pytest.raises(UsageError, match="`small` has no parameter `lr`"):
        study.optimize(lambda trial: trial.suggest_float("lr", 0, 1), n_trials=2)


def test_a_study_about_a_smaller_domain_is_refused() -> None:
    study = study_of()
    study.optimize(objective, n_trials=2)
    grown = Space.build("small", {"a": [1, 2, 3, 4], "b": [None, "x"], "c": [7]}, RULES)
    study.sampler = FeasibleSampler(grown)
    with pytest.raises(UsageError, match="other values of `a`: trial 0 chose among 1, 2, 3, and now"):
        study.optimize(lambda trial: len(str(suggested(trial, grown))), n_trials=1)


def test_an_unknown_base_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean `nsga2`"):
        FeasibleSampler(SMALL, "nsga22")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="not negative"):
        FeasibleSampler(SMALL, seed=-1)


# Spaces that were changed, other engines, other samplers around


def test_pins_and_dropped_parameters() -> None:
    space = spacegen.load("sglang-tuner-18").dropped("attention").pinned(tp_size=2)
    study = study_of(space, "nsga2")
    study.optimize(lambda trial: len(str(suggested(trial, space))), n_trials=40)
    assert {config["tp_size"] for config in params(study)} == {2}
    assert not {"attention_backend", "sampling_backend"} & params(study)[0].keys()
    assert distinct(params(study)) == 40


@pytest.mark.parametrize("engine", ["cpsat", "backtrack"])
def test_any_engine_will_do(engine: Any) -> None:
    space = SMALL.with_engine(engine)
    study = study_of(space)
    study.enqueue_trial({"a": 2})
    with pytest.raises(EmptySpaceError):
        study.optimize(objective, n_trials=10)
    assert len(params(study)) == distinct(params(study)) == 5


def test_parameters_that_an_objective_leaves_out_are_claimed_all_the_same() -> None:
    def some(trial: optuna.Trial) -> float:
        return float(trial.suggest_categorical("b", [None, "x"]) == "x")

    study = study_of(base=NSGAIISampler(seed=1, population_size=2))
    study.optimize(some, n_trials=5)
    with pytest.raises(EmptySpaceError):
        study.optimize(some, n_trials=1)


def test_trials_without_parameters_do_not_stop_the_base() -> None:
    study = study_of(base=NSGAIISampler(seed=1, population_size=2))
    study.optimize(lambda trial: float(trial.number), n_trials=3)
    study.optimize(objective, n_trials=5)
    assert distinct(params(study)) == 5


def test_constraints_reach_the_base() -> None:
    space = spacegen.load("sglang-tuner-18")
    seen: list[Mapping[str, float]] = []

    class Watching(NSGAIISampler):
        def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:
            seen.extend(t.constraints for t in study.get_trials(states=[TrialState.COMPLETE]))
            return super().sample_relative(study, trial, search_space)

    def launch(trial: optuna.Trial) -> float:
        config = suggested(trial, space)
        trial.set_constraint("launch", 1.0 if config["tp_size"] == 1 else -1.0)
        return float(config["tp_size"])

    study = study_of(space, Watching(seed=1, population_size=8))
    study.optimize(launch, n_trials=60)
    assert {"launch": 1.0} in seen
    # The least value is that of configs that fail, and the sampler has learnt to leave them alone.
    assert sum(config["tp_size"] == 1 for config in params(study)[-20:]) <= 4
