"""Conflicts: minimal, complete, and none where a solution exists."""

from __future__ import annotations

from itertools import combinations, pairwise

from build import le, parameter, space
from spacegen.engines.plan import compile_model
from spacegen.language.expr import Compare, Const, Ref, Sum
from spacegen.language.model import Model, Rule
from spacegen.questions.why.conflicts import find_conflict, find_conflicts
from spacegen.questions.why.together import only_rules


def different(name: str, value: int) -> Compare:
    return Compare("!=", Ref(name), Const(value))


def cycle() -> Model:
    a, b, c, d = (parameter(name, 1, 2, 3) for name in "abcd")
    rules = [
        le("d", 3),
        different("a", 1),
        le("a", "b"),
        le("b", "c"),
        le("c", "a"),
        le("c", 1),
        le("d", "a"),
    ]
    return space(a, b, c, d, rules=list(rules))


def test_a_conflict_cannot_hold_and_each_part_of_it_can() -> None:
    model = cycle()
    conflict = find_conflict(model, compile_model)
    assert conflict is not None
    assert compile_model(only_rules(model, conflict.rules)).count() == 0
    for fewer in combinations(conflict.rules, len(conflict.rules) - 1):
        assert compile_model(only_rules(model, fewer)).count() > 0


def test_a_space_with_solutions_has_no_conflict() -> None:
    assert find_conflict(space(parameter("a", 1, 2), rules=[le("a", 1)]), compile_model) is None


def test_values_are_minimised_with_the_rules() -> None:
    model = space(*(parameter(name, 1, 2, 3) for name in "abc"), rules=[le("a", "b"), le("b", "c")])
    conflict = find_conflict(model, compile_model, {"a": 3, "b": 2, "c": 3})
    assert conflict is not None
    assert [rule.id for rule in conflict.rules] == ["rule-0"]
    assert conflict.values == {"a": 3, "b": 2}
    assert find_conflict(model, compile_model, {"a": 2, "c": 3}) is None


def test_a_constant_rule_is_a_conflict_of_its_own() -> None:
    model = Model("m", (parameter("a", 1),), (Rule("never", Const(False), "false", "it is forbidden"),))
    conflict = find_conflict(model, compile_model)
    assert str(conflict) == "these cannot hold together:\n  rule `never`: false\n    because it is forbidden"


def test_an_active_when_can_be_part_of_a_conflict() -> None:
    switched = parameter("b", 1, 2, default=1, active_when=Ref("a"))
    model = space(
        parameter("a", True, False),
        switched,
        rules=[Compare("==", Ref("a"), Const(False)), different("b", 1)],
    )
    conflict = find_conflict(model, compile_model)
    assert conflict is not None
    assert [rule.id for rule in conflict.rules] == ["rule-0", "rule-1", "b.active_when"]


def test_a_conflict_of_a_space_too_wide_for_the_join_tree() -> None:
    """CP-SAT names a core; the conflict is a minimal part of it."""
    names = [f"p{i}" for i in range(12)]
    chain = [le(a, Sum((Ref(b), Const(-1)))) for a, b in pairwise(names)]
    model = space(*(parameter(name, *range(1, 1001)) for name in names), rules=[*chain, le("p11", 11)])
    conflict = find_conflict(model, lambda some: compile_model(some, "cpsat"))
    assert conflict is not None
    assert len(conflict.rules) == 12
    (more,) = find_conflicts(
        model.replace(rules=model.rules[:-1]), lambda some: compile_model(some, "cpsat"), {"p3": 3, "p9": 500}
    )
    assert [rule.id for rule in more.rules] == ["rule-0", "rule-1", "rule-2"]
    assert more.values == {"p3": 3}


def test_no_more_than_64_conflicts() -> None:
    names = [f"p{i}" for i in range(70)]
    model = space(*(parameter(name, 1, 2) for name in names), rules=[le(name, 1) for name in names])
    found = find_conflicts(model, compile_model, dict.fromkeys(names, 2))
    assert [conflict.values for conflict in found] == [{name: 2} for name in names[:64]]
