"""Rows as data frames of other libraries, which need not be installed."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from spacegen.extras import installing, require
from spacegen.language.expr import Scalar
from spacegen.launch.fields import Field, Table

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["parquet", "to_arrow", "to_pandas", "to_polars"]

Kind: TypeAlias = Literal["bool", "int", "float", "string", "mixed"]


def _kind(values: Sequence[Scalar]) -> Kind:
    """The narrowest kind that holds all values; nulls fit everywhere."""
    types = {type(value) for value in values if value is not None}
    if types <= {bool}:
        return "bool"
    if types <= {int}:
        return "int" if all(abs(int(value or 0)) < 2**63 for value in values) else "mixed"
    if types <= {int, float}:
        return "float"
    return "string" if types <= {str} else "mixed"


def _library(name: str, extra: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        message = f"{name} is not installed: {installing(extra)}"
        raise ImportError(message, name=name) from error


def to_pandas(fields: Sequence[Field]) -> pd.DataFrame:
    """A pandas data frame with nullable types."""
    pandas = _library("pandas", "pandas")
    types = {"bool": "boolean", "int": "Int64", "float": "Float64", "string": "string", "mixed": "object"}
    return pandas.DataFrame(
        {f.name: pandas.array(list(f.values), dtype=types[_kind(f.values)]).take(f.codes) for f in fields}
    )


def to_polars(fields: Sequence[Field]) -> pl.DataFrame:
    """A polars data frame; a column of mixed types holds Python objects."""
    polars = _library("polars", "polars")
    types = {
        "bool": polars.Boolean,
        "int": polars.Int64,
        "float": polars.Float64,
        "string": polars.String,
        "mixed": polars.Object,
    }

    def series(field: Field) -> Any:
        kind = _kind(field.values)
        if kind == "mixed":
            return polars.Series(field.name, field.gathered(lambda v: v), dtype=types[kind])
        values = polars.Series(field.name, list(field.values), dtype=types[kind], strict=False)
        return values.gather(field.codes.astype("uint32"))

    frame: pl.DataFrame = polars.DataFrame([series(field) for field in fields])
    return frame


def to_arrow(fields: Sequence[Field]) -> pa.Table:
    """An Arrow table; a column of mixed types holds the values as text."""
    arrow = _library("pyarrow", "arrow")
    types = {
        "bool": arrow.bool_(),
        "int": arrow.int64(),
        "float": arrow.float64(),
        "string": arrow.string(),
        "mixed": arrow.string(),
    }

    def column(field: Field) -> Any:
        kind = _kind(field.values)
        values = [_text(v) for v in field.values] if kind == "mixed" else list(field.values)
        return arrow.array(values, type=types[kind]).take(arrow.array(field.codes))

    return arrow.table({field.name: column(field) for field in fields})


def parquet(tables: Iterable[Table]) -> Iterator[bytes]:
    """The bytes of a Parquet file, a table at a time. Raises UsageError without pyarrow."""
    parquet: Any = require("pyarrow.parquet", "arrow", "Parquet")
    sink, writer = _Sink(), None
    for table in map(to_arrow, tables):
        writer = writer or parquet.ParquetWriter(sink, table.schema)
        writer.write_table(table.cast(writer.schema))
        yield sink.taken()
    if writer is not None:
        writer.close()
        yield sink.taken()


class _Sink(io.RawIOBase):
    """A file that is only written, and whose bytes go on as they come."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, piece: Any, /) -> int:
        self._pieces.append(bytes(piece))
        self._size += len(self._pieces[-1])
        return len(self._pieces[-1])

    def tell(self) -> int:
        return self._size

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _text(value: Any) -> str | None:
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return None if value is None else str(value)
