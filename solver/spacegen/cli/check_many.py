"""`spacegen check` on files of many configs: a verdict in every row, a part of the rows, a summary."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from spacegen.cli.output import print_json, print_table, say, say_judged, watched
from spacegen.cli.sources import is_same_file, label, opened, source
from spacegen.errors import how_many

if TYPE_CHECKING:
    from spacegen.api import Space
    from spacegen.launch.judged import Judged, Keep
    from spacegen.launch.rowfiles import Chunk
    from spacegen.launch.sifting import Sieve
    from spacegen.questions.many.totals import Totals

__all__ = ["Many", "check_many"]

_SHOWN = 20
"""Unreadable rows, and kinds of mistakes, that are told one by one."""


def _option(*flags: str, metavar: str | None = None, help: str) -> Any:
    return typer.Option(
        *flags, metavar=metavar, help=help, rich_help_panel="Many configs", show_default=False
    )


@dataclass(frozen=True, slots=True)
class Many:
    """What is wanted of many configs, besides a line each."""

    output: Annotated[
        str | None,
        _option("--output", "-o", metavar="FILE", help="Write the rows with their verdicts to a file."),
    ] = None
    valid_only: Annotated[
        bool, _option("--valid-only", help="Write the valid rows as they are, and no others.")
    ] = False
    invalid_only: Annotated[
        bool, _option("--invalid-only", help="Write the invalid rows as they are, and no others.")
    ] = False
    summary: Annotated[
        bool, _option("--summary", help="Say how many configs break each rule, and not a line each.")
    ] = False
    ignore_unknown: Annotated[
        bool,
        _option("--ignore-unknown", help="Names that neither the space nor its target knows are data."),
    ] = False

    def asked(self, names: Sequence[str], form: str | None) -> bool:
        """Whether the configs of these files are to be judged together."""
        wanted = (self.output, self.valid_only, self.invalid_only, self.summary, self.ignore_unknown)
        return any(wanted) or form == "parquet" or any(_is_parquet(name) for name in names)

    @property
    def path(self) -> str | None:
        """Where the rows go: None nowhere, `-` to stdout."""
        return self.output or ("-" if self.valid_only or self.invalid_only else None)

    @property
    def keep(self) -> Keep:
        """Which of the rows are written. Raises UsageError."""
        if self.valid_only and self.invalid_only:
            from spacegen.errors import Fault, UsageError

            hint = "leave out one of them, or both for all rows with their verdicts"
            raise UsageError(Fault("no row is both valid and invalid", hint=hint))
        return "valid" if self.valid_only else "invalid" if self.invalid_only else "all"


def check_many(
    space: Space, names: Sequence[str], form: str | None, many: Many, *, json: bool, quiet: bool
) -> int:
    """Judges the configs of files together: a summary on stdout, or the rows and the summary on stderr."""
    from spacegen.errors import Fault, UsageError
    from spacegen.launch.sifting import Sieve
    from spacegen.questions.many.totals import Totals

    keep = many.keep
    if many.path is not None and len(names) != 1:
        raise UsageError(Fault("the rows of one file are written at a time", hint="name one file of configs"))
    if json and many.path == "-":
        raise UsageError(Fault("rows and `--json` both go to stdout", hint="write rows to a file: `-o FILE`"))
    if many.output is not None and is_same_file(many.output, names[0]):
        hint = "write them to another file"
        raise UsageError(Fault(f"the rows of {names[0]} would take their own place", hint=hint))
    sieve = Sieve(space.base, space.not_searched, lenient=many.ignore_unknown)
    totals, failed = Totals(), False
    for name in names:
        failed |= not _file(_Work(space, name, form, sieve, totals, quiet=quiet), many.path, keep)
    if json or totals.rows or totals.unreadable or not failed:
        _say_totals(totals, many, json=json, quiet=quiet)
    return 2 if failed or totals.unreadable else 1 if totals.invalid else 0


@dataclass(frozen=True, slots=True)
class _Work:
    """One file on its way through."""

    space: Space
    name: str
    form: str | None
    sieve: Sieve
    totals: Totals
    quiet: bool

    def judged(self, chunks: Iterator[Chunk]) -> Iterator[Judged]:
        """The chunks with their verdicts, counted and told about on their way."""
        from spacegen.launch.judged import Judged
        from spacegen.launch.sorting import unjudged

        read_again = False
        data: set[str] = set()
        for chunk in chunks:
            for fault in chunk.faults:
                self.totals.unreadable += 1
                if self.totals.unreadable <= _SHOWN:
                    say(f"error: {fault}")
            columns = unjudged(self.space.base, chunk.columns)
            read_again |= columns is not chunk.columns
            sifted = self.sieve(columns, chunk.length)
            data.update(sifted.data)
            verdicts = self.space.judge(sifted.columns, chunk.length, (*chunk.flaws, *sifted.flaws))
            self.totals.add(verdicts)
            yield Judged(chunk, verdicts)
        if read_again and not self.quiet:
            say_judged()
        if data and not self.quiet:
            say(f"note: taken for data: {', '.join(f'`{name}`' for name in sorted(data))}")


def _file(work: _Work, path: str | None, keep: Keep) -> bool:
    """Judges one file and writes its rows; whether that went well."""
    from spacegen.errors import ConfigError, EngineError
    from spacegen.launch.judged import WRITERS

    try:
        with _opened(work) as (form, total, chunks):
            shown = watched(chunks, total, quiet=work.quiet, what="configs", measure=lambda c: c.done)
            judged = work.judged(shown)
            if path is None:
                for _ in judged:
                    pass
            else:
                form = _output_form(form, path)
                with _written(path, binary=form == "parquet") as stream:
                    WRITERS[form](judged, keep, stream)
    except (ConfigError, EngineError) as error:
        say(f"error: {error}")
        return False
    return True


@contextmanager
def _opened(work: _Work) -> Iterator[tuple[str, int, Iterator[Chunk]]]:
    """The format of a file, its size in the measure of `Chunk.done`, and its rows. Raises ConfigError."""
    from spacegen.errors import ConfigError
    from spacegen.launch.reading import read_launches
    from spacegen.launch.rowfiles import chunks_of, in_memory, size_of

    match _form(work.name, work.form):
        case ("jsonl" | "csv" | "parquet") as form:
            model = work.space.model
            with (
                opened(work.name) as stream,
                closing(chunks_of(form, stream, label(work.name), model, work.sieve)) as chunks,
            ):
                yield form, size_of(form, stream, label(work.name)), chunks
        case other:
            batch = read_launches(source(work.name), work.space.model, other)
            if not batch.entries:
                raise ConfigError(f"there is no config in {label(work.name)}")
            yield other or "jsonl", len(batch.entries), in_memory(batch)


def _is_parquet(name: str) -> bool:
    return name.lower().endswith(".parquet")


def _form(name: str, given: str | None) -> str | None:
    """The format of a file, from its suffix unless it was given."""
    from pathlib import PurePath

    from spacegen.questions.configs import SUFFIXES

    return given or ("parquet" if _is_parquet(name) else SUFFIXES.get(PurePath(name).suffix.lower()))


def _output_form(form: str, path: str) -> str:
    """The format that rows of one are written in: the same, but that JSON may become lines or an array.

    Raises UsageError for a suffix of another format.
    """
    from pathlib import PurePath

    from spacegen.errors import Fault, UsageError

    objects = ("jsonl", "json")
    own = form if form in (*objects, "csv", "parquet") else "jsonl"
    suffix = PurePath(path).suffix
    wanted = own if path == "-" or not suffix else _form(path, None)
    if wanted is None:
        hint = f"write them to a file that ends in `.{own}`"
        raise UsageError(Fault(f"the suffix of `{path}` names no format", hint=hint))
    if wanted != own and not (own in objects and wanted in objects):
        hint = f"write them to a file that ends in `.{own}`"
        raise UsageError(Fault(f"rows keep their format, and `{path}` is for another one", hint=hint))
    return wanted


@contextmanager
def _written(path: str, *, binary: bool) -> Iterator[BinaryIO]:
    """The file of that path, which appears whole or not at all, or stdout for `-`. Raises UsageError."""
    from pathlib import Path

    from spacegen.errors import Fault, UsageError
    from spacegen.launch.files import replacing

    if path != "-":
        with replacing(Path(path), binary=True) as stream:
            yield stream
        return
    if binary and sys.stdout.isatty():
        raise UsageError(Fault("`parquet` is no text", hint="write it to a file: `-o FILE`"))
    sys.stdout.flush()
    yield sys.stdout.buffer


def _say_totals(totals: Totals, many: Many, *, json: bool, quiet: bool) -> None:
    """The summary: on stdout where no rows are written, else on stderr; as JSON always on stdout."""
    if json:
        print_json(totals.as_dict())
        return
    if many.path is not None and quiet:
        return
    stream = sys.stdout if many.path is None else sys.stderr
    unread = f", {totals.unreadable:,} unreadable" if totals.unreadable else ""
    counts = f"{totals.valid:,} valid, {totals.invalid:,} invalid{unread}"
    print(f"{how_many(totals.rows + totals.unreadable, 'config')}: {counts}", file=stream)
    if totals.broken:
        rows = [(t.rule.id, f"{t.rows:,}", f"{t.alone:,}") for t in totals.broken]
        print_table(("broken rule", "configs", "only it"), rows, stream, numbers=(1, 2))
    if totals.flaws:
        wrong = [(message, f"{n:,}") for message, n in totals.wrong]
        print_table(("what else is wrong", "configs"), wrong[:_SHOWN], stream, numbers=(1,))
        if len(wrong) > _SHOWN:
            print(f"... and {len(wrong) - _SHOWN:,} more", file=stream)
    if totals.unknown:
        say("hint: `--ignore-unknown` takes what neither the space nor its target knows for data")
