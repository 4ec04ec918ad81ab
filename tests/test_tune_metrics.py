"""Service levels: what they are read from, and how they are written."""

from __future__ import annotations

import pytest

from spacegen.errors import UsageError
from spacegen.tune.metrics import Limit, read_limit


@pytest.mark.parametrize("bound", ["nan", "inf", "-inf", "1e999", "x"])
def test_a_bound_is_a_finite_number(bound: str) -> None:
    with pytest.raises(UsageError, match="is no bound"):
        read_limit(f"ttft<={bound}")


def test_a_bound_from_python_is_one_too() -> None:
    with pytest.raises(UsageError, match="`ttft<=nan` is no bound"):
        Limit("ttft", "<=", float("nan"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ttft <= 500.0", "ttft<=500"),
        ("ttft<=1234567.5", "ttft<=1234567.5"),
        ("tps>0.1234567", "tps>=0.1234567"),
        ("tps>=1e20", "tps>=1e+20"),
    ],
)
def test_a_limit_is_written_as_it_is_read(text: str, shown: str) -> None:
    limit = read_limit(text)
    assert str(limit) == shown
    assert read_limit(shown) == limit


def test_limits_that_are_close_are_two() -> None:
    assert len({str(read_limit(f"ttft<=100.000{digit}")) for digit in range(10)}) == 10


def test_whole_numbers_are_numbers() -> None:
    assert str(Limit("tps", ">=", 20)) == "tps>=20"
