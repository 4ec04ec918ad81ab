"""Files of many configs, read a piece at a time: JSON lines, CSV, Parquet; others whole."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from itertools import islice
from typing import Any, BinaryIO, Final, Literal, TypeAlias

import numpy as np

from spacegen.errors import ConfigError, Fault, SpaceError, how_many
from spacegen.extras import require
from spacegen.language.model import Domain, Model
from spacegen.launch.sifting import Sieve
from spacegen.questions.configs import Batch, check_separator, read_cell
from spacegen.questions.many.tables import columns_of_rows
from spacegen.questions.many.verdicts import Flaw
from spacegen.questions.strictjson import read_json
from spacegen.source import Source

__all__ = ["Chunk", "Streamed", "chunks_of", "in_memory", "needs_arrow", "size_of"]

Streamed: TypeAlias = Literal["jsonl", "csv", "parquet"]
"""The formats that are read a piece at a time."""

_ROWS: Final = 16384
_PARQUET_ROWS: Final = 65536
_CACHED: Final = 2**16


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a file: as columns, and in `rows` as they stand there (texts of objects, lines of CSV, an
    Arrow table) under `head`. `faults` are rows that cannot be read; `done` is how much of it this was."""

    columns: Mapping[str, Any]
    rows: Any
    length: int
    done: int
    head: Any = None
    faults: tuple[Fault, ...] = ()
    flaws: tuple[Flaw, ...] = ()


def chunks_of(
    form: Streamed, stream: BinaryIO, name: str, model: Model, sieve: Sieve
) -> Generator[Chunk, None, None]:
    """The rows of a stream, at least one chunk. Raises ConfigError, and UsageError without pyarrow."""
    match form:
        case "jsonl":
            return _json_lines(stream, name)
        case "csv":
            return _csv(stream, name, model, sieve)
        case "parquet":
            return _parquet(stream, name)


def size_of(form: Streamed, stream: BinaryIO, name: str) -> int:
    """How much there is to read, in the measure of `Chunk.done`; 0 where nobody knows. Raises ConfigError."""
    if not stream.seekable():
        return 0
    if form == "parquet":
        return int(_parquet_file(stream, name).metadata.num_rows)
    return os.fstat(stream.fileno()).st_size


def in_memory(batch: Batch) -> Iterator[Chunk]:
    """The configs of a batch that was read as a whole."""
    entries = iter(batch.entries)
    while some := list(islice(entries, _ROWS)):
        good = [entry for entry in some if not isinstance(entry.config, Fault)]
        rows: list[Mapping[str, Any]] = [e.config for e in good if not isinstance(e.config, Fault)]
        faults = tuple(entry.config for entry in some if isinstance(entry.config, Fault))
        flaws = (
            Flaw("wrong", "", wrong.message, np.array([i])) for i, e in enumerate(good) for wrong in e.wrong
        )
        columns, length = columns_of_rows(rows)
        texts = [json.dumps(row, ensure_ascii=False) for row in rows]
        yield Chunk(columns, texts, length, len(some), None, faults, tuple(flaws))


def _json_lines(stream: BinaryIO, name: str) -> Generator[Chunk, None, None]:
    lines = enumerate(stream, start=1)
    empty = True
    while some := list(islice(lines, _ROWS)):
        rows, texts, faults = [], [], []
        for number, line in some:
            text = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else line.strip()
            try:
                if text:
                    rows.append(_object(text, name, number))
                    texts.append(text.decode())
            except ConfigError as error:
                faults.append(error.faults[0])
        columns, length = columns_of_rows(rows)
        yield Chunk(columns, texts, length, sum(len(line) for _, line in some), None, tuple(faults))
        empty = False
    if empty:
        yield Chunk({}, [], 0, 0)


def _object(line: bytes, name: str, number: int) -> Mapping[str, Any]:
    try:
        found = read_json(line.decode(), Source(name, line.decode(errors="replace")))
    except UnicodeDecodeError:
        raise ConfigError(f"{name}:{number} is not UTF-8 text") from None
    except ConfigError as error:
        fault = error.faults[0]
        column = fault.span.column if fault.span else 1
        raise ConfigError(Fault(f"{name}:{number}:{column}: {fault.message}", hint=fault.hint)) from None
    if not isinstance(found, dict):
        hint = "a config is a mapping of parameters to values"
        raise ConfigError(Fault(f"{name}:{number} is no config", hint=hint))
    return found


@dataclass(slots=True)
class _Lines:
    """The lines of a text, those that were read since they were last taken together."""

    stream: Iterable[str]
    read: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[str]:
        for line in self.stream:
            self.read.append(line)
            yield line

    def taken(self) -> str:
        text = "".join(self.read)
        self.read.clear()
        return text


def _csv(stream: BinaryIO, name: str, model: Model, sieve: Sieve) -> Generator[Chunk, None, None]:
    text = io.TextIOWrapper(stream, "utf-8-sig", newline="")
    lines = _Lines(text)
    rows = csv.reader(lines, strict=True)
    try:
        header = next(rows, [])
        head = lines.taken()
        check_separator(header, model, Source(name, head))
        if repeated := [column for column in header if header.count(column) > 1]:
            raise ConfigError(f"{name}: the column `{repeated[0]}` occurs twice")
        readers = [_reader(column, model, sieve) for column in header]
        empty = True
        while some := [(row, rows.line_num, lines.taken()) for row in islice(rows, _ROWS)]:
            yield _csv_chunk(some, name, header, head, readers)
            empty = False
        if empty:
            yield Chunk({title: [] for title in header}, [], 0, 0, head)
    except csv.Error as error:
        raise ConfigError(f"{name}:{max(rows.line_num, 1)}: not CSV: {error}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{name} is not UTF-8 text") from None
    finally:
        # Who opened the stream closes it.
        text.detach()


def _csv_chunk(
    some: list[tuple[list[str], int, str]],
    name: str,
    header: list[str],
    head: str,
    readers: list[Callable[[str], Any]],
) -> Chunk:
    faults: list[Fault] = []
    good: list[tuple[list[str], int, str]] = []
    for row, number, text in some:
        if len(row) == len(header):
            good.append((row, number, text))
        elif row:
            count = f"{how_many(len(row), 'cell')} under {how_many(len(header), 'column')}"
            faults.append(Fault(f"{name}:{number}: the row has {count}"))
    columns = [[read(row[i]) for row, _, _ in good] for i, read in enumerate(readers)]
    bad: dict[int, Fault] = {}
    for column in columns:
        if Fault in set(map(type, column)):
            bad = {i: value for i, value in enumerate(column) if isinstance(value, Fault)} | bad
    for i, fault in sorted(bad.items()):
        faults.append(Fault(f"{name}:{good[i][1]}: {fault.message}", hint=fault.hint))
    kept = [i for i in range(len(good)) if i not in bad]
    table = {
        title: [column[i] for i in kept] if bad else column
        for title, column in zip(header, columns, strict=True)
    }
    texts = [good[i][2] for i in kept]
    return Chunk(table, texts, len(kept), sum(len(text) for _, _, text in some), head, tuple(faults))


class _Values(dict[str, Any]):
    """The values of cells by their texts; a text that spells none gives its fault."""

    def __init__(self, domain: Domain | None) -> None:
        super().__init__()
        self._domain = domain

    def __missing__(self, text: str) -> Any:
        try:
            value: Any = _foreign(text) if self._domain is None else read_cell(text, self._domain)
        except SpaceError as error:
            value = error.faults[0]
        if len(self) < _CACHED:
            self[text] = value
        return value


def _foreign(text: str) -> Any:
    if text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return read_cell(text, None)


def _reader(name: str, model: Model, sieve: Sieve) -> Callable[[str], Any]:
    """How cells of a column are read; those that nobody knows stay texts."""
    if name in model.index:
        return _Values(model[name].domain).__getitem__
    return _Values(None).__getitem__ if sieve.knows(name) else str


def needs_arrow() -> Any:
    """`pyarrow.parquet`. Raises UsageError where it is not installed."""
    return require("pyarrow.parquet", "arrow", "Parquet")


def _parquet_file(stream: BinaryIO, name: str) -> Any:
    parquet, arrow = needs_arrow(), import_module("pyarrow")
    try:
        return parquet.ParquetFile(stream)
    except (arrow.ArrowException, OSError, ValueError) as error:
        raise ConfigError(f"{name} is not Parquet: {str(error).split('. ')[0]}") from None


def _parquet(stream: BinaryIO, name: str) -> Generator[Chunk, None, None]:
    if not stream.seekable():
        raise ConfigError(Fault(f"{name} is read in any order, and a pipe has but one", hint="name a file"))
    file, arrow = _parquet_file(stream, name), import_module("pyarrow")
    schema, empty = file.schema_arrow, True
    if repeated := [column for column in schema.names if schema.names.count(column) > 1]:
        raise ConfigError(f"{name}: the column `{repeated[0]}` occurs twice")
    try:
        for batch in file.iter_batches(batch_size=_PARQUET_ROWS):
            table = arrow.Table.from_batches([batch], schema)
            yield Chunk(_arrow_columns(table), table, table.num_rows, table.num_rows, schema)
            empty = False
    except (arrow.ArrowException, OSError) as error:
        raise ConfigError(f"{name} cannot be read: {str(error).splitlines()[0]}") from None
    if empty:
        table = schema.empty_table()
        yield Chunk(_arrow_columns(table), table, 0, 0, schema)


def _arrow_columns(table: Any) -> Mapping[str, Any]:
    # pandas keeps its index as a column of this name.
    names = [name for name in table.schema.names if not name.startswith("__index_level_")]
    return {name: table.column(name) for name in names}
