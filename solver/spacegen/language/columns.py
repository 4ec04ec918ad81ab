"""Columns of values: how NumPy arrays hold the language's scalars, nulls and unknowns.

A column is data plus, for each element, its kind (null, bool, number, string) and whether it is unknown.
Integers are exact: `bound` limits their magnitude, and where int64 could overflow the data are Python ints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spacegen.language.expr import Scalar

__all__ = [
    "BOOL",
    "EXACT_FLOAT",
    "EXACT_INT",
    "NULL",
    "NUMBER",
    "STRING",
    "Column",
    "Mask",
    "column",
    "constant",
    "grid",
]

Mask: TypeAlias = NDArray[np.bool_]

NULL: Final = 0
BOOL: Final = 1
NUMBER: Final = 2
STRING: Final = 3

EXACT_INT: Final = 2**62
"""Integers below this magnitude are held as int64: one more addition cannot overflow."""
EXACT_FLOAT: Final = 2**53
"""Integers up to this magnitude survive the conversion to a double."""

# Strings are only ever compared for equality, so a process-wide number stands for each.
_numbers: dict[str, int] = {}
_strings: list[str] = []
_lock: Final = Lock()


def _number_of(text: str) -> int:
    with _lock:
        if text not in _numbers:
            _numbers[text] = len(_strings)
            _strings.append(text)
        return _numbers[text]


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """Scalars along any shape; `kind` is one kind for all or an array, `unknown` None means nowhere.

    `data` is bool where every element is a bool, else int64, float64 or object (Python numbers); nulls
    hold 0 and strings a number of their own. `bound`: no integer in `data` is larger in magnitude.
    """

    data: NDArray[Any]
    kind: int | NDArray[np.uint8]
    unknown: Mask | None
    bound: int

    def take(self, codes: NDArray[Any]) -> Column:
        """The elements of a 1-D column at `codes`, in the shape of `codes`."""
        return Column(
            self.data[codes],
            self.kind if isinstance(self.kind, int) else self.kind[codes],
            None if self.unknown is None else self.unknown[codes],
            self.bound,
        )

    def reshape(self, shape: tuple[int, ...]) -> Column:
        """The same elements in another shape."""
        return Column(
            self.data.reshape(shape),
            self.kind if isinstance(self.kind, int) else self.kind.reshape(shape),
            None if self.unknown is None else self.unknown.reshape(shape),
            self.bound,
        )

    def is_kind(self, kind: int) -> Mask:
        """Where the elements are of this kind (shape () where all elements share one)."""
        return np.asarray(self.kind == kind)

    def values(self) -> list[Scalar]:
        """The elements of a 1-D column as Python scalars; null and unknown are both None."""
        kinds = np.broadcast_to(np.asarray(self.kind), self.data.shape).tolist()
        unknown = np.zeros(self.data.shape, bool) if self.unknown is None else self.unknown
        unknown = np.broadcast_to(unknown, self.data.shape)
        return [
            None if hidden else _scalar(datum, kind)
            for datum, kind, hidden in zip(self.data.tolist(), kinds, unknown.tolist(), strict=True)
        ]


def _scalar(datum: Any, kind: int) -> Scalar:
    if kind == STRING:
        return _strings[int(datum)]
    if kind == BOOL:
        return bool(datum)
    return None if kind == NULL else datum


def _kind_and_datum(value: Scalar) -> tuple[int, int | float]:
    match value:
        case None:
            return NULL, 0
        case bool():
            return BOOL, value
        case int() | float():
            return NUMBER, value
        case str():
            return STRING, _number_of(value)


def column(values: Sequence[Scalar]) -> Column:
    """A 1-D column of these values. One float makes all numbers floats, unless doubles cannot hold them."""
    pairs = [_kind_and_datum(value) for value in values]
    kinds = {kind for kind, _ in pairs}
    data = [datum for _, datum in pairs]
    bound = max((abs(datum) for datum in data if isinstance(datum, int)), default=0)
    dtype: type
    if kinds == {BOOL}:
        dtype = np.bool_
    elif any(isinstance(datum, float) for datum in data):
        dtype = np.float64 if bound <= EXACT_FLOAT else np.object_
    else:
        dtype = np.int64 if bound < EXACT_INT else np.object_
    kind = kinds.pop() if len(kinds) == 1 else np.array([kind for kind, _ in pairs], np.uint8)
    return Column(np.array(data, dtype), kind, None, bound)


def constant(value: Scalar) -> Column:
    """A column of shape () that broadcasts against any other."""
    return column([value]).reshape(())


def grid(names: tuple[str, ...], columns: Mapping[str, Column]) -> dict[str, Column]:
    """The 1-D columns of these names, each along an axis of its own, in the order of `names`."""
    rank = len(names)
    return {
        name: columns[name].reshape((1,) * i + (-1,) + (1,) * (rank - i - 1)) for i, name in enumerate(names)
    }
