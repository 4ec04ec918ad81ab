"""Costs on every engine against the plain sum over all solutions."""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from build import le, parameter, product_of, space, sum_of
from engines import ENGINES, Codes, codes_of, enumerated
from spacegen.engines.costs import Choices, Cost
from spacegen.engines.jointree import JoinTree
from spacegen.engines.plan import compile_model
from spacegen.engines.protocol import Engine
from spacegen.language.model import Model
from strategies import givens, models

laws = settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
SMALL = st.integers(0, 3)
LARGE = st.integers(-(2**62), 2**62)


@st.composite
def costs(draw: st.DrawFn, model: Model, widest: int = 2) -> list[Cost]:
    """Parts over up to two parameters, of small costs (which tie) or enormous ones."""
    found = []
    names = [p.name for p in model.parameters]
    for _ in range(draw(st.integers(0, 4))):
        scope = tuple(draw(st.permutations(names)))[: draw(st.integers(0, widest))]
        shape = tuple(len(model[name].domain) for name in scope)
        numbers = draw(st.sampled_from([SMALL, SMALL, SMALL | st.just(-5), LARGE]))
        table = draw(st.lists(numbers, min_size=prod(shape), max_size=prod(shape)))
        found.append(Cost(scope, np.array(table, np.int64).reshape(shape)))
    return found


def priced(model: Model, parts: list[Cost], rows: list[Codes]) -> list[tuple[int, Codes]]:
    """The rows with what they cost, by cost; equal costs keep their order."""
    totals = [sum(int(c.table[tuple(row[model.index[n]] for n in c.scope)]) for c in parts) for row in rows]
    return sorted(zip(totals, rows, strict=True), key=lambda pair: pair[0])


def unfolded(model: Model, found: tuple[Choices, ...], names: list[str]) -> list[Codes]:
    """The product of the parts, as sorted rows over `names`."""
    where = [name for choice in found for name in choice.names]
    assert sorted(where) == sorted(names)
    rows = [sum(map(tuple, parts), ()) for parts in product(*(choice.rows.tolist() for choice in found))]
    return sorted(tuple(row[where.index(name)] for name in names) for row in rows)


def holds(engine: Engine, parts: list[Cost], chosen: dict[str, tuple[int, ...]], n: int, slack: int) -> None:
    model = engine.model
    rows = enumerated(engine, chosen)
    expected = priced(model, parts, rows)
    costed = engine.costed(parts, chosen)
    least = expected[0][0] if expected else None
    assert costed.least() == least
    ranking = costed.best(n)
    assert list(zip(ranking.costs.tolist(), codes_of(ranking.block), strict=True)) == expected[:n]
    limit = (least or 0) + slack
    inside = {row for total, row in expected if total <= limit}
    blocks = list(costed.within(limit, rows=3))
    assert all(0 < len(block) <= 3 for block in blocks)
    assert [row for block in blocks for row in codes_of(block)] == [row for row in rows if row in inside]
    assert costed.count_within(limit) == len(inside)
    assert costed.count_cheapest() == sum(total == least for total, _ in expected)
    assert costed.least_by_value() == tuple(
        tuple(min((t for t, r in expected if r[i] == code), default=None) for code in range(len(p.domain)))
        for i, p in enumerate(model.parameters)
    )


@laws
@given(st.data(), models(), st.integers(0, 12), st.integers(-1, 6))
def test_costs_equal_brute_force(data: st.DataObject, model: Model, n: int, slack: int) -> None:
    parts = data.draw(costs(model))
    chosen = data.draw(st.just({}) | givens(model))
    for name in ENGINES:
        holds(compile_model(model, name), parts, chosen, n, slack)


@laws
@given(st.data(), models())
def test_choices_are_what_the_cheapest_solutions_have(data: st.DataObject, model: Model) -> None:
    parts = data.draw(costs(model))
    chosen = data.draw(st.just({}) | givens(model))
    names = data.draw(st.lists(st.sampled_from([p.name for p in model.parameters]), unique=True))
    for name in ENGINES:
        engine = compile_model(model, name)
        rows = priced(model, parts, enumerated(engine, chosen))
        cheap = [row for total, row in rows if total == rows[0][0]]
        expected = sorted({tuple(row[model.index[n]] for n in names) for row in cheap})
        found = engine.costed(parts, chosen).cheapest(names, 10**6)
        assert found is not None
        assert unfolded(model, found, names) == expected
        for choice in found:
            assert choice.rows.tolist() == sorted(choice.rows.tolist())
        longest = max((len(choice.rows) for choice in found), default=0)
        if longest > 1:
            assert engine.costed(parts, chosen).cheapest(names, longest - 1) is None


WIDE = [f"x{i}" for i in range(12)]


@pytest.mark.parametrize("rule", [le(sum_of(*WIDE), 30), le(product_of(*WIDE), 60)])
def test_costs_under_a_wide_rule(rule: object) -> None:
    # Wide enough for auxiliary variables; `given` leaves few enough solutions to look at each.
    model = space(*(parameter(name, *range(1, 11)) for name in WIDE), rules=[rule])  # type: ignore[list-item]
    engine = JoinTree(model)
    assert engine.form.maps
    chosen = dict.fromkeys(WIDE[:4], (0, 3)) | dict.fromkeys(WIDE[4:8], (1,)) | {"x9": (0, 1, 2)}
    chosen |= dict.fromkeys(("x8", "x10", "x11"), (0, 2))
    rng = np.random.default_rng(5)
    parts = [Cost((name,), rng.integers(0, 4, 10)) for name in WIDE]
    holds(engine, parts, chosen, 20, 3)
    pairs = [Cost(names, rng.integers(0, 5, (10, 10))) for names in (("x1", "x0"), ("x9", "x10"))]
    holds(engine, [*parts, *pairs], chosen, 20, 3)


def test_costs_of_a_space_too_large_to_list() -> None:
    names = [f"x{i}" for i in range(40)]
    model = space(*(parameter(name, *range(10)) for name in names), rules=[le(sum_of(*names), 57)])
    costed = JoinTree(model).costed([Cost((name,), (np.arange(10) != 9).astype(np.int64)) for name in names])
    # Six nines make 54; the other 34 parameters share 3 in (34 + 2 choose 3) + … ways.
    assert costed.least() == 34
    ways = [1, 34, 34 * 35 // 2, 34 * 35 * 36 // 6]
    sixes = 40 * 39 * 38 * 37 * 36 * 35 // 720
    assert costed.count_cheapest() == sixes * sum(ways)
    assert costed.count_within(40) == JoinTree(model).count()
    assert costed.best(3).costs.tolist() == [34] * 3
