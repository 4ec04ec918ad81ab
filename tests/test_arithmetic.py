import numpy as np
import pytest

from spacegen.language.arithmetic import (
    add,
    compare_data,
    divide,
    either,
    extreme,
    magnitude,
    multiply,
    negate,
)
from spacegen.language.columns import Column, column, constant


def one(value: float) -> Column:
    return column([value])


def test_integers_stay_exact_past_64_bits() -> None:
    big = 2**62
    assert add(one(big), one(big)).values() == [2**63]
    assert multiply(one(big), one(big)).values() == [2**124]
    assert negate(add(constant(1), constant(2**63 - 1))).data.item() == -(2**63)
    assert magnitude(one(-(2**70))).values() == [2**70]
    assert divide("//", one(2**80), one(3)).values() == [2**80 // 3]
    assert divide("%", one(-(2**80)), one(7)).values() == [-(2**80) % 7]


def test_doubles_meet_integers_as_in_python() -> None:
    assert divide("/", one(2**53 + 1), one(1)).values() == [(2**53 + 1) / 1]
    assert divide("/", one(2**2000), one(1)).values() == [float("inf")]
    assert divide("/", one(-(2**2000)), one(1)).values() == [float("-inf")]
    assert add(one(2**2000), one(0.5)).values() == [float("inf")]
    assert divide("//", one(-7.5), one(2)).values() == [-7.5 // 2]


def test_comparison_is_exact_where_doubles_round() -> None:
    assert compare_data("<", one(float(2**53)), one(2**53 + 1)).tolist() == [True]
    assert compare_data("==", one(float(2**53)), one(2**53 + 1)).tolist() == [False]
    assert extreme("max", one(float(2**53)), one(2**53 + 1)).values() == [2**53 + 1]


@pytest.mark.parametrize("op", ["/", "//", "%"])
def test_a_zero_divisor_is_unknown_and_no_warning(op: str) -> None:
    result = divide(op, column([1, 2]), column([0, 2]))  # type: ignore[arg-type]
    assert result.unknown is not None
    assert result.unknown.tolist() == [True, False]


def test_either_takes_absent_masks() -> None:
    assert either(None, None) is None
    assert either(None, np.array([True])).tolist() == [True]  # type: ignore[union-attr]
