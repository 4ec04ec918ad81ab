import numpy as np
import pytest

from spacegen.engines.bucket import Factor, divide, make_bucket
from spacegen.engines.relation import AuxiliaryMap

SIZES = (3, 3, 5)
SUM = AuxiliaryMap((0, 1), 2, np.add.outer(np.arange(3), np.arange(3)))


def test_a_determined_variable_has_no_axis_but_takes_part() -> None:
    even = Factor((2,), np.array([True, False, True, False, True]))
    bucket = make_bucket(0, (2, 1), SIZES, (even,), [SUM])
    assert bucket.axes == (1, 0)
    weights = bucket.weigh([], [], None)
    assert weights.tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    message = bucket.project(weights, (2, 1))
    assert message.sum() == 5
    assert message[2].tolist() == [1, 1, 1]  # 0 + 2, 1 + 1 and 2 + 0


def test_entries_find_what_offset_places() -> None:
    for maps, separator in ([SUM], (2, 1)), ([], (1,)):
        bucket = make_bucket(0, separator, SIZES, (), maps)
        entries = bucket.entries(bucket.weigh([], [], None))
        for key in range(15 if maps else 3):
            assigned = {2: np.array([key // 3]), 1: np.array([key % 3])}
            flat = np.broadcast_to(bucket.key(assigned), (1,))
            for code in range(3):
                before, weight = entries.offset(flat, np.array([code]))
                exists = not maps or key // 3 == key % 3 + code
                assert bool(weight[0]) == exists
                if exists:
                    found, rest = entries.find(flat, before)
                    assert (found.tolist(), rest.tolist()) == ([code], [0])


@pytest.mark.parametrize("huge", [2**40, 2**62])
def test_weights_turn_into_python_ints_before_they_overflow(huge: int) -> None:
    bucket = make_bucket(0, (1,), SIZES, (), [])
    child = Factor((0,), np.array([huge, 1, 0], np.int64))
    weights = bucket.weigh([child, child], [float(huge)] * 2, None)
    assert bucket.project(weights, (1,)).tolist() == [huge**2 + 1] * 3


def test_division_takes_python_ints_too() -> None:
    quotient, remainder = divide(np.array([10**30, 7], np.object_), 10)
    assert (quotient.tolist(), remainder.tolist()) == ([10**29, 0], [0, 7])
