"""The formats of launches: what writes each one."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from spacegen.launch.commands import commands, lines, script
from spacegen.launch.configfile import config_file
from spacegen.launch.fields import Table
from spacegen.launch.filling import arguments, placeholders
from spacegen.launch.frames import parquet
from spacegen.launch.style import Style
from spacegen.launch.template import filled
from spacegen.launch.writers import csv_rows, json_array, json_lines, json_object, yaml_list, yaml_mapping

__all__ = ["FORMATS", "Format"]

Write: TypeAlias = Callable[[Iterable[Table], Style], Iterator[Any]]


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write launches, as pieces of text, or of bytes where it is `binary`.

    `write` puts many into one text (None: there is no such text), `alone` one into a file of its own.
    `command` says that arguments which nobody reads are left out, and values that are the default.
    """

    write: Write | None
    alone: Write
    suffixes: tuple[str, ...] = ()
    command: bool = False
    binary: bool = False
    gateway: bool = False


def _rows(write: Callable[[Iterable[Table]], Iterator[Any]]) -> Write:
    return lambda tables, _: write(tables)


def _argv(tables: Iterable[Table], style: Style) -> Iterator[str]:
    if not style.gateway:
        for table in tables:
            schema, fields = style.launched(table)
            yield "".join(lines(fields, schema, full=style.full))
        return
    for config in style.configs(tables):
        yield from (f"{shlex.join(words)}\n" for words in commands(config, full=style.full))


def _shell(tables: Iterable[Table], style: Style) -> Iterator[str]:
    yield "#!/usr/bin/env bash\n"
    for config in style.configs(tables):
        yield f"\n{script(config, full=style.full, gateway=style.gateway)}"


def _config(tables: Iterable[Table], style: Style) -> Iterator[str]:
    return (config_file(config, full=style.full) for config in style.configs(tables))


def _files(tables: Iterable[Table], style: Style) -> Iterator[str]:
    if style.template is None:
        yield from json_object(tables)
        return
    for table in tables:
        yield filled(style.template, placeholders(table, style), arguments(table))


_JSON: Final = _rows(json_object)
_LINES: Final = _rows(json_lines)
_CSV: Final = _rows(csv_rows)
_PARQUET: Final = _rows(parquet)

FORMATS: Final[Mapping[str, Format]] = {
    "jsonl": Format(_LINES, _LINES, ("jsonl", "ndjson")),
    "json": Format(_rows(json_array), _JSON, ("json",)),
    "csv": Format(_CSV, _CSV, ("csv",)),
    "yaml": Format(_rows(yaml_list), _rows(yaml_mapping), ("yaml", "yml")),
    "parquet": Format(_PARQUET, _PARQUET, ("parquet",), binary=True),
    "argv": Format(_argv, _argv, ("argv",), command=True, gateway=True),
    "shell": Format(_shell, _shell, ("sh",), command=True, gateway=True),
    "config": Format(None, _config, command=True),
    "files": Format(None, _files, command=True),
}
