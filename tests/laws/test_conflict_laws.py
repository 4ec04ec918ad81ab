"""Conflicts: unsatisfiable, minimal, one for each broken rule, and complete."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacegen.engines.cpsat.core import core
from spacegen.engines.plan import ENGINES, compile_model
from spacegen.language.columns import column
from spacegen.language.evaluate import not_false
from spacegen.language.expr import Scalar
from spacegen.language.model import Model, Rule
from spacegen.questions.why.conflict import Conflict
from spacegen.questions.why.conflicts import find_conflict, find_conflicts
from spacegen.questions.why.quickxplain import minimal
from strategies import models

laws = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])


def can_hold(model: Model, rules: Sequence[Rule], values: Mapping[str, Scalar]) -> bool:
    """Whether some assignment has the values and breaks none of the rules, by trying all of them."""
    domains = [
        [p.domain.code(values[p.name])] if p.name in values else range(len(p.domain))
        for p in model.parameters
    ]
    codes = np.array(list(product(*domains)), np.intp).reshape(-1, len(domains))
    env = {p.name: column(p.domain.values).take(codes[:, i]) for i, p in enumerate(model.parameters)}
    kept = [np.broadcast_to(not_false(rule.condition, env), len(codes)) for rule in rules]
    return bool(np.logical_and.reduce(kept, axis=0).any()) if kept else len(codes) > 0


@st.composite
def cases(draw: st.DrawFn) -> tuple[Model, dict[str, Scalar]]:
    """A space and values for some of its parameters, often for all."""
    model = draw(models())
    if draw(st.booleans()):
        chosen = list(model.parameters)
    else:
        chosen = draw(st.lists(st.sampled_from(model.parameters), unique_by=lambda p: p.name))
    return model, {p.name: draw(st.sampled_from(p.domain.values)) for p in chosen}


def without(values: Mapping[str, Scalar], names: Collection[str]) -> dict[str, Scalar]:
    return {name: value for name, value in values.items() if name not in names}


def is_minimal(model: Model, conflict: Conflict) -> bool:
    fewer_rules = combinations(conflict.rules, len(conflict.rules) - 1)
    return (
        not can_hold(model, conflict.rules, conflict.values)
        and all(can_hold(model, rules, conflict.values) for rules in fewer_rules)
        and all(can_hold(model, conflict.rules, without(conflict.values, [n])) for n in conflict.values)
    )


@laws
@given(cases())
def test_a_conflict_is_minimal(case: tuple[Model, dict[str, Scalar]]) -> None:
    model, values = case
    found = find_conflicts(model, compile_model, values)
    assert bool(found) != can_hold(model, model.conditions, values)
    assert all(is_minimal(model, conflict) for conflict in found)
    assert all(conflict.values.items() <= values.items() for conflict in found)


@laws
@given(cases())
def test_every_broken_rule_has_a_conflict(case: tuple[Model, dict[str, Scalar]]) -> None:
    model, values = case
    broken = {rule.id for rule in model.conditions if not can_hold(model, [rule], values)}
    alone = [c.rules[0].id for c in find_conflicts(model, compile_model, values) if len(c.rules) == 1]
    assert broken <= set(alone)


@laws
@given(cases())
def test_what_no_conflict_has_can_hold(case: tuple[Model, dict[str, Scalar]]) -> None:
    model, values = case
    found = find_conflicts(model, compile_model, values)
    if all(conflict.values for conflict in found):
        spare = without(values, {name for conflict in found for name in conflict.values})
        assert can_hold(model, model.conditions, spare)


@laws
@given(cases())
def test_conflicts_share_values_only_where_they_must(case: tuple[Model, dict[str, Scalar]]) -> None:
    """A rule whose conflict shares a value with another cannot be broken by what no disjoint one has."""
    model, values = case
    disjoint: list[Conflict] = []
    taken: set[str] = set()
    for conflict in find_conflicts(model, compile_model, values):
        if taken.isdisjoint(conflict.values):
            disjoint.append(conflict)
            taken |= set(conflict.values)
        else:
            assert len(conflict.rules) == 1
            assert can_hold(model, conflict.rules, without(values, taken))


@pytest.mark.parametrize("engine", ENGINES)
@laws
@given(case=cases())
def test_engines_agree_on_conflicts(engine: str, case: tuple[Model, dict[str, Scalar]]) -> None:
    """They agree on whether there is one; which one may be another, and is as minimal."""
    model, values = case
    found = find_conflict(model, lambda some: compile_model(some, engine), values)
    assert (found is None) == can_hold(model, model.conditions, values)
    assert found is None or is_minimal(model, found)


@laws
@given(cases())
def test_what_cp_sat_refutes_cannot_hold(case: tuple[Model, dict[str, Scalar]]) -> None:
    model, values = case
    found = core(model, {name: model[name].domain.code(value) or 0 for name, value in values.items()})
    assert (found is None) == can_hold(model, model.conditions, values)
    if found is not None:
        rules = [rule for rule in model.conditions if rule.id in found.rules]
        assert not can_hold(model, rules, {name: values[name] for name in found.fixed})


@given(st.integers(0, 9), st.lists(st.frozensets(st.integers(0, 9), min_size=1), min_size=1, max_size=5))
def test_quickxplain_finds_a_minimal_part(more: int, wrong: list[frozenset[int]]) -> None:
    """Items are impossible together where they contain one of the wrong sets."""

    def possible(some: Sequence[int]) -> bool:
        return not any(part <= set(some) for part in wrong)

    items = list(range(10 + more))
    found = minimal(items, possible)
    assert list(found) == sorted(found)
    assert not possible(found)
    assert all(possible(fewer) for fewer in combinations(found, len(found) - 1))
