"""Rows of launch arguments as text: JSON lines, JSON, CSV, YAML.

Texts are made once a value and gathered by code, so that a row costs one join.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from spacegen.errors import SpaceError
from spacegen.language.expr import Scalar
from spacegen.language.model import Domain
from spacegen.language.scalars import read_scalar, write_scalar
from spacegen.launch.fields import Field, Table, rows

__all__ = ["csv_cell", "csv_rows", "json_array", "json_lines", "json_object", "yaml_list", "yaml_mapping"]


def json_lines(tables: Iterable[Table]) -> Iterator[str]:
    """An object a line."""
    return ("".join(f"{row}\n" for row in found) for found in map(_json_rows, tables))


def json_object(tables: Iterable[Table]) -> Iterator[str]:
    """One object over several lines: of tables with one row together."""
    for table in tables:
        for row in rows(table, inactive=True):
            yield json.dumps(row, ensure_ascii=False, indent=2) + "\n"


def _joined(fields: Table, pieces: Iterable[list[str]], between: str) -> Iterator[str]:
    if not fields:
        return iter(())
    return map(between.join, zip(*pieces, strict=True))


def _json_rows(fields: Table) -> Iterator[str]:
    def pieces() -> Iterator[list[str]]:
        for field in fields:
            key = json.dumps(field.name, ensure_ascii=False)
            yield field.gathered(lambda v, k=key: f"{k}: {json.dumps(v, ensure_ascii=False)}")  # type: ignore[misc]

    return (f"{{{row}}}" for row in _joined(fields, pieces(), ", "))


def json_array(tables: Iterable[Table]) -> Iterator[str]:
    """One array of objects."""
    yield "["
    lead = "\n"
    for fields in tables:
        rows = ",\n".join(f"  {row}" for row in _json_rows(fields))
        if rows:
            yield lead + rows
            lead = ",\n"
    yield "\n]\n" if lead != "\n" else "]\n"


def csv_cell(value: Any) -> str:
    """A CSV cell: null is empty, an empty string is a pair of quotes, booleans are True and False, lists are
    JSON."""
    match value:
        case None:
            return ""
        case list() | dict():
            return csv_cell(json.dumps(value, ensure_ascii=False))
        case str():
            quoted = value.strip() != value or not value or any(c in value for c in ',"\n\r')
            return '"' + value.replace('"', '""') + '"' if quoted else value
        case _:
            return str(value)


def csv_rows(tables: Iterable[Table]) -> Iterator[str]:
    """A line of names, then a line of cells for each row."""
    headed = False
    for fields in tables:
        if not headed and fields:
            headed = True
            yield ",".join(csv_cell(field.name) for field in fields) + "\n"
        rows = _joined(fields, map(_cells, fields), ",")
        yield "".join(f"{row or _EMPTY_CELL}\n" for row in rows)


def _cells(field: Field) -> list[str]:
    """The cells of a column; a string that would be read as another of its values keeps its YAML quotes."""
    others = Domain(tuple(v for v in field.values if not isinstance(v, str | list | dict)))
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


def yaml_list(tables: Iterable[Table]) -> Iterator[str]:
    """A list of mappings."""
    some = False
    for fields in tables:
        found = list(_yaml_rows(fields, "- ", "  "))
        some = some or bool(found)
        yield "".join(found)
    if not some:
        yield "[]\n"


def yaml_mapping(tables: Iterable[Table]) -> Iterator[str]:
    """One mapping: of tables with one row together."""
    for fields in tables:
        yield from _yaml_rows(fields, "", "")


def _yaml_rows(fields: Table, first: str, lead: str) -> Iterator[str]:
    pieces = []
    for start, field in zip([first, *[lead] * len(fields)], fields, strict=False):
        key = start + write_scalar(field.name)
        pieces.append(field.gathered(lambda v, k=key: f"{k}: {_flow(v)}"))  # type: ignore[misc]
    return (f"{row}\n" for row in _joined(fields, pieces, "\n"))


def _flow(value: Any) -> str:
    # JSON is YAML too.
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else write_scalar(value)
