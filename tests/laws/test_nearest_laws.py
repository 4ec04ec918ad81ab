"""Repairs, menus and neighbours against plain loops over all solutions."""

from __future__ import annotations

from functools import partial
from itertools import product
from math import prod
from typing import Any, TypeAlias

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from build import parameter, space
from engines import ENGINES, Codes, codes_of, enumerated
from spacegen.engines.costs import Choices
from spacegen.engines.jointree import JoinTree
from spacegen.engines.plan import compile_model
from spacegen.language.expr import Ref, Table
from spacegen.language.model import Model, NoDefault, identity
from spacegen.questions.near.around import around, defaults, within
from spacegen.questions.near.menus import factors
from spacegen.questions.near.repair import NoRepair, Repair, repair
from strategies import models

laws = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
Config: TypeAlias = dict[str, Any]
FOREIGN = st.sampled_from([7, -2, 3.5, "auto", "zz", None, True, 10**30])


@st.composite
def crowded(draw: st.DrawFn) -> Model:
    """Numbers of which few combinations are solutions, so that most configs are far from all of them."""
    sizes = draw(st.sampled_from([(12, 12), (9, 6, 3), (5, 4, 3, 3)]))
    names = "abcd"[: len(sizes)]
    rows = st.tuples(*(st.integers(0, size - 1) for size in sizes))
    few = Table(tuple(map(Ref, names)), tuple(draw(st.lists(rows, min_size=1, max_size=8))))
    parameters = (parameter(n, *range(size), default=size - 1) for n, size in zip(names, sizes, strict=True))
    return space(*parameters, rules=[few])


SPACES = models() | crowded()


@st.composite
def configs(draw: st.DrawFn, model: Model) -> Config:
    """Values for some of the parameters, now and then one that the domain lacks."""
    named = draw(st.lists(st.sampled_from(model.parameters), unique_by=lambda p: p.name))
    named = draw(st.sampled_from([named, list(model.parameters)]))
    return {p.name: draw(st.sampled_from(p.domain.values) | FOREIGN) for p in named}


def same(a: Any, b: Any) -> bool:
    return identity(a) == identity(b)


def movement(domain: Any, before: Any, code: int) -> int:
    """By the definition, where the value is in the domain; outside it, any step counts."""
    own = domain.code(before)
    scale = domain.ordered or not any(isinstance(v, str) for v in domain)
    return abs(code - own) if scale else int(code != own)


def changes(model: Model, config: Config, row: Codes, weights: dict[str, int]) -> int:
    return sum(
        weights.get(p.name, 1)
        for p, code in zip(model.parameters, row, strict=True)
        if p.name in config and not same(config[p.name], p.domain[code])
    )


def key(model: Model, config: Config, row: Codes, weights: dict[str, int]) -> tuple[int, int, int]:
    pairs = list(zip(model.parameters, row, strict=True))
    moved = sum(movement(p.domain, config[p.name], c) for p, c in pairs if p.name in config)
    unusual = sum(
        not same(p.domain[c], p.default)
        for p, c in pairs
        if p.name not in config and not isinstance(p.default, NoDefault)
    )
    return changes(model, config, row, weights), moved, unusual


def inside(model: Model, config: Config) -> bool:
    return all(value in model[name].domain for name, value in config.items())


@laws
@given(st.data(), SPACES)
def test_no_valid_config_is_nearer(data: st.DataObject, model: Model) -> None:
    config = data.draw(configs(model))
    some = st.dictionaries(st.sampled_from(sorted(config)), st.integers(0, 3)) if config else st.just({})
    weights = data.draw(st.just({}) | some)
    few = st.lists(st.sampled_from(sorted(config)), max_size=2, unique=True) if config else st.just([])
    keep = data.draw(st.just([]) | few)
    for name in ENGINES:
        engine = compile_model(model, name)
        rows = [
            row
            for row in enumerated(engine)
            if all(same(model[n].domain[row[model.index[n]]], config[n]) for n in keep)
        ]
        found = repair(
            model,
            config,
            engine,
            partial(compile_model, engine=name),
            keep=keep,
            weights=weights,
        )
        if not rows:
            assert isinstance(found, NoRepair)
            assert found.outside or found.conflict is not None
            continue
        assert isinstance(found, Repair)
        solution = tuple(model[p.name].domain.code(found.solution[p.name]) for p in model.parameters)
        assert solution in rows
        least = min(changes(model, config, row, weights) for row in rows)
        assert found.changed == changes(model, config, solution, weights) == least  # type: ignore[arg-type]
        if inside(model, config):
            # `min` takes the first of equals, and the engine enumerates in canonical order.
            assert solution == min(rows, key=lambda row: key(model, config, row, weights))
        assert dict(found.added).keys() == forced(model, found, rows)
        assert found.equally_near == len(ways(model, config, rows, weights)) or not found.changes


def forced(model: Model, found: Repair, rows: list[Codes]) -> set[str]:
    """The open parameters that have their default in no solution with the named values of a repair."""
    named = [p.name for p in model.parameters if p.name in found.config and p.name not in found.added]
    kept = [
        row
        for row in rows
        if all(row[model.index[n]] == model[n].domain.code(found.solution[n]) for n in named)
    ]
    return {
        p.name
        for p in model.parameters
        if found.changes and p.name not in named and not isinstance(p.default, NoDefault)
        if all(row[model.index[p.name]] != p.domain.code(p.default) for row in kept)
    }


def ways(model: Model, config: Config, rows: list[Codes], weights: dict[str, int]) -> set[Codes]:
    named = [model.index[n] for n in config]
    least = min(changes(model, config, row, weights) for row in rows)
    return {tuple(row[i] for i in named) for row in rows if changes(model, config, row, weights) == least}


@laws
@given(st.data(), SPACES)
def test_menus_multiply_to_all_that_is_equally_near(data: st.DataObject, model: Model) -> None:
    config = data.draw(configs(model))
    engine = JoinTree(model)
    found = repair(model, config, engine, JoinTree)
    if isinstance(found, NoRepair) or not found.changes:
        return
    assert found.is_product
    assert found.equally_near == prod(len(menu.options) for menu in found.menus)
    told = set()
    for choice in product(*(menu.options for menu in found.menus)):
        made = dict(config)
        for option in choice:
            made |= option
        assert all(made[name] in model[name].domain for name in made)
        told.add(tuple(model[name].domain.code(made[name]) for name in config))
    assert told == ways(model, config, enumerated(engine), {})
    names = [name for menu in found.menus for name in menu.parameters]
    assert len(names) == len(set(names))


@laws
@given(st.data(), st.integers(1, 4))
def test_factors_are_the_finest_product(data: st.DataObject, width: int) -> None:
    rows = data.draw(st.sets(st.tuples(*[st.integers(0, 2)] * width), min_size=1, max_size=30))
    choices = Choices(tuple("abcd"[:width]), np.array(sorted(rows), np.intp).reshape(len(rows), width))
    found = factors(choices)
    assert sorted(name for factor in found for name in factor.names) == sorted(choices.names)
    assert prod(len(factor.rows) for factor in found) == len(rows)
    for factor in found:
        _is_whole({tuple(row) for row in factor.rows.tolist()}, len(factor.names))


def _is_whole(rows: set[tuple[int, ...]], width: int) -> None:
    """No two sides of the columns are independent."""
    for mask in range(1, 2**width - 1):
        sides = [[i for i in range(width) if bool(mask >> i & 1) == side] for side in (True, False)]
        sizes = [len({tuple(row[i] for i in side) for row in rows}) for side in sides]
        assert sizes[0] * sizes[1] > len(rows)


@laws
@given(st.data(), SPACES)
def test_around_has_the_nearest_solution_of_each_value(data: st.DataObject, model: Model) -> None:
    config = {**defaults(model), **data.draw(configs(model))}
    for name in ENGINES:
        engine = compile_model(model, name)
        rows = enumerated(engine)
        if not rows:
            continue
        found = around(model, engine, config)
        shown = codes_of(found.block)
        assert len(set(shown)) == len(shown) == 1 + len(found.variants)
        base = dict(found.base)
        assert shown[0] == min(rows, key=lambda row: key(model, base, row, {}))
        variants = [(v, row) for row, vs in zip(shown[1:], found.variants, strict=True) for v in vs]
        told = {(v.parameter, identity(v.value)): row for v, row in variants}
        for i, p in enumerate(model.parameters):
            for code, value in enumerate(p.domain):
                having = [row for row in rows if row[i] == code]
                if not having:
                    assert (p.name, identity(value)) in {(n, identity(v)) for n, v in found.impossible}
                elif code != shown[0][i]:
                    expected = min(having, key=lambda row: key(model, base, row, {}))
                    assert told[p.name, identity(value)] == expected
        assert all(bool(variant.also) == bool(variant.because) for variant, _ in variants)


@laws
@given(st.data(), SPACES, st.integers(0, 4))
def test_within_is_all_solutions_within_the_radius(data: st.DataObject, model: Model, radius: int) -> None:
    config = data.draw(configs(model))
    for name in ENGINES:
        engine = compile_model(model, name)
        expected = [row for row in enumerated(engine) if changes(model, config, row, {}) <= radius]
        found = within(model, engine, config, radius)
        assert [row for block in found.blocks(rows=5) for row in codes_of(block)] == expected
        assert found.count() == len(expected)
