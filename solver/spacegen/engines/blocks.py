"""Assignments as columns of codes: what engines hand out and are asked about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spacegen.language.model import Domain, Model

__all__ = ["ANYTHING", "Block", "Codes", "Given", "code_dtype"]

Codes: TypeAlias = NDArray[np.unsignedinteger[Any]]
Given: TypeAlias = Mapping[str, tuple[int, ...]]
"""Parameter name to the codes it may take; a parameter that is not named is free."""

ANYTHING: Final[Given] = MappingProxyType({})


def code_dtype(domain: Domain) -> np.dtype[Any]:
    """The smallest unsigned integer type that holds the codes of a domain."""
    return np.min_scalar_type(max(len(domain) - 1, 0))


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Assignments as columns of codes (positions in the declared domain), one column a parameter,
    in declared order, each of shape (length,)."""

    columns: tuple[Codes, ...]
    length: int

    def __len__(self) -> int:
        return self.length

    def rows(self, selection: slice | NDArray[Any]) -> Block:
        """Some of the rows: a slice, an index array or a mask."""
        columns = tuple(column[selection] for column in self.columns)
        length = len(columns[0]) if columns else len(np.empty(self.length)[selection])
        return Block(columns, length)

    @staticmethod
    def concatenate(model: Model, blocks: list[Block]) -> Block:
        """The rows of all blocks in order; no blocks give no rows."""
        columns = tuple(
            np.concatenate([b.columns[i] for b in blocks] or [np.empty(0, code_dtype(p.domain))])
            for i, p in enumerate(model.parameters)
        )
        return Block(columns, sum(len(b) for b in blocks))
