"""Fronts and hypervolumes against their definitions on small whole numbers."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacegen.tune.front import hypervolume, pareto

SIDE = 4


@st.composite
def clouds(draw: st.DrawFn) -> list[tuple[int, ...]]:
    width = draw(st.integers(1, 4))
    return draw(st.lists(st.tuples(*[st.integers(0, SIDE)] * width), min_size=1, max_size=7))


@given(clouds())
def test_a_front_is_what_nothing_dominates(points: list[tuple[int, ...]]) -> None:
    def dominates(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
        return a != b and all(x <= y for x, y in zip(a, b, strict=True))

    assert pareto(points).tolist() == [not any(dominates(o, point) for o in points) for point in points]


@given(clouds())
def test_the_hypervolume_is_the_number_of_dominated_unit_cubes(points: list[tuple[int, ...]]) -> None:
    cubes = product(range(SIDE), repeat=len(points[0]))
    covered = sum(
        any(all(p <= c for p, c in zip(point, cube, strict=True)) for point in points) for cube in cubes
    )
    assert hypervolume(points, [SIDE] * len(points[0])) == covered


@given(clouds())
def test_signs_turn_objectives_round(points: list[tuple[int, ...]]) -> None:
    signs = [-1 if i % 2 else 1 for i in range(len(points[0]))]
    assert pareto(np.array(points) * signs, signs).tolist() == pareto(points).tolist()


def test_nothing_dominates_nothing() -> None:
    assert pareto([]).tolist() == []
    assert hypervolume([], [1.0, 1.0]) == 0.0


def test_a_point_beyond_the_reference_adds_nothing() -> None:
    assert hypervolume([[1.0, 3.0], [5.0, 0.0]], [4.0, 4.0]) == 3.0


def test_a_nan_is_on_no_front() -> None:
    assert pareto([[float("nan"), 0.0], [1.0, 1.0]]).tolist() == [False, True]


def test_half_a_unit_counts_half() -> None:
    assert hypervolume([[0.5, 0.0, 0.0], [0.0, 0.5, 0.0]], [1.0, 1.0, 1.0]) == pytest.approx(0.75)
