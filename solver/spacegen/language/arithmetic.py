"""Numbers in columns: exact integers, IEEE doubles, and nothing that overflows or warns."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from spacegen.language.columns import EXACT_FLOAT, EXACT_INT, NULL, NUMBER, Column, Mask
from spacegen.language.expr import CompareOp, DivideOp

__all__ = [
    "add",
    "compare_data",
    "divide",
    "either",
    "extreme",
    "magnitude",
    "multiply",
    "negate",
    "numbers",
    "unite",
]

_COMPARE: Final[dict[CompareOp, Callable[[Any, Any], Any]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def either(*masks: Mask | None) -> Mask | None:
    """Where any mask holds; None is a mask that holds nowhere."""
    present = [mask for mask in masks if mask is not None]
    return reduce(operator.or_, present) if present else None


def _is_float(data: NDArray[Any]) -> bool:
    return data.dtype.kind == "f"


def numbers(item: Column) -> Column:
    """The operand of an arithmetic operator: bools count 0 or 1, null is unknown."""
    data = item.data.astype(np.int64) if item.data.dtype == np.bool_ else item.data
    if isinstance(item.kind, int) and item.kind != NULL:
        return Column(data, NUMBER, item.unknown, item.bound)
    return Column(data, NUMBER, either(item.unknown, item.is_kind(NULL)), item.bound)


def _saturate(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _floats(data: NDArray[Any]) -> NDArray[Any]:
    if data.dtype != np.object_:
        return data.astype(np.float64)
    return np.array([_saturate(v) for v in data.ravel().tolist()], np.float64).reshape(data.shape)


def _fold(left: Column, right: Column, op: Callable[[Any, Any], Any], bound: int) -> Column:
    """One arithmetic operator on two number columns whose integer results stay within `bound`."""
    unknown = either(left.unknown, right.unknown)
    a, b = left.data, right.data
    if _is_float(a) or _is_float(b):
        # As in Python, an integer beside a float is rounded to a double first.
        with np.errstate(all="ignore"):
            return Column(np.asarray(op(_floats(a), _floats(b))), NUMBER, unknown, bound)
    if bound >= EXACT_INT:
        a, b = a.astype(np.object_), b.astype(np.object_)
    try:
        # NumPy unwraps a single Python int; the type keeps it exact.
        with np.errstate(all="ignore"):
            return Column(np.asarray(op(a, b), np.result_type(a, b)), NUMBER, unknown, bound)
    except OverflowError:  # a Python float met an integer past the doubles
        with np.errstate(all="ignore"):
            return Column(np.asarray(op(_floats(a), _floats(b))), NUMBER, unknown, bound)


def add(left: Column, right: Column) -> Column:
    """The sum of two operands."""
    left, right = numbers(left), numbers(right)
    return _fold(left, right, operator.add, left.bound + right.bound)


def multiply(left: Column, right: Column) -> Column:
    """The product of two operands."""
    left, right = numbers(left), numbers(right)
    return _fold(left, right, operator.mul, left.bound * right.bound)


def negate(item: Column) -> Column:
    """The operand with its sign changed."""
    item = numbers(item)
    return Column(np.asarray(-item.data, item.data.dtype), NUMBER, item.unknown, item.bound)


def magnitude(item: Column) -> Column:
    """The operand's absolute value."""
    item = numbers(item)
    return Column(np.asarray(abs(item.data), item.data.dtype), NUMBER, item.unknown, item.bound)


def extreme(op: Literal["min", "max"], left: Column, right: Column) -> Column:
    """The smaller or the larger of two operands."""
    left, right = numbers(left), numbers(right)
    a, b = _comparable(left, right)
    smaller = np.asarray(a <= b, bool) if op == "min" else np.asarray(a >= b, bool)
    data = np.where(smaller, a, b)
    return Column(data, NUMBER, either(left.unknown, right.unknown), max(left.bound, right.bound))


def _true_divide(a: Any, b: Any) -> float:
    try:
        return float(a / b)
    except OverflowError:
        return float("inf") if (a > 0) == (b > 0) else float("-inf")


_DIVIDE: Final[dict[DivideOp, Callable[[Any, Any], Any]]] = {
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}


def divide(op: DivideOp, left: Column, right: Column) -> Column:
    """Division or its floor forms; unknown where the divisor is 0."""
    left, right = numbers(left), numbers(right)
    zero = np.asarray(right.data == 0, bool)
    divisor = Column(np.where(zero, 1, right.data), NUMBER, either(right.unknown, zero), right.bound)
    bound = max(left.bound, right.bound)
    if op != "/":
        return _fold(left, divisor, _DIVIDE[op], bound)
    unknown = either(left.unknown, divisor.unknown)
    if bound > EXACT_FLOAT:
        exact = np.frompyfunc(_true_divide, 2, 1)
        data = exact(left.data.astype(np.object_), divisor.data.astype(np.object_))
        return Column(np.asarray(data, np.float64), NUMBER, unknown, 0)
    with np.errstate(all="ignore"):
        return Column(np.asarray(_floats(left.data) / _floats(divisor.data)), NUMBER, unknown, 0)


def _comparable(left: Column, right: Column) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both data in a form in which NumPy compares an integer with a double exactly."""
    mixed = _is_float(left.data) != _is_float(right.data)
    if mixed and max(left.bound, right.bound) > EXACT_FLOAT:
        return left.data.astype(np.object_), right.data.astype(np.object_)
    return left.data, right.data


def compare_data(op: CompareOp, left: Column, right: Column) -> Mask:
    """The data compared as numbers, kinds and unknowns aside."""
    a, b = _comparable(left, right)
    # (What is unknown may be no number at all, 0 times infinity for one.)
    with np.errstate(invalid="ignore"):
        return np.asarray(_COMPARE[op](a, b), bool)


def unite(choose: Mask, left: Column, right: Column) -> Column:
    """`left` where `choose` holds, else `right`: kinds, nulls and unknowns included."""
    a, b = _comparable(left, right)
    kind: int | NDArray[np.uint8]
    if isinstance(left.kind, int) and isinstance(right.kind, int) and left.kind == right.kind:
        kind = left.kind
    else:
        kind = np.where(choose, left.kind, right.kind).astype(np.uint8)
    unknown = None
    if left.unknown is not None or right.unknown is not None:
        nowhere = np.False_
        unknown = np.where(
            choose,
            nowhere if left.unknown is None else left.unknown,
            nowhere if right.unknown is None else right.unknown,
        )
    return Column(np.where(choose, a, b), kind, unknown, max(left.bound, right.bound))
