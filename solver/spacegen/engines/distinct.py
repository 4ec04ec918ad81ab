"""Random numbers below any bound, and rows without repeats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["below", "distinct_rows", "first_of_each"]

_WORD: Final = 2**64


def below(bound: int, size: int, rng: np.random.Generator) -> NDArray[Any]:
    """`size` uniform integers in 0 … bound - 1: int64, or Python ints where the bound passes 2^63."""
    if bound < 2**63:
        return rng.integers(0, bound, size)
    bits = bound.bit_length()
    words = -(-bits // 64)
    found: list[int] = []
    while len(found) < size:
        # Fewer than half of all numbers of this many bits are refused, so this ends quickly.
        drawn = rng.integers(0, _WORD, (size - len(found), words), np.uint64, endpoint=False)
        numbers = (int.from_bytes(row.tobytes(), "little") >> (64 * words - bits) for row in drawn)
        found.extend(number for number in numbers if number < bound)
    result = np.empty(size, np.object_)
    result[:] = found
    return result


def _keys(columns: Sequence[NDArray[Any]], sizes: Sequence[int]) -> tuple[NDArray[Any], bool]:
    """A 64-bit key a row, and whether equal keys mean equal rows."""
    if prod(sizes) < 2**63:
        key: Any = np.int64(0)
        for column, size in zip(columns, sizes, strict=True):
            key = key * size + column
        return key, True
    mixed: Any = np.uint64(0)
    for column in columns:
        digits = (column % (2**61 - 1)) if column.dtype == np.object_ else column
        # Fibonacci hashing: multiplying by 2^64 / golden ratio spreads neighbouring numbers.
        mixed = (mixed ^ digits.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed, False


def first_of_each(columns: Sequence[NDArray[Any]], sizes: Sequence[int]) -> NDArray[np.bool_] | None:
    """A mask of the rows that no earlier row equals; None where there is no repeat.

    `sizes[i]` bounds the entries of column i. One sort of a 64-bit key a row finds candidates.
    """
    keys, exact = _keys(columns, sizes)
    ordered = np.sort(keys)
    twins = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(twins):
        return None
    mask = np.ones(len(keys), np.bool_)
    candidates = np.flatnonzero(np.isin(keys, twins))
    if exact:
        _, first = np.unique(keys[candidates], return_index=True)
        mask[candidates] = False
        mask[candidates[first]] = True
        return mask
    seen: set[tuple[int, ...]] = set()
    for row in candidates.tolist():
        values = tuple(int(column[row]) for column in columns)
        mask[row] = values not in seen
        seen.add(values)
    return mask


def distinct_rows(
    size: int,
    draw: Callable[[int], list[NDArray[Any]]],
    sizes: Sequence[int],
    *,
    patience: int = 1000,
) -> list[NDArray[Any]]:
    """Columns of `size` different rows: independent draws with repeats skipped, which makes every set of
    rows as likely as drawing without replacement does. Gives up with fewer rows after `patience` rounds
    in a row without a new one."""
    rows = _firsts(draw(size), sizes)
    idle = 0
    while len(rows[0]) < size and idle < patience:
        found = len(rows[0])
        more = draw(max(size - found, min(size, 64)))
        rows = _firsts([np.concatenate(pair) for pair in zip(rows, more, strict=True)], sizes)
        idle = idle + 1 if len(rows[0]) == found else 0
    return [column[:size] for column in rows]


def _firsts(rows: list[NDArray[Any]], sizes: Sequence[int]) -> list[NDArray[Any]]:
    mask = first_of_each(rows, sizes)
    return rows if mask is None else [column[mask] for column in rows]
