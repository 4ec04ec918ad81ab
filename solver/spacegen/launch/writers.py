"""Rows of launch arguments as text: JSON lines, JSON, CSV, YAML.

Texts are made once a value and gathered by code, so that a row costs one join.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, assert_never, get_args

import numpy as np
from numpy.typing import NDArray

from spacegen.errors import SpaceError
from spacegen.language.expr import Scalar
from spacegen.language.model import Domain
from spacegen.language.scalars import read_scalar, write_scalar

__all__ = ["FORMATS", "Field", "Format", "csv_cell", "text"]

Format: TypeAlias = Literal["jsonl", "json", "csv", "yaml"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One column of rows: row i has the value `values[codes[i]]`."""

    name: str
    values: Sequence[Scalar]
    codes: NDArray[Any]

    def gathered(self, spell: Callable[[Scalar], Any]) -> list[Any]:
        """For each row, what `spell` makes of its value."""
        spelled = np.empty(len(self.values), object)
        spelled[:] = [spell(value) for value in self.values]
        return spelled[self.codes].tolist()  # type: ignore[no-any-return]


def text(tables: Iterable[Sequence[Field]], form: Format) -> Iterator[str]:
    """The rows of all tables (each with the same fields) as pieces of text."""
    match form:
        case "jsonl":
            return ("".join(f"{row}\n" for row in rows) for rows in map(_json_rows, tables))
        case "json":
            return _json(tables)
        case "csv":
            return _csv(tables)
        case "yaml":
            return _yaml(tables)
        case _:
            assert_never(form)


def _joined(fields: Sequence[Field], pieces: Iterable[list[str]], between: str) -> Iterator[str]:
    if not fields:
        return iter(())
    return map(between.join, zip(*pieces, strict=True))


def _json_rows(fields: Sequence[Field]) -> Iterator[str]:
    def pieces() -> Iterator[list[str]]:
        for field in fields:
            key = json.dumps(field.name, ensure_ascii=False)
            yield field.gathered(lambda v, k=key: f"{k}: {json.dumps(v, ensure_ascii=False)}")  # type: ignore[misc]

    return (f"{{{row}}}" for row in _joined(fields, pieces(), ", "))


def _json(tables: Iterable[Sequence[Field]]) -> Iterator[str]:
    yield "["
    lead = "\n"
    for fields in tables:
        rows = ",\n".join(f"  {row}" for row in _json_rows(fields))
        if rows:
            yield lead + rows
            lead = ",\n"
    yield "\n]\n" if lead != "\n" else "]\n"


def csv_cell(value: Scalar) -> str:
    """A CSV cell: null is empty, an empty string is a pair of quotes, booleans are True and False."""
    match value:
        case None:
            return ""
        case str():
            quoted = value.strip() != value or not value or any(c in value for c in ',"\n\r')
            return '"' + value.replace('"', '""') + '"' if quoted else value
        case _:
            return str(value)


def _csv(tables: Iterable[Sequence[Field]]) -> Iterator[str]:
    headed = False
    for fields in tables:
        if not headed and fields:
            headed = True
            yield ",".join(csv_cell(field.name) for field in fields) + "\n"
        rows = _joined(fields, map(_cells, fields), ",")
        yield "".join(f"{row or _EMPTY_CELL}\n" for row in rows)


def _cells(field: Field) -> list[str]:
    """The cells of a column; a string that would be read as another of its values keeps its YAML quotes."""
    others = Domain(tuple(value for value in field.values if not isinstance(value, str)))
    if not len(others) or all(not isinstance(value, str) for value in field.values):
        return field.gathered(csv_cell)

    def cell(value: Scalar) -> str:
        mistaken = isinstance(value, str) and _read(value) in others
        return csv_cell(f'"{value}"' if mistaken else value)

    return field.gathered(cell)


def _read(text: str) -> Scalar:
    try:
        return read_scalar(text)
    except SpaceError:
        return text


# A blank line is no row to CSV readers, so a lone null is written as a null that is spelled out.
_EMPTY_CELL: Final = "null"


def _yaml(tables: Iterable[Sequence[Field]]) -> Iterator[str]:
    some = False
    for fields in tables:
        pieces = []
        for lead, field in zip(["- ", *["  "] * len(fields)], fields, strict=False):
            key = lead + write_scalar(field.name)
            pieces.append(field.gathered(lambda v, k=key: f"{k}: {write_scalar(v)}"))  # type: ignore[misc]
        rows = list(_joined(fields, pieces, "\n"))
        some = some or bool(rows)
        yield "".join(f"{row}\n" for row in rows)
    if not some:
        yield "[]\n"
