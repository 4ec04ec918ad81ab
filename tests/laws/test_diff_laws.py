"""Differences of random spaces: the three counts are set differences, examples lie where they should, and
what is said to keep solutions out does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from oracle import solutions
from spacegen.api import Space
from spacegen.engines.plan import EngineName
from spacegen.language import expr as e
from spacegen.language.columns import column
from spacegen.language.evaluate import not_false
from spacegen.language.model import NO_DEFAULT, Domain, Model, NoDefault, Parameter, Rule, identity
from spacegen.language.walk import scope
from spacegen.questions.diff.diff import Cause, Comparison, Only, RuleCause, ValueCause
from strategies import LABELS, Words, models, truths

Config = dict[str, e.Scalar]
Key = frozenset[tuple[str, tuple[str, e.Scalar]]]


def holds(condition: e.Expr, config: Mapping[str, e.Scalar]) -> bool:
    return bool(not_false(condition, {name: column([value]) for name, value in config.items()}).all())


def key(config: Mapping[str, e.Scalar]) -> Key:
    return frozenset((name, identity(value)) for name, value in config.items())


def embedded(model: Model, other: Model) -> Iterator[Config]:
    """The solutions of a model, with the parameters that only the other has at their defaults."""
    absent = {
        p.name: None if isinstance(p.default, NoDefault) else p.default
        for p in other.parameters
        if p.name not in model.index
    }
    for values in solutions(model):
        yield {**{p.name: v for p, v in zip(model.parameters, values, strict=True)}, **absent}


def as_new(config: Config, old: Model, new: Model) -> Config:
    """A solution of the old model, its inactive parameters at the defaults of the new one."""
    declared = {p.name: p for p in (*new.parameters, *old.parameters)}
    inactive = {
        p.name: new[p.name].default
        for p in declared.values()
        if p.active_when is not None and p.name in new.index and not holds(e.IsTrue(p.active_when), config)
    }
    return config | {name: v for name, v in inactive.items() if not isinstance(v, NoDefault)}


@st.composite
def changed_domain(draw: st.DrawFn, parameter: Parameter) -> Parameter:
    values = list(parameter.domain)
    kept = [v for v in values if draw(st.booleans()) or identity(v) == identity_of(parameter)]
    small = st.integers(-4, 9) if parameter.name[0] in "if" else LABELS[parameter.name[0]]
    more = draw(st.lists(small | st.none(), max_size=2))
    found = list({identity(v): v for v in (*(kept or values[:1]), *more)}.values())
    return replace(parameter, domain=Domain(tuple(found)))


def identity_of(parameter: Parameter) -> tuple[str, e.Scalar] | None:
    return None if isinstance(parameter.default, NoDefault) else identity(parameter.default)


def words_of(parameters: list[Parameter]) -> Words:
    refs = {kind: tuple(e.Ref(p.name) for p in parameters if p.name[0] in kind) for kind in ("if", "b", "s")}
    return Words(refs["if"], refs["b"], refs["s"])


@st.composite
def changed(draw: st.DrawFn, model: Model) -> Model:
    """The model after edits: rules dropped and added, values dropped and added, defaults moved, parameters
    added and removed."""
    parameters = list(model.parameters)
    for i, parameter in enumerate(parameters):
        if draw(st.integers(0, 3)) == 0 or parameter.default is not NO_DEFAULT:
            parameters[i] = parameter = draw(changed_domain(parameter))
        if parameter.default is not NO_DEFAULT and draw(st.booleans()):
            parameters[i] = replace(parameter, default=draw(st.sampled_from(parameter.domain.values)))
    if draw(st.booleans()):
        values = tuple(draw(st.lists(st.integers(0, 4), min_size=1, max_size=3, unique=True)))
        default = draw(st.sampled_from([*values, *values, NO_DEFAULT]))
        active = draw(truths(words_of(parameters), 1)) if default is not NO_DEFAULT else None
        parameters.append(Parameter("i9", Domain(values), default, draw(st.sampled_from([None, active]))))
    rules = [rule for rule in model.rules if draw(st.booleans())]
    more = draw(st.lists(truths(words_of(parameters)), max_size=2))
    rules += [Rule(f"added-{i}", condition, "") for i, condition in enumerate(more)]
    return Model("changed", tuple(parameters), tuple(rules))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Model, Model]:
    before = draw(models())
    after = draw(changed(before))
    return (before, after) if draw(st.booleans()) else (after, before)


def decided_in_turn(model: Model) -> bool:
    """Whether no two parameters decide about each other."""
    graph = {p.name: scope(p.active_when) for p in model.parameters if p.active_when is not None}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        return False
    return True


def applies(cause: Cause, causes: Iterable[Cause], config: Config) -> bool:
    """Whether a cause keeps a config out; rules say nothing about values that their side lacks."""
    match cause:
        case ValueCause(parameter, values):
            return config[parameter] in Domain(values)
        case RuleCause(rule):
            names = scope(rule.condition)
            lost = [c for c in causes if isinstance(c, ValueCause) and c.parameter in names]
            return not holds(rule.condition, config) and not any(applies(c, (), config) for c in lost)


def check_only(only: Only, mine: list[Config], theirs: set[Key]) -> None:
    lacking = [config for config in mine if key(config) not in theirs]
    assert (only.count, only.of) == (len(lacking), len(mine))
    assert bool(only.causes) == bool(lacking)
    why = [[cause for cause in only.causes if applies(cause, only.causes, config)] for config in lacking]
    assert all(why)
    for cause in only.causes:
        assert cause.excludes == sum(cause in found for found in why) > 0
        assert cause.alone == sum(found == [cause] for found in why)
        if isinstance(cause, ValueCause):
            assert cause.counts == tuple(
                sum(identity(c[cause.parameter]) == identity(value) for c in mine) for value in cause.values
            )
    # Of those that a cause keeps out, the example is one with as few reasons as there are.
    if lacking:
        assert (len(only.reasons) == 1) == any(len(found) == 1 for found in why)


def check_law(engine: EngineName, old: Model, new: Model) -> None:
    found = Space(old, engine).diff(Space(new, engine))
    before = [as_new(config, old, new) for config in embedded(old, new)]
    after = list(embedded(new, old))
    assert len({key(c) for c in before}) == len(before)
    assert found.both == len({key(c) for c in before} & {key(c) for c in after})
    check_only(found.only_old, before, {key(c) for c in after})
    check_only(found.only_new, after, {key(c) for c in before})
    check_examples(found, old, new)


ordinary = pairs().filter(lambda pair: all(map(decided_in_turn, pair)))


@settings(deadline=None)
@given(ordinary)
def test_the_counts_are_set_differences(pair: tuple[Model, Model]) -> None:
    check_law("jointree", *pair)


@pytest.mark.parametrize("engine", ["cpsat", "backtrack"])
@settings(deadline=None, max_examples=15)
@given(ordinary)
def test_other_engines_find_the_same(engine: EngineName, pair: tuple[Model, Model]) -> None:
    check_law(engine, *pair)


def check_examples(found: Comparison, old: Model, new: Model) -> None:
    before = {key(c): as_new(c, old, new) for c in embedded(old, new)}
    after = {key(c) for c in embedded(new, old)}
    assert (found.shared is None) == (found.both == 0)
    if found.shared is not None:
        assert key(found.shared) in after & {key(c) for c in before.values()}
    if (example := found.only_old.example) is not None:
        assert key(before[key(example)]) not in after
        assert found.only_old.reasons
    if (example := found.only_new.example) is not None:
        assert key(example) in after - {key(c) for c in before.values()}
        assert found.only_new.reasons


search = settings(derandomize=True, deadline=None, max_examples=500, phases=[Phase.generate])


@pytest.mark.parametrize(
    "trait",
    [
        lambda found: found.same and found.both > 10,
        lambda found: found.only_old.count and found.only_new.count and found.both,
        lambda found: any(isinstance(c, ValueCause) and c.alone for c in found.only_old.causes),
        lambda found: any(isinstance(c, RuleCause) and c.alone for c in found.only_old.causes),
        lambda found: len(found.only_new.reasons) > 1,
        lambda found: found.both and found.changes.added,
        lambda found: any(moved.name in found.shared for moved in found.changes.defaults if found.shared),
        lambda found: any(
            isinstance(c, RuleCause) and c.rule.id.endswith(".values") for c in found.only_new.causes
        ),
    ],
    ids=["same", "crossed", "values", "rules", "several", "parameters", "defaults", "active values"],
)
def test_random_pairs_differ_in_every_way(trait: Callable[[Comparison], bool]) -> None:
    find(pairs(), lambda pair: bool(trait(Space(pair[0]).diff(Space(pair[1])))), settings=search)
