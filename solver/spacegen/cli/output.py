"""Where words go: data to stdout or a file, everything else to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from spacegen.api import Space

__all__ = [
    "destination",
    "print_json",
    "print_table",
    "say",
    "say_empty",
    "say_judged",
    "watched",
]


def say(text: str) -> None:
    """Tells people."""
    print(text, file=sys.stderr)


def say_empty(space: Space) -> None:
    """Tells people why a space has no solution, as far as its engine knows."""
    from spacegen.errors import EngineError

    say(f"`{space.name}` has no solution")
    try:
        causes = space.why_empty()
    except EngineError:
        return
    for cause in causes:
        say(f"\n{cause}")


def say_judged() -> None:
    """Tells people that an earlier verdict in the configs is no part of them."""
    say("note: `valid`, `broken` and `wrong` are an earlier verdict, which is not read")


def print_json(data: Any, *, indent: int | None = None) -> None:
    """Prints JSON on stdout."""
    print(json.dumps(data, ensure_ascii=False, indent=indent))


@contextmanager
def destination(path: str | None) -> Iterator[TextIO]:
    """The file of that path, which appears whole or not at all, or stdout."""
    if path is None or path == "-":
        yield sys.stdout
        return
    from pathlib import Path

    from spacegen.launch.files import replacing

    with replacing(Path(path)) as stream:
        yield stream


def watched(
    parts: Iterable[Any],
    total: int,
    *,
    quiet: bool,
    what: str = "solutions",
    measure: Callable[[Any], int] = len,
) -> Iterator[Any]:
    """The parts, with a progress bar over their lengths when work is long and stderr is a terminal."""
    if quiet or total < 1_000_000 or not sys.stderr.isatty():
        yield from parts
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        for part in parts:
            yield part
            progress.advance(task, measure(part))


def print_table(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    to: TextIO | None = None,
    *,
    numbers: Collection[int] = (),
) -> None:
    """Prints rows under headers, on stdout or another stream: boxed on a terminal, as aligned columns
    elsewhere. The columns `numbers` are set against the right."""
    stream = to or sys.stdout
    if stream.isatty():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table()
        for i, header in enumerate(headers):
            # Nothing is cut off: numbers stay whole, and long words go on in the next line.
            side: Any = "right" if i in numbers else "left"
            table.add_column(header, justify=side, no_wrap=i in numbers, overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        Console(file=stream).print(table)
        return
    widths = [max(map(len, column)) for column in zip(headers, *rows, strict=True)]
    for row in (headers, *rows):
        cells = (
            cell.rjust(width) if i in numbers else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join(cells).rstrip(), file=stream)
