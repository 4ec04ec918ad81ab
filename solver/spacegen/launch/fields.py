"""Columns of rows on their way to a text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Field", "Table", "rows"]


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One column of rows: row i has the value `values[codes[i]]`.

    `active[i]` says whether anybody reads it there (None: everywhere). What is no `argument` of the launch
    (a rank, a derived value) stands in rows, and in no command.
    """

    name: str
    values: Sequence[Any]
    codes: NDArray[Any]
    active: NDArray[np.bool_] | None = None
    argument: bool = True

    def gathered(self, spell: Callable[[Any], Any]) -> list[Any]:
        """For each row, what `spell` makes of its value."""
        spelled = np.empty(len(self.values), object)
        spelled[:] = [spell(value) for value in self.values]
        return spelled[self.codes].tolist()  # type: ignore[no-any-return]


Table: TypeAlias = Sequence[Field]
"""The columns of some rows, all of one length."""


def rows(table: Table, *, inactive: bool) -> Iterator[dict[str, Any]]:
    """The rows as dicts, with or without the values that nobody reads."""
    columns = []
    for field in table:
        column = field.gathered(lambda value: (value,))
        if field.active is not None and not inactive:
            column = [cell if on else () for cell, on in zip(column, field.active.tolist(), strict=True)]
        columns.append(column)
    names = [field.name for field in table]
    for cells in zip(*columns, strict=True):
        yield {name: cell[0] for name, cell in zip(names, cells, strict=True) if cell}
