"""Tables of configs, as callers have them, as columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from spacegen.errors import Fault, UsageError
from spacegen.questions.given import plain_config
from spacegen.questions.many.cells import MISSING

__all__ = ["Columns", "columns_of", "columns_of_rows"]

Columns: TypeAlias = Mapping[str, Any]


def columns_of(table: Any) -> tuple[Columns, int]:
    """The columns of a table by name and the number of its rows.

    A table is a mapping of columns, an Arrow table, a pandas or polars data frame, or rows, which are
    mappings and may lack keys. Raises UsageError for anything else.
    """
    match type(table).__module__.split(".")[0]:
        case "pyarrow":
            _check_names(table.schema.names)
            return _checked({name: table.column(name) for name in table.schema.names})
        case "pandas" | "polars":
            _check_names(list(table.columns))
            return _checked({name: table[name] for name in table.columns})
    if isinstance(table, Mapping):
        return _checked(table)
    if isinstance(table, str | bytes) or not isinstance(table, Iterable):
        hint = "give a mapping of columns, a data frame, or rows as mappings"
        raise UsageError(Fault(f"a `{type(table).__name__}` is no table of configs", hint=hint))
    return columns_of_rows([plain_config(row) for row in table])


def columns_of_rows(rows: Sequence[Mapping[str, Any]]) -> tuple[Columns, int]:
    """The columns of rows; a key that some rows lack is `MISSING` there."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name, MISSING) for row in rows] for name in names}, len(rows)


def _check_names(names: Sequence[Any]) -> None:
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"the column `{repeated}` occurs twice")


def _checked(columns: Columns) -> tuple[Columns, int]:
    for name, column in columns.items():
        if not isinstance(name, str):
            raise UsageError(f"columns have names, and `{name!r}` is none")
        is_flat = getattr(column, "ndim", 1) == 1
        if isinstance(column, str | bytes) or not hasattr(column, "__len__") or not is_flat:
            raise UsageError(Fault(f"`{name}` is no column", hint="give a value for each row"))
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1:
        shortest = min(columns, key=lambda name: len(columns[name]))
        longest = max(columns, key=lambda name: len(columns[name]))
        few, many = len(columns[shortest]), len(columns[longest])
        raise UsageError(f"the columns differ in length: `{shortest}` has {few:,} rows, `{longest}` {many:,}")
    return columns, lengths.pop() if lengths else 0
