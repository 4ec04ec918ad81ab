"""Columns of values, as other libraries hold them, as codes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.protocol import code_dtype
from spacegen.errors import SpaceError
from spacegen.language.columns import Mask
from spacegen.language.expr import Scalar
from spacegen.language.model import Domain, identity
from spacegen.questions.check import is_scalar, type_fits
from spacegen.questions.given import plain

__all__ = ["MISSING", "Cells", "Missing", "cells", "listed_values"]

_PLAIN: Final = {type(None), bool, int, float, str}


class Missing:
    """The type of `MISSING`."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()
"""What a column holds for a row that does not have it: the parameter is free there."""

_ABSENT: Final = -1
_FEW: Final = 16


@dataclass(frozen=True, eq=False)
class Cells:
    """A column as `codes`: places in the domain, then in `others`, the values outside it; -1 where a row has
    none. `inside` says that all are in the domain, and codes are as small as it allows."""

    domain: Domain
    codes: NDArray[Any]
    others: tuple[object, ...] = ()
    inside: bool = False

    @cached_property
    def missing(self) -> Mask:
        """The rows without a value."""
        return np.zeros(len(self.codes), np.bool_) if self.inside else self.codes == _ABSENT

    @cached_property
    def outside(self) -> Mask:
        """The rows with a value outside the domain."""
        return np.zeros(len(self.codes), np.bool_) if self.inside else self.codes >= len(self.domain)

    @cached_property
    def judged(self) -> Mask:
        """The rows whose value rules can be asked about."""
        fits = [type_fits(self.domain, value) for value in self.others]
        known: Mask = np.array([*([True] * len(self.domain)), *fits, False])[self.codes]
        return known

    def values(self, rows: NDArray[Any]) -> tuple[Sequence[Scalar], NDArray[Any]]:
        """The values of the domain and those outside that rows have, and the codes of these rows in them; all
        of the rows must be `judged`."""
        codes = self.codes[rows].astype(np.intp)
        used, places = np.unique(codes[codes >= len(self.domain)], return_inverse=True)
        found = [self.others[code - len(self.domain)] for code in used.tolist()]
        codes[codes >= len(self.domain)] = places + len(self.domain)
        return [*self.domain, *filter(is_scalar, found)], codes

    def among(self, rows: NDArray[Any]) -> Cells:
        """The cells of some rows."""
        return Cells(self.domain, self.codes[rows], self.others, self.inside)


def cells(domain: Domain, column: Any) -> Cells:
    """The cells of a column: NumPy, Arrow, pandas, polars, or any sequence of values.

    Not a number counts as null, which is how these libraries hold nulls among decimals.
    """
    match type(column).__module__.split(".")[0]:
        case "pyarrow":
            return _of_arrow(domain, column)
        case "pandas":
            return _of_pandas(domain, column)
        case "polars" if find_spec("pyarrow"):
            return _of_arrow(domain, column.to_arrow())
        case "polars":
            return _of_values(domain, column.to_list())
        case _:
            if isinstance(column, np.ndarray) and column.dtype.kind in _ARRAYS:
                return _ARRAYS[column.dtype.kind](domain, column)
            return _of_values(domain, listed_values(column))


def listed_values(column: Any) -> list[Any]:
    """The values of any column as Python objects."""
    match type(column).__module__.split(".")[0]:
        case "pyarrow":
            return column.to_pylist()  # type: ignore[no-any-return]
        case "pandas":
            return column.to_numpy(object, na_value=None).tolist()  # type: ignore[no-any-return]
        case _:
            return column.tolist() if isinstance(column, np.ndarray) else list(column)


def _settled(domain: Domain, codes: NDArray[Any], others: Iterable[object]) -> Cells:
    """The cells of codes that may be anything; a column that lies in the domain gets its small type."""
    outside = tuple(others)
    inside = not len(codes) or bool(codes.min() >= 0 and codes.max() < len(domain))
    return Cells(domain, codes.astype(code_dtype(domain)) if inside else codes, outside, inside)


def _gathered(domain: Domain, values: Sequence[Any], places: NDArray[Any]) -> Cells:
    """The cells of `values[places]`, for values of any kind that are few."""
    found = _of_values(domain, values)
    return _settled(domain, found.codes[places], found.others)


def _of_values(domain: Domain, values: Sequence[Any]) -> Cells:
    codes: _Codes | _Keyed
    try:
        if (bools := _bools(domain, values)) is not None:
            codes = _Codes(domain, bools=bools)
            return _settled(
                domain, np.fromiter(map(codes.__getitem__, values), np.int32, len(values)), codes.others
            )
    except TypeError:
        # A list or a mapping, which has no hash.
        pass
    codes = _Keyed(domain)
    return _settled(domain, np.fromiter(map(codes.__getitem__, values), np.int32, len(values)), codes.others)


def _bools(domain: Domain, values: Sequence[Any]) -> bool | None:
    """Whether bools or numbers may stand among the values; None where Python could take one for the other."""
    if not _numeric(domain):
        return False
    types = set(map(type, values))
    plain_ones = types <= {*_PLAIN, Missing}
    return bool in types if plain_ones and not (bool in types and types & {int, float}) else None


def _numeric(domain: Domain) -> bool:
    return any(isinstance(value, bool | int | float) for value in domain)


class _Codes(dict[Any, int]):
    """Codes by value, for values among which no bool meets a number; others get the next code."""

    def __init__(self, domain: Domain, *, bools: bool) -> None:
        refused = (int, float) if bools else (bool,)
        super().__init__({MISSING: _ABSENT})
        self.update(
            (v, code)
            for code, v in enumerate(domain)
            if isinstance(v, bool) == bools or type(v) not in refused
        )
        self._null = domain.code(None)
        self._size = len(domain)
        self.others: list[object] = []

    def __missing__(self, value: object) -> int:
        if value != value:  # only what is no number differs from itself
            return self[None] if self._null is None else self._null
        self.others.append(value)
        return self.setdefault(value, self._size + len(self.others) - 1)


class _Keyed:
    """Codes of values of every kind."""

    def __init__(self, domain: Domain) -> None:
        self._codes: dict[Any, int] = {identity(value): code for code, value in enumerate(domain)}
        self._size = len(domain)
        self.others: list[object] = []

    def __getitem__(self, given: Any) -> int:
        if given is MISSING:
            return _ABSENT
        value = plain(given)
        if isinstance(value, float) and value != value:
            value = None
        key = identity(value) if is_scalar(value) else ("other", id(value))
        if key not in self._codes:
            self.others.append(value)
            self._codes[key] = self._size + len(self.others) - 1
        return self._codes[key]


def _of_numbers(domain: Domain, column: NDArray[Any]) -> Cells:
    """Integers and decimals among the numbers of the domain; what is no number is null."""
    known = [(v, c) for c, v in enumerate(domain) if type(v) in (int, float) and _fits(v, column.dtype)]
    codes = (_compared if len(known) < _FEW else _searched)(known, column, np.min_scalar_type(len(domain)))
    null = domain.code(None)
    if null is not None and column.dtype.kind == "f":
        codes[np.isnan(column)] = null + 1
    if codes.all():
        return Cells(domain, (codes - codes.dtype.type(1)).astype(code_dtype(domain)), (), inside=True)
    odd = codes == 0
    found = codes.astype(np.int32) - 1
    others, places = np.unique(column[odd], return_inverse=True)
    rest = _of_values(domain, others.tolist())
    found[odd] = rest.codes[places]
    return Cells(domain, found, rest.others)


def _compared(known: list[tuple[Any, int]], column: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """One more than the code of each number, 0 where it is not known; a comparison for each known one."""
    codes = np.zeros(len(column), dtype)
    for value, code in known:
        codes += (column == column.dtype.type(value)) * dtype.type(code + 1)
    return codes


def _searched(known: list[tuple[Any, int]], column: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The same for many known numbers."""
    known = sorted(known)
    keys = np.array([value for value, _ in known], column.dtype)
    places = np.minimum(np.searchsorted(keys, column), len(keys) - 1)
    codes = np.array([code + 1 for _, code in known], dtype)[places]
    codes[keys[places] != column] = 0
    return codes


def _fits(value: Any, dtype: np.dtype[Any]) -> bool:
    """Whether an array of this type can hold a number exactly."""
    if dtype.kind == "f":
        return bool(abs(value) <= float(np.finfo(dtype).max) and float(dtype.type(value)) == value)
    limits = np.iinfo(dtype)
    return bool(value == int(value) and limits.min <= value <= limits.max)


def _of_bools(domain: Domain, column: NDArray[Any]) -> Cells:
    return _gathered(domain, [False, True], column.astype(np.intp))


_ARRAYS: Final[dict[str, Callable[[Domain, NDArray[Any]], Cells]]] = {
    "b": _of_bools,
    "i": _of_numbers,
    "u": _of_numbers,
    "f": _of_numbers,
}


def _of_arrow(domain: Domain, column: Any) -> Cells:
    import pyarrow as pa

    if pa.types.is_nested(column.type):
        return _of_values(domain, column.to_pylist())
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    found = column.dictionary_encode("encode")
    if isinstance(found, pa.ChunkedArray):
        found = found.unify_dictionaries().combine_chunks()
    if isinstance(found, pa.ChunkedArray):
        return _of_values(domain, column.to_pylist())
    values = found.dictionary.to_pylist()
    if _numeric(domain) and any(isinstance(value, str) for value in domain):
        # Arrow has no column of both, so such a domain is written as texts.
        values = [_spelled(value, domain) for value in values]
    return _gathered(domain, values, found.indices.to_numpy(zero_copy_only=False))


def _spelled(text: Any, domain: Domain) -> Any:
    """The value that a text spells, where it is a text that spells one."""
    from spacegen.questions.configs import read_cell

    if not isinstance(text, str):
        return text
    try:
        return read_cell(text, domain)
    except SpaceError:
        return text


def _of_pandas(domain: Domain, column: Any) -> Cells:
    if column.dtype.name == "category":
        # Code -1 is null, and so the last of these.
        values = [*listed_values(column.cat.categories), None]
        return _gathered(domain, values, column.cat.codes.to_numpy())
    if isinstance(column.dtype, np.dtype) and (column.dtype.kind != "O" or _numeric(domain)):
        return cells(domain, column.to_numpy())
    try:
        places, found = column.factorize()
    except TypeError:  # lists and the like, which have no hash
        return _of_values(domain, listed_values(column))
    return _gathered(domain, [*listed_values(found), None], places)
