"""The order of points: front by front, the lonely ones of each first."""

from __future__ import annotations

import random

import numpy as np
import pytest

from spacegen.diagnose.narrowing.ranking import crowding, fronts, order


def _dominates(one: list[float], other: list[float]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_nothing_comes_after_what_it_dominates(seed: int) -> None:
    draw = random.Random(seed)
    goals = draw.choice((1, 2, 3))
    points = [[float(draw.randrange(6)) for _ in range(goals)] for _ in range(30)]
    ranked = order(points)
    assert sorted(ranked) == list(range(30))
    for i, earlier in enumerate(ranked):
        assert not any(_dominates(points[later], points[earlier]) for later in ranked[i:])


def test_fronts_are_peeled_one_after_the_other() -> None:
    points = [(1.0, 3.0), (2.0, 2.0), (2.0, 3.0), (3.0, 1.0), (3.0, 3.0), (2.0, 2.0)]
    assert [front.tolist() for front in fronts(np.array(points))] == [[0, 1, 3, 5], [2], [4]]


def test_the_ends_of_a_front_come_first_then_those_with_room_around_them() -> None:
    points = [(0.0, 10.0), (1.0, 9.0), (2.0, 8.0), (6.0, 4.0), (10.0, 0.0)]
    assert order(points) == [0, 4, 3, 2, 1]


def test_what_misses_a_limit_comes_last_by_how_much() -> None:
    points = [(1.0, 1.0), (5.0, 5.0), (0.0, 0.0), (4.0, 4.0)]
    assert order(points, [0.3, 0.0, 0.1, -0.2]) == [3, 1, 2, 0]


def test_points_that_are_alike_have_no_room_between_them() -> None:

    assert crowding(np.ones((4, 2)))[1:3].tolist() == [0.0, 0.0]
    assert crowding(np.ones((0, 2))).tolist() == []
