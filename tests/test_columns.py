import numpy as np
import pytest

from spacegen.language.columns import NULL, NUMBER, column, constant
from spacegen.language.expr import Scalar


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 3],
        [None, 5],
        [True, False],
        [None, True],
        ["a", None, "b", 7],
        [0.5, 1.0],
        [2**62, 1],
        [2**80, None],
        [2**60, 0.5],
        [],
    ],
)
def test_values_come_back(values: list[Scalar]) -> None:
    back = column(values).values()
    assert back == values
    assert [type(v) is bool for v in back] == [type(v) is bool for v in values]


def test_the_smallest_exact_type_is_taken() -> None:
    types = [column(v).data.dtype for v in ([True], [1], [0.5, 1], [2**62], [2**60, 0.5])]
    assert types == [np.bool_, np.int64, np.float64, np.object_, np.object_]


def test_take_and_reshape_keep_kinds() -> None:
    taken = column([None, 5, 6]).take(np.array([1, 0, 1]))
    assert taken.values() == [5, None, 5]
    assert taken.is_kind(NULL).tolist() == [False, True, False]
    assert constant(3).is_kind(NUMBER)
