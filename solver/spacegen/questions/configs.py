"""Configs read from text: JSON (an object, or an array of them), JSON lines, YAML, CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final, Literal, TypeAlias, get_args

from spacegen.errors import ConfigError, Fault, SpaceError, how_many
from spacegen.language.expr import Scalar
from spacegen.language.model import Domain, Model
from spacegen.language.nodes import read_tree
from spacegen.language.scalars import read_scalar
from spacegen.questions.strictjson import read_json
from spacegen.source import Source, Span

__all__ = ["FORMATS", "SUFFIXES", "Batch", "Entry", "Format", "check_separator", "read_cell", "read_configs"]

Format: TypeAlias = Literal["json", "jsonl", "yaml", "csv"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)

SUFFIXES: Final[Mapping[str, Format]] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".csv": "csv",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One config under the name that messages give it, or the fault that made it unreadable.

    `wrong` is what no config can hold, `notes` what was not taken at its word.
    """

    label: str
    config: Mapping[str, Any] | Fault
    wrong: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """The configs of one source; `several` says that it may hold more than one, `columns` names those that
    all configs of a table have."""

    entries: tuple[Entry, ...]
    several: bool
    columns: tuple[str, ...] = ()


def read_configs(source: Source, model: Model, form: Format | None = None) -> Batch:
    """The configs of a text, in the format of its name's suffix, else the one it looks like.

    Cells of CSV are read as the values that the domains of `model` spell. Raises ConfigError where nothing
    can be read; where one line of several cannot, its entry holds the fault.
    """
    form = form or SUFFIXES.get(PurePath(source.name).suffix.lower()) or _guess(source.text, model)
    try:
        match form:
            case "json":
                return _json(source)
            case "jsonl":
                return Batch(tuple(_json_lines(source)), several=True)
            case "csv":
                return _csv(source, model)
            case "yaml":
                return _yaml(source)
    except RecursionError:
        raise ConfigError(f"{source.name} is nested too deeply") from None
    except SpaceError as error:
        raise ConfigError(*error.faults) from None


def _guess(text: str, model: Model) -> Format:
    start = text.lstrip()
    if start.startswith("["):
        return "json"
    if start.startswith("{"):
        return "json" if _is_one_value(start) else "jsonl"
    header = start.split("\n", 1)[0].strip().split(",")
    return "csv" if any(name.strip().strip('"') in model.index for name in header) else "yaml"


def _is_one_value(text: str) -> bool:
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return "\n{" not in text
    return not text[end:].strip()


def _entry(label: str, data: Any) -> Entry:
    if isinstance(data, dict):
        return Entry(label, data)
    return Entry(label, Fault(f"{label} is no config", hint="a config is a mapping of parameters to values"))


def _batch(source: Source, data: Any) -> Batch:
    if isinstance(data, list):
        entries = [_entry(f"{source.name}[{i}]", item) for i, item in enumerate(data)]
        return Batch(tuple(entries), several=True)
    return Batch((_entry(source.name, data),), several=False)


def _json(source: Source) -> Batch:
    return _batch(source, read_json(source.text, source))


def _json_lines(source: Source) -> Iterator[Entry]:
    for number, line in enumerate(source.text.split("\n"), start=1):
        label = f"{source.name}:{number}"
        if not line.strip():
            continue
        try:
            yield _entry(label, read_json(line, source, number))
        except ConfigError as error:
            yield Entry(label, error.faults[0])


def _yaml(source: Source) -> Batch:
    tree = read_tree(source)
    if tree.faults:
        raise ConfigError(*tree.faults)
    return _batch(source, tree.data)


def _csv(source: Source, model: Model) -> Batch:
    rows = csv.reader(source.text.splitlines(keepends=True), strict=True)
    try:
        header = next(rows, [])
        check_separator(header, model, source)
        if repeated := [name for name in header if header.count(name) > 1]:
            raise ConfigError(Fault(f"the column `{repeated[0]}` occurs twice", Span(source, 1, 1)))
        entries = tuple(
            Entry(f"{source.name}:{rows.line_num}", _row(header, row, model, Span(source, rows.line_num, 1)))
            for row in rows
            if row
        )
    except csv.Error as error:
        fault = Fault(f"not CSV: {error}", Span(source, max(rows.line_num, 1), 1))
        raise ConfigError(fault) from None
    return Batch(entries, several=True, columns=tuple(header))


def check_separator(header: list[str], model: Model, source: Source) -> None:
    """Raises ConfigError where the names of parameters are separated by anything but commas."""
    for separator, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(header) == 1 and any(part.strip() in model.index for part in header[0].split(separator)[1:]):
            hint = "separate the columns by commas"
            raise ConfigError(Fault(f"the columns are separated by {name}", Span(source, 1, 1), hint))


def _row(header: list[str], row: list[str], model: Model, span: Span) -> Mapping[str, Any] | Fault:
    if len(row) != len(header):
        return Fault(
            f"the row has {how_many(len(row), 'cell')} under {how_many(len(header), 'column')}", span
        )
    try:
        return {
            name: read_cell(cell, model[name].domain) if name in model.index else _foreign(cell)
            for name, cell in zip(header, row, strict=True)
        }
    except SpaceError as error:
        return Fault(error.faults[0].message, span, error.faults[0].hint)


def _foreign(cell: str) -> Any:
    """The value of a cell that is no parameter's: lists and mappings are JSON there."""
    if cell[:1] in ("[", "{"):
        try:
            return json.loads(cell)
        except (ValueError, RecursionError):
            return cell
    return read_cell(cell, None)


def read_cell(text: str, domain: Domain | None) -> Scalar:
    """The value of a cell: the scalar that it spells, or the string itself where only that is in the domain.

    Raises SpaceError for a text that is neither.
    """
    try:
        value = read_scalar(text)
    except SpaceError:
        if domain is not None and text in domain:
            return text
        raise
    return text if domain is not None and value not in domain and text in domain else value
