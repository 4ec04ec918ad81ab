"""The best solutions against trying every one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from oracle import solutions
from spacegen.engines.canonical import canonical_order
from spacegen.engines.plan import compile_model
from spacegen.engines.protocol import Block
from spacegen.engines.relation import normalise
from spacegen.engines.tropical import valued
from spacegen.language import expr as e
from spacegen.language.columns import NULL, Column, column, grid
from spacegen.language.evaluate import evaluate, truth
from spacegen.language.model import Model, NoDefault, Objective, Preference, Rule, same_value
from spacegen.questions.best import best as questions_best
from spacegen.questions.best import objective, ranges
from spacegen.questions.best.best import best
from spacegen.questions.best.goals import goals_of
from strategies import Words, models, numbers, truths

ENGINES = ("jointree", "cpsat", "backtrack")
SLOW = settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def wishes(draw: st.DrawFn) -> Model:
    """Spaces that say what is best: up to three objectives and two preferences."""
    model = draw(models())
    refs = {k: tuple(e.Ref(p.name) for p in model.parameters if p.name[0] in k) for k in ("if", "b", "s")}
    words = Words(refs["if"], refs["b"], refs["s"])
    measure = numbers(words, 3) | truths(words, 1)
    directions = st.sampled_from(["maximize", "minimize"])
    objectives = tuple(
        Objective(f"o{i}", draw(directions), draw(measure), "") for i in range(draw(st.integers(0, 3)))
    )
    least = 0 if objectives else 1
    preferences = tuple(
        Preference(Rule(f"p{i}", draw(truths(words, 1)), ""), draw(st.integers(1, 3)))
        for i in range(draw(st.integers(least, 2)))
    )
    parameters = tuple(
        replace(p, default=draw(st.sampled_from(p.domain.values)))
        if isinstance(p.default, NoDefault) and draw(st.booleans())
        else p
        for p in model.parameters
    )
    return model.replace(parameters=parameters, objectives=objectives, preferences=preferences)


def value(model: Model, row: tuple[e.Scalar, ...], expr: e.Expr) -> e.Scalar:
    env = {
        p.name: column(p.domain.values).take(np.array([p.domain.code(v)]))
        for p, v in zip(model.parameters, row, strict=True)
    }
    found = evaluate(expr, env)
    [scalar] = found.reshape((1,)).values()
    return scalar


def broken(model: Model, row: tuple[e.Scalar, ...]) -> int:
    env = {
        p.name: column(p.domain.values).take(np.array([p.domain.code(v)]))
        for p, v in zip(model.parameters, row, strict=True)
    }
    return sum(p.weight for p in model.preferences if not truth(p.rule.condition, env)[1].all())


def key(model: Model, row: tuple[e.Scalar, ...]) -> tuple[object, ...]:
    """What the oracle sorts by: better values first, the unknown last, then what is broken, then how many
    parameters are not at their defaults."""
    keys: list[object] = []
    for o in model.objectives:
        found = value(model, row, o.expr)
        known = isinstance(found, int | float) and found == found
        sign = -1 if o.direction == "maximize" else 1
        keys.append((0, sign * found) if known else (1, 0))  # type: ignore[operator]
    away = [
        not same_value(v, p.default)
        for p, v in zip(model.parameters, row, strict=True)
        if not isinstance(p.default, NoDefault)
    ]
    return (*keys, broken(model, row), sum(away))


def rows(model: Model, block: Block) -> list[tuple[e.Scalar, ...]]:
    columns = [
        [p.domain[int(code)] for code in found]
        for p, found in zip(model.parameters, block.columns, strict=True)
    ]
    return list(zip(*columns, strict=True))


def expected(model: Model) -> list[tuple[e.Scalar, ...]]:
    preorder = [v for v in canonical_order(normalise(model)).preorder if v < len(model.parameters)]

    def place(row: tuple[e.Scalar, ...]) -> tuple[int | None, ...]:
        return tuple(model.parameters[v].domain.code(row[v]) for v in preorder)

    return sorted(solutions(model), key=lambda row: (key(model, row), place(row)))


def check(model: Model, engine: str, n: int) -> None:
    goals = goals_of(model)
    assume(goals)  # an objective that is unknown everywhere is none
    found = best(compile_model(model, engine), goals, n)
    assert rows(model, found.block) == expected(model)[:n]
    assert found.is_proven


@pytest.mark.parametrize("engine", ENGINES)
@SLOW
@given(data=st.data())
def test_the_best_are_those_of_brute_force(engine: str, data: st.DataObject) -> None:
    check(data.draw(wishes()), engine, data.draw(st.integers(0, 12)))


@SLOW
@given(data=st.data())
def test_branching_finds_the_same(data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objective, "MOST_CELLS", data.draw(st.sampled_from([1, 2, 6])))
        patch.setattr(ranges, "_FEW", 1)
        check(data.draw(wishes()), "jointree", data.draw(st.integers(1, 12)))


@SLOW
@given(data=st.data())
def test_goals_as_variables_of_the_tree_find_the_same(data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(questions_best, "_PATIENCE", 1)
        patch.setattr(valued, "_NARROW", data.draw(st.sampled_from([1, 8, 1024])))
        check(data.draw(wishes()), "jointree", data.draw(st.integers(1, 12)))


@SLOW
@given(data=st.data())
def test_no_value_is_outside_its_range(data: st.DataObject) -> None:
    model = data.draw(wishes())
    box = {
        p.name: tuple(sorted(data.draw(st.sets(st.integers(0, len(p.domain) - 1), min_size=1))))
        for p in model.parameters
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranges, "_FEW", 1)
        known = ranges.Ranges(model)
        for o in model.objectives:
            found = known.of(o.expr, box)
            inside = known.tabulated(o.expr, box)
            for number in inside.reshape((-1,)).values():
                if number is None or number != number:
                    assert found.may_be_unknown or found.is_open
                elif not found.is_open:
                    assert found.low is not None
                    assert found.low <= number <= found.high  # type: ignore[operator]


@SLOW
@given(data=st.data())
def test_within_a_box_fewer_parameters_say_the_same(data: st.DataObject) -> None:
    model = data.draw(wishes())
    box = {
        p.name: tuple(sorted(data.draw(st.sets(st.integers(0, len(p.domain) - 1), min_size=1, max_size=2))))
        for p in model.parameters
    }
    known = ranges.Ranges(model)
    columns = {p.name: column(p.domain.values).take(np.array(box[p.name])) for p in model.parameters}
    env = grid(tuple(model.index), columns)
    shape = tuple(map(len, box.values()))
    for o in model.objectives:
        plain, special = evaluate(o.expr, env), evaluate(known.special(o.expr, box), env)
        assert values(special, shape) == values(plain, shape)


def values(found: Column, shape: tuple[int, ...]) -> list[float | None]:
    """As numbers, which is all that a goal looks at."""
    data = np.broadcast_to(found.data, shape).ravel().tolist()
    hidden = np.broadcast_to(np.asarray(found.kind) == NULL, shape).ravel()
    unknown = np.zeros(shape, bool) if found.unknown is None else np.broadcast_to(found.unknown, shape)
    return [
        None if h or d != d else d for d, h in zip(data, (hidden | unknown.ravel()).tolist(), strict=True)
    ]
