"""Rules left out: counts without each rule, and under each alone."""

from __future__ import annotations

from hypothesis import given, settings

import oracle
from build import le, parameter, space
from spacegen import load
from spacegen.engines.plan import compile_model
from spacegen.language.model import Model
from spacegen.questions.leaving import Blocks, leave_each_out
from spacegen.questions.why.together import only_rules
from strategies import models


@settings(max_examples=80, deadline=None)
@given(model=models())
def test_counts_without_a_rule_and_under_it_alone_are_those_of_the_oracle(model: Model) -> None:
    total = len(oracle.solutions(model))
    found = list(leave_each_out(model, compile_model))
    assert [left.rule.id for left in found] == [rule.id for rule in model.conditions]
    for left in found:
        others = [rule for rule in model.conditions if rule.id != left.rule.id]
        assert left.total == total
        assert left.without == len(oracle.solutions(only_rules(model, others)))
        assert left.alone == len(oracle.solutions(only_rules(model, [left.rule])))


def test_parts_share_no_rule() -> None:
    model = space(*(parameter(name, 1, 2, 3) for name in "abcde"), rules=[le("a", "b"), le("c", "d")])
    parts = Blocks(model, compile_model).parts
    assert [[p.name for p in part.parameters] for part in parts] == [["a", "b"], ["c", "d"], ["e"]]
    assert Blocks(model, compile_model).total == 6 * 6 * 3


def test_several_rules_can_be_left_out() -> None:
    model = space(
        *(parameter(name, 1, 2, 3) for name in "ab"), rules=[le("a", "b"), le("b", "a"), le("a", 1)]
    )
    blocks = Blocks(model, compile_model)
    assert blocks.total == 1
    assert blocks.without(*model.rules[:2]) == 3
    assert blocks.without(*model.rules) == 9


def test_a_shipped_space_is_left_rule_by_rule() -> None:
    space = load("sglang-throughput-10")
    found = list(leave_each_out(space.model, compile_model))
    assert {left.total for left in found} == {space.count()}
    assert all(left.total <= left.without and left.total <= left.alone for left in found)
