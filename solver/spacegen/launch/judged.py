"""Rows of configs with the verdicts on them, or those of one verdict, as they stood."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
from typing import Any, BinaryIO, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spacegen.errors import ConfigError, Fault
from spacegen.launch.rowfiles import Chunk, needs_arrow
from spacegen.launch.sorting import VERDICT
from spacegen.launch.writers import csv_cell
from spacegen.questions.many.verdicts import Verdicts

__all__ = ["WRITERS", "Judged", "Keep"]

Keep: TypeAlias = Literal["all", "valid", "invalid"]


@dataclass(frozen=True, slots=True)
class Judged:
    """Some rows of a file and what was found about them."""

    chunk: Chunk
    verdicts: Verdicts

    def kept(self, keep: Keep) -> NDArray[np.intp]:
        """The places of the rows that are asked for."""
        valid = self.verdicts.valid
        chosen = {"all": np.ones_like(valid), "valid": valid, "invalid": ~valid}[keep]
        return np.flatnonzero(chosen)

    def texts(self, keep: Keep) -> Iterator[str]:
        """The rows that are asked for, as they stand in the file."""
        return (self.chunk.rows[place] for place in self.kept(keep).tolist())

    def rows(self) -> Iterator[tuple[str, bool, tuple[str, ...], tuple[str, ...]]]:
        """All rows of a text with what `VERDICT` says of them."""
        found = self.verdicts
        return zip(self.chunk.rows, found.valid.tolist(), found.ids, found.complaints, strict=True)

    def check_names(self) -> None:
        """Raises ConfigError where a column has the name of one that the verdict adds."""
        for name in VERDICT:
            if name in self.chunk.columns:
                hint = "leave it out, or take rows as they are: `--valid-only`, `--invalid-only`"
                raise ConfigError(Fault(f"the configs have a column `{name}` already", hint=hint))


def _json_rows(judged: Iterable[Judged], keep: Keep) -> Iterator[str]:
    """The objects, as texts."""
    for some in judged:
        if keep != "all":
            yield from some.texts(keep)
            continue
        some.check_names()
        spelled = _Spelled()
        for text, valid, broken, wrong in some.rows():
            body = text[:-1].rstrip()
            comma = "" if body == "{" else ", "
            ids, words = spelled[broken], spelled[wrong]
            yield f'{body}{comma}"valid": {str(valid).lower()}, "broken": {ids}, "wrong": {words}}}'


class _Spelled(dict[tuple[str, ...], str]):
    """Lists of words as JSON, each spelled once."""

    def __missing__(self, words: tuple[str, ...]) -> str:
        return self.setdefault(words, json.dumps(words, ensure_ascii=False))


def _json_lines(judged: Iterable[Judged], keep: Keep, stream: BinaryIO) -> None:
    stream.writelines(f"{row}\n".encode() for row in _json_rows(judged, keep))


def _json_array(judged: Iterable[Judged], keep: Keep, stream: BinaryIO) -> None:
    lead = b"[\n  "
    for row in _json_rows(judged, keep):
        stream.write(lead + row.encode())
        lead = b",\n  "
    stream.write(b"[]\n" if lead.startswith(b"[") else b"\n]\n")


def _csv(judged: Iterable[Judged], keep: Keep, stream: BinaryIO) -> None:
    headed = False
    for some in judged:
        if keep == "all":
            some.check_names()
        if not headed:
            headed = True
            stream.write((_csv_line(some.chunk.head, VERDICT) if keep == "all" else some.chunk.head).encode())
        if keep != "all":
            stream.writelines(_ended(text).encode() for text in some.texts(keep))
            continue
        stream.writelines(
            _csv_line(text, (valid, ";".join(broken) or None, "; ".join(wrong) or None)).encode()
            for text, valid, broken, wrong in some.rows()
        )


def _ended(text: str) -> str:
    return text if text.endswith(("\n", "\r")) else f"{text}\n"


def _csv_line(text: str, cells: Iterable[Any]) -> str:
    """A line with more cells, ended as it was."""
    body = text.rstrip("\r\n")
    end = text[len(body) :] or "\n"
    return ",".join([body, *map(csv_cell, cells)]) + end


def _parquet(judged: Iterable[Judged], keep: Keep, stream: BinaryIO) -> None:
    parquet, arrow = needs_arrow(), import_module("pyarrow")
    rest = iter(judged)
    first = next(rest)
    schema = first.chunk.head
    if keep == "all":
        first.check_names()
        words = arrow.list_(arrow.string())
        for name, kind in zip(VERDICT, (arrow.bool_(), words, words), strict=True):
            schema = schema.append(arrow.field(name, kind))
    with parquet.ParquetWriter(stream, schema) as writer:
        for some in chain([first], rest):
            table = some.chunk.rows
            if keep != "all":
                writer.write_table(table.take(some.kept(keep)))
                continue
            columns = (arrow.array(some.verdicts.valid), *_lists(some.verdicts, words))
            for name, column in zip(VERDICT, columns, strict=True):
                table = table.append_column(name, column)
            writer.write_table(table.cast(schema))


def _lists(verdicts: Verdicts, kind: Any) -> tuple[Any, Any]:
    arrow = import_module("pyarrow")
    ends, numbers = verdicts.listed()
    ids = arrow.array([rule.id for rule in verdicts.rules], arrow.string()).take(arrow.array(numbers))
    return arrow.ListArray.from_arrays(arrow.array(ends, arrow.int32()), ids), arrow.array(
        verdicts.complaints, kind
    )


WRITERS: Final[Mapping[str, Any]] = {
    "jsonl": _json_lines,
    "json": _json_array,
    "csv": _csv,
    "parquet": _parquet,
}
"""How judged rows are written, by format."""
