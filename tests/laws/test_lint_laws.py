"""What lint finds is true, and no dead value or rule that could go is missing: against brute force."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

import oracle
from spacegen.engines.plan import compile_model
from spacegen.language.expr import IsTrue, Scalar
from spacegen.language.model import Model, NoDefault, Rule, identity, same_value
from spacegen.language.walk import implies
from spacegen.questions.lint.finding import Finding
from spacegen.questions.lint.lint import lint
from spacegen.questions.lint.on_rules import premise
from spacegen.questions.why.together import only_rules
from strategies import models, truths

IDLE = ("redundant-rule", "duplicate-rule", "cannot-fail", "never-applies", "about-nothing")


def findings(model: Model) -> tuple[Finding, ...]:
    return lint(model, compile_model(model), compile_model)


def under(model: Model, ids: tuple[str, ...]) -> list[tuple[Scalar, ...]]:
    return oracle.solutions(only_rules(model, [rule for rule in model.conditions if rule.id in ids]))


def has(model: Model, name: str, value: Scalar, solutions: list[tuple[Scalar, ...]]) -> bool:
    i = model.index[name]
    return any(identity(solution[i]) == identity(value) for solution in solutions)


@settings(max_examples=60, deadline=None)
@given(model=models())
def test_dead_values_are_all_found_each_with_a_smallest_reason(model: Model) -> None:
    solutions = oracle.solutions(model)
    found = [f for f in findings(model) if f.code == "dead-value"]
    told = {(f.parameters[0], identity(value)) for f in found for value in f.values}
    dead = {
        (p.name, identity(v))
        for p in model.parameters
        for v in p.domain
        if not has(model, p.name, v, solutions)
    }
    assert told == (dead if solutions else set())
    for finding in found:
        name, value = finding.parameters[0], finding.values[0]
        assert not has(model, name, value, under(model, finding.rules))
        for fewer in combinations(finding.rules, len(finding.rules) - 1):
            assert has(model, name, value, under(model, fewer))


@settings(max_examples=60, deadline=None)
@given(model=models())
def test_rules_that_could_go_are_all_found(model: Model) -> None:
    solutions = oracle.solutions(model)
    found = [f for f in findings(model) if f.code in IDLE]
    redundant = {r.id for r in model.conditions if _without(model, r) == solutions} if solutions else set()
    told = {f.rules[0] for f in found if f.code != "duplicate-rule"}
    twins = {id for f in found if f.code == "duplicate-rule" for id in f.rules}
    assert told <= redundant or not solutions
    assert redundant <= told | twins
    assert not solutions or twins <= redundant
    for finding in found:
        if finding.code == "redundant-rule":
            rule = next(r for r in model.conditions if r.id == finding.rules[0])
            assert _implied(model, rule, finding.rules[1:])
            for fewer in combinations(finding.rules[1:], len(finding.rules) - 2):
                assert not _implied(model, rule, fewer)
        if finding.code == "cannot-fail":
            assert len(under(model, finding.rules[:1])) == len(oracle.solutions(only_rules(model, [])))


def _without(model: Model, rule: Rule) -> list[tuple[Scalar, ...]]:
    return oracle.solutions(only_rules(model, [other for other in model.conditions if other is not rule]))


def _implied(model: Model, rule: Rule, ids: tuple[str, ...]) -> bool:
    rest = under(model, ids)
    alone = only_rules(model, [rule])
    return all(oracle.keeps_all_rules(alone, solution) for solution in rest)


@settings(max_examples=60, deadline=None)
@given(model=models())
def test_pairs_frozen_parameters_and_an_empty_space_are_told_where_they_are(model: Model) -> None:
    solutions = oracle.solutions(model)
    found = findings(model)
    assert any(f.code == "unsatisfiable" for f in found) == (not solutions)
    if not solutions:
        conflict = next(f for f in found if f.code == "unsatisfiable")
        assert not under(model, conflict.rules)
        assert all(under(model, fewer) for fewer in combinations(conflict.rules, len(conflict.rules) - 1))
        return
    frozen = {f.parameters[0] for f in found if f.code == "frozen-parameter"}
    columns = {p.name: [s[i] for s in solutions] for i, p in enumerate(model.parameters)}
    assert frozen == {
        p.name
        for p in model.parameters
        if len(p.domain) > 1 and len({identity(v) for v in columns[p.name]}) == 1
    }
    pairs = {f.parameters for f in found if f.code == "never-both"}
    nullable = [p.name for p in model.parameters if None in p.domain and set(columns[p.name]) != {None}]
    assert pairs == {
        (a, b)
        for a, b in combinations(nullable, 2)
        if all(x is None or y is None for x, y in zip(columns[a], columns[b], strict=True))
    }


@settings(max_examples=60, deadline=None)
@given(model=models())
def test_defaults_are_told_where_no_solution_has_them(model: Model) -> None:
    solutions = oracle.solutions(model)
    defaults = {p.name: p.default for p in model.parameters if not isinstance(p.default, NoDefault)}
    found = [f for f in findings(model) if f.code == "bad-defaults"]
    if solutions:
        assert bool(found) == (not agreeing(model, defaults, solutions))
    for finding in found:
        values = dict(zip(finding.parameters, finding.values, strict=True))
        assert values.items() <= defaults.items()
        assert not agreeing(model, values, under(model, finding.rules))


def agreeing(
    model: Model, values: Mapping[str, Scalar], solutions: list[tuple[Scalar, ...]]
) -> list[tuple[Scalar, ...]]:
    return [s for s in solutions if all(same_value(s[model.index[n]], v) for n, v in values.items())]


@settings(max_examples=60, deadline=None)
@given(model=models(lambda words: st.builds(implies, truths(words, 1), truths(words, 1))))
def test_a_rule_that_never_applies_waits_for_what_is_never_true(model: Model) -> None:
    for finding in findings(model):
        if finding.code == "never-applies":
            rule = next(r for r in model.conditions if r.id == finding.rules[0])
            condition = premise(rule)
            assert condition is not None
            others = [r for r in model.conditions if r.id in finding.rules[1:]]
            assert not oracle.solutions(only_rules(model, [*others, Rule("asked", IsTrue(condition), "")]))
