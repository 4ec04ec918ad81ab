"""Explanations and why-not against the plain truth."""

from __future__ import annotations

from itertools import islice, product

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracle import solutions
from spacegen import Space
from spacegen.language.expr import Scalar
from spacegen.language.model import Model, identity
from spacegen.questions.why.conflict import Conflict
from spacegen.questions.why.together import only_rules
from strategies import models

laws = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


def matching(model: Model, values: dict[str, Scalar]) -> int:
    """How many solutions have these values."""
    wanted = {model.index[name]: identity(value) for name, value in values.items()}
    return sum(all(identity(row[i]) == key for i, key in wanted.items()) for row in solutions(model))


@st.composite
def asked(draw: st.DrawFn) -> tuple[Model, dict[str, Scalar], dict[str, Scalar]]:
    """A space, and values for two disjoint groups of its parameters, the first not empty."""
    model = draw(models())
    names = draw(st.permutations(list(model.index)))
    cut = draw(st.integers(1, len(names)))
    end = draw(st.integers(cut, len(names)))
    values = {name: draw(st.sampled_from(model[name].domain.values)) for name in names[:end]}
    return model, {n: values[n] for n in names[:cut]}, {n: values[n] for n in names[cut:end]}


@laws
@given(asked())
def test_why_not_counts_and_repairs(case: tuple[Model, dict[str, Scalar], dict[str, Scalar]]) -> None:
    model, wanted, beside = case
    found = Space(model).why_not(wanted, beside)
    assert found.solutions == matching(model, {**wanted, **beside})
    assert bool(found) != bool(found.causes)
    assert str(found)
    if found:
        assert found.among == matching(model, beside)
    elif beside:
        assert (found.repair is None) == (matching(model, wanted) == 0)
        if found.repair is not None:
            assert wanted.items() <= found.repair.solution.items()
            assert matching(model, dict(found.repair.solution)) == 1


@laws
@given(asked())
def test_an_explanation_has_a_line_for_every_rule(
    case: tuple[Model, dict[str, Scalar], dict[str, Scalar]],
) -> None:
    model, some, others = case
    config = {**some, **others}
    found = Space(model).explain(config)
    assert found.valid == (matching(model, config) > 0) == (not found.causes)
    assert found.as_dict()["valid"] == found.valid
    for cause in found.causes:
        assert len(cause.lines) == len(cause.conflict.rules)
    if not found.valid and found.repair is not None:
        menus = found.repair.menus
        assert all(menu in menus for cause in found.causes for menu in cause.menus)
        assert all(menu in menus for joint in found.joint for menu in joint.menus)
        changed = {change.parameter for change in found.repair.changes}
        assert changed <= {name for menu in menus for name in menu.parameters}
    for cause in found.causes:
        for name, value in cause.alone:
            assert _stands(model, cause.conflict, {**config, name: value})
        for option in (option for menu in cause.menus for option in menu.options):
            assert _stands(model, cause.conflict, {**config, **option})


@laws
@given(asked())
def test_one_option_of_each_joint_menu_ends_all_its_conflicts(
    case: tuple[Model, dict[str, Scalar], dict[str, Scalar]],
) -> None:
    model, some, others = case
    config = {**some, **others}
    for joint in Space(model).explain(config).joint:
        for chosen in islice(product(*(menu.options for menu in joint.menus)), 20):
            changed = {name: value for option in chosen for name, value in option.items()}
            for conflict in joint.conflicts:
                assert _stands(model, conflict, {**config, **changed})


def _stands(model: Model, conflict: Conflict, values: dict[str, Scalar]) -> bool:
    """Whether the rules of a conflict can hold with these values of what they mention."""
    rules = only_rules(model, conflict.rules)
    mentioned = {name for rule in conflict.rules for name in model.scope(rule)}
    return matching(rules, {name: value for name, value in values.items() if name in mentioned}) > 0
