"""The problems that the benchmarks give to peers are the spaces that spacegen gets."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

import spacegen
from benchmarks import ours
from benchmarks.answers import ANSWERS, measured, tuner_config
from benchmarks.problems import PUBLISHED, RULES, Problem, load

_SMALL = [name for name, answer in ANSWERS.items() if answer.same and "h100" not in name]

every_shipped = pytest.mark.parametrize("problem", [load(name) for name in RULES], ids=lambda p: p.name)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_public_space_has_as_many_solutions_as_published(name: str) -> None:
    counted = spacegen.load(load(name).path).counted()
    assert (counted.solutions, counted.combinations) == (
        PUBLISHED[name]["solutions"],
        PUBLISHED[name]["combinations"],
    )


@pytest.mark.parametrize("name", _SMALL)
def test_an_answer_is_that_of_its_counterpart(name: str) -> None:
    assert measured(ANSWERS[name], 1)[2] != 0


def test_the_config_of_three_conflicts_has_them() -> None:
    space = spacegen.load("sglang-tuner-18")
    assert len(space.explain(tuner_config()).causes) == 3
    assert measured(ANSWERS["repair, 18 parameters"], 1)[2] == 36


@pytest.mark.parametrize("task", [ours.valid_verdicts, ours.random_verdicts])
def test_the_verdicts_are_on_columns_of_values(
    task: Callable[[Problem], ours.Measured], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ours, "JUDGED", 200)
    assert task(load("sglang-throughput-33"))[0] == 200


@every_shipped
def test_the_peers_get_the_same_domains(problem: Problem) -> None:
    space = spacegen.load(problem.path)
    assert {p.name: p.domain.values for p in space.parameters} == problem.domains


@every_shipped
def test_the_rules_of_the_peers_hold_for_our_draws(problem: Problem) -> None:
    draws = spacegen.load(problem.path).sample(500, seed=1, method="balanced")
    assert all(map(problem.holds, draws))


@every_shipped
def test_the_rules_of_the_peers_reject_what_ours_reject(problem: Problem) -> None:
    space, rng = spacegen.load(problem.path), random.Random(1)
    guesses = [{name: rng.choice(values) for name, values in problem.domains.items()} for _ in range(200)]
    # A solution with one value changed is nearer to the border than a guess.
    for draw in space.sample(200, seed=2, method="balanced"):
        name = rng.choice(list(draw))
        guesses.append({**draw, name: rng.choice(problem.domains[name])})
    verdicts = [space.check(guess).valid for guess in guesses]
    assert verdicts == list(map(problem.holds, guesses))
    assert len(set(verdicts)) == 2
