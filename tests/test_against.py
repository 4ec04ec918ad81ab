"""Why a condition is never true, and assignments that show that it can be."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings

import oracle
from build import le, parameter, space, sum_of
from spacegen.engines.plan import compile_model
from spacegen.language.expr import Compare, Const, Ref
from spacegen.language.model import Constant, Model, Rule
from spacegen.questions.lint.against import Against, because, equals, is_false, is_set
from spacegen.questions.lint.witness import breaks_nothing_else, is_true_somewhere, some_solutions
from spacegen.questions.why.together import only_rules
from strategies import models


def chain(length: int) -> Model:
    names = [f"p{i}" for i in range(length)]
    rules = [le(a, b) for a, b in pairwise(names)]
    return space(*(parameter(name, 1, 2, 3) for name in names), rules=list(rules))


def test_reasons_reach_as_far_as_they_must() -> None:
    against = Against(chain(6), compile_model)
    reasons = against.reasons([equals("p0", 3), equals("p5", 2)])
    assert reasons is not None
    assert [rule.id for rule in reasons] == ["rule-0", "rule-1", "rule-2", "rule-3", "rule-4"]
    assert against.reasons([equals("p0", 2), equals("p5", 2)]) is None
    assert against.reasons([equals("p0", 3), equals("p5", 2)], but={"rule-3"}) is None


def test_no_rule_is_needed_where_no_values_make_the_condition_true() -> None:
    against = Against(space(parameter("a", 1, 2), rules=[le("a", 1)]), compile_model)
    assert against.reasons([equals("a", 9)]) == ()
    assert against.reasons([is_set("a")]) is None


def test_a_rule_alone_has_no_reasons_but_itself() -> None:
    names = [f"p{i}" for i in range(30)]
    model = space(*(parameter(name, 0, 1, 2) for name in names), rules=[le(sum_of(*names), 20)])
    against = Against(model, compile_model)
    assert against.reasons([is_false(model.rules[0])], but={"rule-0"}) is None


def test_values_share_the_smallest_reason_only() -> None:
    model = space(
        parameter("a", 1, 2, 3, 4, 5),
        parameter("b", 1, 2, 3),
        rules=[le("a", "b"), le("b", 1), Compare("!=", Ref("a"), Const(5))],
    )
    found = list(Against(model, compile_model).killers("a", [1, 2, 3, 4]))
    assert [(codes, [rule.id for rule in rules]) for codes, rules in found] == [
        ([3, 4], ["rule-0"]),
        ([1, 2], ["rule-0", "rule-1"]),
    ]


def test_the_constants_behind_a_reason_are_named() -> None:
    rule = Rule("gpus", Compare("<=", Ref("a"), Const(8, "gpus")), "", "no more")
    model = Model("m", (parameter("a", 1),), (rule,), constants=(Constant("gpus", 8),))
    assert because([rule], model) == "because of `gpus`: no more; given `gpus` = 8"
    assert because([], model) is None


@settings(max_examples=100, deadline=None)
@given(model=models())
def test_a_witness_never_lies(model: Model) -> None:
    solutions = some_solutions(compile_model(model))
    count = len(oracle.solutions(model))
    assert min(count, 4096) == len(solutions)
    for rule in model.conditions:
        if breaks_nothing_else(model, rule, {rule.id}, solutions):
            others = [other for other in model.conditions if other is not rule]
            assert len(oracle.solutions(only_rules(model, others))) > count
        true = only_rules(model, [*model.conditions, Rule("asked", rule.condition, "")])
        if is_true_somewhere(model, rule.condition, solutions):
            assert oracle.solutions(true)


def test_a_witness_is_found_where_one_is_near() -> None:
    model = chain(5)
    solutions = some_solutions(compile_model(model))
    assert all(breaks_nothing_else(model, rule, {rule.id}, solutions) for rule in model.rules)
    assert not breaks_nothing_else(model, model.rules[0], {"rule-0"}, solutions.rows(np.array([], int)))
