from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spacegen.engines import distinct
from spacegen.engines.distinct import below, distinct_rows, first_of_each


@pytest.mark.parametrize("bound", [1, 2, 1000, 2**63 - 1, 2**63, 2**64, 3 * 2**100 + 1])
def test_numbers_stay_below_their_bound_and_fill_it(bound: int) -> None:
    numbers = below(bound, 2000, np.random.default_rng(1))
    assert 0 <= min(numbers) <= max(numbers) < bound
    assert abs(float(sum(int(n) for n in numbers)) / 2000 - (bound - 1) / 2) <= bound * 0.03


def test_big_numbers_are_uniform_in_every_bit() -> None:
    numbers = below(2**70, 4000, np.random.default_rng(2))
    for bit in (0, 31, 63, 64, 69):
        ones = sum(int(n) >> bit & 1 for n in numbers)
        assert abs(ones - 2000) < 160  # five standard deviations


@pytest.mark.parametrize("sizes", [(3, 3), (2**40, 2**40)])
def test_the_first_of_equal_rows_stays(sizes: tuple[int, int]) -> None:
    columns = [np.array([1, 2, 1, 0, 2]), np.array([0, 1, 0, 0, 2])]
    mask = first_of_each(columns, sizes)
    assert mask is not None
    assert mask.tolist() == [True, True, False, True, True]
    assert first_of_each([np.arange(5), np.zeros(5, np.int64)], sizes) is None


def test_python_ints_are_told_apart_too() -> None:
    big = np.array([2**70, 5, 2**70, 2**70 + 1], np.object_)
    mask = first_of_each([big], [2**71])
    assert mask is not None
    assert mask.tolist() == [True, True, False, True]


def test_rows_are_distinct_and_in_order_of_arrival() -> None:
    rng = np.random.default_rng(0)
    (column,) = distinct_rows(90, lambda n: [rng.integers(0, 100, n)], [100])
    assert len(set(column.tolist())) == len(column) == 90


def test_patience_ends() -> None:
    (column,) = distinct_rows(5, lambda n: [np.zeros(n, np.int64)], [10], patience=3)
    assert column.tolist() == [0]


def test_repeats_are_looked_for_once_a_round(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[str] = []
    rng = np.random.default_rng(0)
    look = first_of_each

    def draw(size: int) -> list[NDArray[Any]]:
        rounds.append("draw")
        return [rng.integers(0, 100, size)]

    def looked(columns: Sequence[NDArray[Any]], sizes: Sequence[int]) -> NDArray[np.bool_] | None:
        rounds.append("look")
        return look(columns, sizes)

    monkeypatch.setattr(distinct, "first_of_each", looked)
    distinct_rows(99, draw, [100])
    assert rounds == ["draw", "look"] * (len(rounds) // 2)
    assert len(rounds) > 2
