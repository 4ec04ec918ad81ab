"""Small independent blocks as one table of rows packed in 64-bit words: a draw is one gather a word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.bucket import divide
from spacegen.engines.tree import Tree

__all__ = ["MAX_ROWS", "Group", "grouped"]

MAX_ROWS: Final = 2**15
_WORD: Final = 8
_MANY: Final = 4096
"""Fewer rows than this are not worth the table."""
_LARGE: Final = 2**22
"""A block too large for MAX_ROWS still gets a table when a draw is about as large as the block."""


@dataclass(frozen=True, slots=True)
class _Field:
    """Where a column lies in the packed rows: which word, and from which byte."""

    word: int
    byte: int
    dtype: np.dtype[Any]


def _layout(dtypes: Sequence[np.dtype[Any]]) -> tuple[list[_Field], int]:
    """A place for each column (widest first, so that all are aligned) and the number of words."""
    fields: dict[int, _Field] = {}
    end = 0
    for i in sorted(range(len(dtypes)), key=lambda i: -dtypes[i].itemsize):
        fields[i] = _Field(end // _WORD, end % _WORD, dtypes[i])
        end += dtypes[i].itemsize
    return [fields[i] for i in range(len(dtypes))], -(-end // _WORD)


@dataclass(frozen=True, eq=False)
class Group:
    """Consecutive blocks of the canonical order as one: a rank in the group is a mixed-radix number whose
    digits are the blocks' ranks. `live[v]` maps the live codes of variable v to declared ones, in the
    column type of its domain; auxiliary variables have none and appear in no result."""

    trees: tuple[Tree, ...]
    live: dict[int, NDArray[Any]]

    @cached_property
    def size(self) -> int:
        """The weight of the group: the product of its blocks' totals."""
        return prod(tree.total for tree in self.trees)

    def columns(self, ranks: NDArray[Any]) -> dict[int, NDArray[Any]]:
        """Parameter to column of declared codes, for ranks in the group (int64, or Python ints)."""
        if len(ranks) < max(_MANY, self.size // 2 if self.size > MAX_ROWS else 0) or self.size > _LARGE:
            return self._unranked(ranks)
        fields, words = self._packed
        taken = [word.take(ranks) for word in words]
        return {
            variable: taken[f.word].view(f.dtype)[f.byte // f.dtype.itemsize :: _WORD // f.dtype.itemsize]
            for variable, f in fields.items()
        }

    def _unranked(self, ranks: NDArray[Any]) -> dict[int, NDArray[Any]]:
        found: dict[int, NDArray[Any]] = {}
        for i, tree in reversed(tuple(enumerate(self.trees))):
            digit = ranks
            if i > 0:
                ranks, digit = divide(ranks, tree.total)
            codes = tree.unrank(digit)
            found |= {v: self.live[v][c] for v, c in codes.items() if v in self.live}
        return found

    @cached_property
    def _packed(self) -> tuple[dict[int, _Field], list[NDArray[np.uint64]]]:
        columns = self._unranked(np.arange(self.size))
        fields, count = _layout([column.dtype for column in columns.values()])
        rows = np.zeros((self.size, count * _WORD), np.uint8)
        for field, column in zip(fields, columns.values(), strict=True):
            start = field.word * _WORD + field.byte
            size = field.dtype.itemsize
            rows[:, start : start + size] = np.ascontiguousarray(column).view(np.uint8).reshape(-1, size)
        words = [np.ascontiguousarray(rows.view(np.uint64)[:, i]) for i in range(count)]
        return dict(zip(columns, fields, strict=True)), words

    def rank(self, codes: dict[int, NDArray[Any]]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """The ranks in the group of rows of live codes, and which rows are solutions."""
        ranks, valid = self.trees[0].rank(codes)
        for tree in self.trees[1:]:
            digit, fits = tree.rank(codes)
            ranks, valid = ranks * tree.total + digit, valid & fits
        return ranks, valid


def grouped(trees: Sequence[Tree], live: dict[int, NDArray[Any]]) -> tuple[Group, ...]:
    """Neighbouring blocks united as long as the table of their product stays within MAX_ROWS."""
    groups: list[list[Tree]] = []
    rows = MAX_ROWS + 1
    for tree in trees:
        rows *= tree.total
        if rows > MAX_ROWS or not groups:
            groups.append([])
            rows = tree.total
        groups[-1].append(tree)
    return tuple(Group(tuple(members), live) for members in groups)
