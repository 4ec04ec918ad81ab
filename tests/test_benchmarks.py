"""The problems that the benchmarks give to peers are the spaces that spacegen gets."""

from __future__ import annotations

import random

import pytest

import spacegen
from benchmarks.problems import PUBLISHED, RULES, Problem, load

every_shipped = pytest.mark.parametrize("problem", [load(name) for name in RULES], ids=lambda p: p.name)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_public_space_has_as_many_solutions_as_published(name: str) -> None:
    counted = spacegen.load(load(name).path).counted()
    assert (counted.solutions, counted.combinations) == (
        PUBLISHED[name]["solutions"],
        PUBLISHED[name]["combinations"],
    )


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
