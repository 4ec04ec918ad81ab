"""What each rule removes, against all combinations tried one by one."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings

from build import le, parameter, space
from oracle import solutions
from spacegen.api import Space
from spacegen.language.model import Model
from spacegen.questions.why.together import only_rules
from strategies import models


@settings(deadline=None)
@given(models())
def test_a_rule_removes_what_all_combinations_say(model: Model) -> None:
    combinations = len(list(product(*(p.domain for p in model.parameters))))
    total = len(solutions(model))
    tallies = Space(model).by_rule()
    assert [tally.rule for tally in tallies] == list(model.conditions)
    for tally in tallies:
        others = [rule for rule in model.conditions if rule.id != tally.rule.id]
        assert tally.combinations == combinations
        assert tally.removes == combinations - len(solutions(only_rules(model, [tally.rule])))
        assert tally.without == len(solutions(only_rules(model, others)))
        assert tally.only_it == tally.without - total


def test_shares_are_of_what_is_there_to_remove() -> None:
    model = space(parameter("a", 1, 2), parameter("b", 1, 2), rules=[le("a", "b"), le("a", 1)])
    first, second = Space(model).by_rule()
    assert (first.removes, first.share, first.only_it, first.only_share) == (1, 0.25, 0, 0.0)
    assert (second.removes, second.share, second.only_it, second.only_share) == (2, 0.5, 1, 1 / 3)


def test_a_pinned_parameter_is_one_value_and_no_rule() -> None:
    model = space(parameter("a", 1, 2), parameter("b", 1, 2), rules=[le("a", "b")])
    (tally,) = Space(model).pinned(a=2).by_rule()
    assert (tally.combinations, tally.removes, tally.only_it) == (2, 1, 1)


def test_a_space_without_solutions_has_no_shares_to_divide() -> None:
    model = space(parameter("a", 2), parameter("b", 1), rules=[le("a", "b"), le("a", 1)])
    assert [(t.only_it, t.only_share) for t in Space(model).by_rule()] == [(0, 0.0), (0, 0.0)]
