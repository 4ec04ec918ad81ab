"""How far a value lies from a config, and what comes first where several solutions are as near."""

from __future__ import annotations

import numpy as np
import pytest

from build import le, parameter, space, sum_of
from spacegen.engines.costs import Choices
from spacegen.engines.jointree import JoinTree
from spacegen.language.expr import Ref, Scalar
from spacegen.language.model import Domain
from spacegen.questions.near import nearest as module
from spacegen.questions.near.distance import Distance, movement
from spacegen.questions.near.menus import factors
from spacegen.questions.near.nearest import nearest, ways

NUMBERS: tuple[Scalar, ...] = (None, 1, 2, 8)


@pytest.mark.parametrize(
    ("values", "value", "steps"),
    [
        (NUMBERS, 2, [2, 1, 0, 1]),
        (NUMBERS, 2.0, [2, 1, 0, 1]),
        (NUMBERS, None, [0, 1, 2, 3]),
        (NUMBERS, 4, [3, 2, 1, 1]),
        (NUMBERS, 100, [4, 3, 2, 1]),
        (NUMBERS, -1, [2, 1, 2, 3]),
        (NUMBERS, "8", [4, 3, 2, 1]),
        (NUMBERS, "many", [1, 1, 1, 1]),
        (NUMBERS, True, [1, 1, 1, 1]),
        (NUMBERS, [1], [1, 1, 1, 1]),
        (NUMBERS, float("nan"), [1, 1, 1, 1]),
        ((0.7, 0.75, 0.8), 0.7500000001, [2, 1, 2]),
        ((True, False), False, [1, 0]),
        (("fa", "fi", "auto"), "auto", [1, 1, 0]),
        (("fa", "fi", "auto"), "nsa", [1, 1, 1]),
        (("auto", 1, 2), 2, [1, 1, 0]),
    ],
)
def test_movement_is_the_difference_of_positions(
    values: tuple[Scalar, ...], value: object, steps: list[int]
) -> None:
    assert movement(Domain(values), value).tolist() == steps


def test_ordered_strings_move_along_their_scale() -> None:
    assert movement(Domain(("low", "mid", "high"), ordered=True), "high").tolist() == [2, 1, 0]


def test_changes_come_before_movement_and_movement_before_defaults() -> None:
    model = space(
        parameter("a", 0, 1, 2, 3, 4, 5),
        parameter("b", 0, 1),
        parameter("c", 0, 1, default=1),
        rules=[le(sum_of("a", "b"), 1)],
    )
    engine = JoinTree(model)
    distance = Distance(model, {"a": 5, "b": 1}, {})
    found = nearest(engine, distance)
    assert found is not None
    # One change of five steps, rather than two; the parameter left open is at its default.
    assert found.values(distance) == {"a": 0, "b": 1, "c": 1}
    assert found.weight == 1
    heavy = Distance(model, {"a": 5, "b": 1}, {"a": 10**30})
    assert ways(engine, heavy).count == 1
    again = nearest(engine, heavy)
    assert again is not None
    assert again.weight == 10**30


def test_what_is_left_open_does_not_count() -> None:
    model = space(*(parameter(name, 0, 1, 2) for name in "abc"), rules=[le(sum_of("a", "b", "c"), 2)])
    found = ways(JoinTree(model), Distance(model, {"a": 2, "b": 2}, {}))
    # a = 0 or b = 0; how c completes them is nobody's choice here.
    assert found.count == 2
    assert [dict(option) for menu in found.menus for option in menu.options] == [{"a": 0}, {"b": 0}]


def test_too_many_ways_are_told_by_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LISTED", 1)
    model = space(*(parameter(name, 0, 1, 2) for name in "abc"), rules=[le(sum_of("a", "b"), 2)])
    complete = ways(JoinTree(model), Distance(model, {"a": 2, "b": 2, "c": 0}, {}))
    assert (complete.count, complete.is_product, complete.at_least) == (2, False, False)
    assert [(menu.parameters, [dict(o) for o in menu.options]) for menu in complete.menus] == [
        (("a",), [{}, {"a": 0}]),
        (("b",), [{}, {"b": 0}]),
    ]
    partial = ways(JoinTree(model), Distance(model, {"a": 2, "b": 2}, {}))
    assert (partial.count, partial.is_product, partial.at_least) == (2, False, True)


def test_three_columns_may_depend_where_no_two_do() -> None:
    parity = [(a, b, (a + b) % 2, c) for a in (0, 1) for b in (0, 1) for c in (0, 1, 2)]
    found = factors(Choices(("a", "b", "x", "c"), np.array(sorted(parity), np.intp)))
    assert [(factor.names, len(factor.rows)) for factor in found] == [(("a", "b", "x"), 4), (("c",), 3)]


def test_the_same_rows_with_a_reference() -> None:
    # `Ref` alone is a rule where it is a bool; the nearest value of a switch is the other one.
    model = space(parameter("on", True, False), rules=[Ref("on")])
    found = nearest(JoinTree(model), Distance(model, {"on": False}, {}))
    assert found is not None
    assert found.weight == 1
