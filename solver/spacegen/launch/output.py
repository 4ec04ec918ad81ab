"""Launches on their way out: to a stream, a file, or a file each."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePath
from typing import Any, Final

from spacegen.errors import Fault, UsageError, did_you_mean
from spacegen.launch.fields import Table
from spacegen.launch.files import replacing
from spacegen.launch.filling import placeholders
from spacegen.launch.formats import FORMATS, Format
from spacegen.launch.style import Style
from spacegen.launch.template import file_name

__all__ = ["Output", "output"]

_STDOUT: Final = "-"


@dataclass(frozen=True, slots=True)
class Output:
    """Where launches go, and as what. `pattern` names a file for each, below the folder `path`."""

    name: str
    form: Format
    path: str | None = None
    pattern: str | None = None

    def write(self, tables: Iterable[Table], style: Style) -> None:
        """Writes the launches; each file appears whole or not at all. Raises UsageError, OSError."""
        if self.pattern is not None:
            self._write_files(tables, style, self.pattern)
            return
        pieces = self.form.write(tables, style) if self.form.write else self._only(tables, style)
        with self._destination() as stream:
            stream.writelines(pieces)

    def _write_files(self, tables: Iterable[Table], style: Style, pattern: str) -> None:
        folder, taken = Path(self.path or "."), set()
        for index, table in enumerate(_alone(tables)):
            numbered = replace(style, index=index)
            name = file_name(pattern, placeholders(table, numbered))
            if name in taken:
                hint = "write `{index}` for the number of the config"
                raise UsageError(Fault(f"`--pattern {pattern}` names two files `{name}`", hint=hint))
            taken.add(name)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with replacing(folder / name, binary=self.form.binary) as stream:
                stream.writelines(self.form.alone([table], numbered))

    def _only(self, tables: Iterable[Table], style: Style) -> Iterator[Any]:
        some = list(islice(_alone(tables), 2))
        if len(some) > 1:
            hint = f"name them: `--pattern 'config_{{index}}{self._suffix(style)}'`"
            raise UsageError(Fault(f"`--format {self.name}` is a file for each config", hint=hint))
        return self.form.alone(some, style)

    def _suffix(self, style: Style) -> str:
        if style.template is not None:
            return style.template.suffix
        return ".json" if self.name == "files" else ".yaml"

    @contextmanager
    def _destination(self) -> Iterator[Any]:
        if self.path not in (None, _STDOUT):
            with replacing(Path(str(self.path)), binary=self.form.binary) as stream:
                yield stream
        elif not self.form.binary:
            yield sys.stdout
        elif sys.stdout.isatty():
            raise UsageError(Fault(f"`{self.name}` is no text", hint="write it to a file: `-o FILE`"))
        else:
            yield sys.stdout.buffer


def _alone(tables: Iterable[Table]) -> Iterator[Table]:
    """Each row as a table of its own."""
    for table in tables:
        for i in range(len(table[0].codes) if table else 0):
            row = slice(i, i + 1)
            yield [
                replace(f, codes=f.codes[row], active=None if f.active is None else f.active[row])
                for f in table
            ]


def output(
    name: str | None,
    path: str | None = None,
    pattern: str | None = None,
    *,
    template: bool = False,
    default: str = "jsonl",
) -> Output:
    """Where launches go, in the named format, else `files` for a template, else that of the suffix.

    Raises UsageError for an unknown format or suffix, and for options that do not meet.
    """
    named = pattern or path or ""
    suffix = PurePath(named).suffix.lstrip(".").lower()
    if name is not None:
        found: str | None = name if name in FORMATS else _of_suffix(name)
    else:
        found = "files" if template else _of_suffix(suffix) if suffix else default
    if found is None or found not in FORMATS:
        what = f"no format is called `{name}`" if name else f"the suffix of `{named}` names no format"
        hint = did_you_mean(name or suffix, FORMATS) or f"choose `--format` from {', '.join(FORMATS)}"
        raise UsageError(Fault(what, hint=hint))
    if template and found != "files":
        raise UsageError(Fault(f"`--format {found}` takes no template", hint="leave out one of the two"))
    return Output(found, FORMATS[found], path, pattern)


def _of_suffix(suffix: str) -> str | None:
    return next((name for name, form in FORMATS.items() if suffix in form.suffixes), None)
