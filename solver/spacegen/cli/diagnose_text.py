"""A diagnosis as text: the worst first, then what to change, then what the logs come to."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from functools import partial
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Final, TextIO

from spacegen.cli.output import print_table

if TYPE_CHECKING:
    from spacegen.diagnose.diagnosis import Diagnosis
    from spacegen.diagnose.launch import Launch
    from spacegen.diagnose.narrowing.narrowing import Narrowing

__all__ = ["at_a_glance", "print_diagnosis"]

_BESIDE: Final = 40
"""What stands beside the curves, in characters."""
_WIDEST: Final = 60
_STYLES: Final = {
    "error:": "bold red",
    "warning:": "bold yellow",
    "note:": "bold",
    "next launch": "bold green",
}


def at_a_glance(found: Diagnosis) -> str:
    """The text with what happened over time in front of the findings, for a screen that shows its top."""
    from spacegen.diagnose.telling.text import body, head

    return "\n".join((*head(found), *_figures(found), *body(found)))


def print_diagnosis(found: Diagnosis, narrowing: Narrowing | None = None, to: TextIO | None = None) -> None:
    """Prints what people want to know, on stdout or another stream."""
    from spacegen.diagnose.telling.text import in_words

    stream = to or sys.stdout
    write = _coloured(stream) if stream.isatty() else partial(print, file=stream)
    for line in in_words(found, narrowing):
        write(line)
    for line in _figures(found):
        print(line, file=stream)


def _figures(found: Diagnosis) -> Iterator[str]:
    """What the last launch came to that did something."""
    from spacegen.diagnose.telling.curves import telling

    if found.launches:
        launch = telling(found.launches)
        # Boxes around a handful of numbers would be most of what is seen.
        plain = io.StringIO()
        _print_figures(launch, plain)
        if len(found.launches) > 1 and plain.getvalue():
            last = "" if launch is found.launches[-1] else " with batches"
            yield f"\nthe last launch{last}, {', '.join(launch.files)}:"
        yield from plain.getvalue().splitlines()


def _coloured(stream: TextIO) -> Callable[[str], None]:
    """What writes lines on a terminal, with colours for how bad it is."""
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, highlight=False)

    def write(line: str) -> None:
        lead = next((word for word in _STYLES if line.startswith(word)), "")
        text = Text.assemble((lead, _STYLES.get(lead, "")), line[len(lead) :])
        console.print(text, soft_wrap=True)

    return write


def _print_figures(launch: Launch, stream: TextIO) -> None:
    """What the server said while it started, and what it did over time."""
    from spacegen.diagnose.telling.sparks import blocks_for
    from spacegen.diagnose.telling.text import curve_rows, limit_row, memory_row, period

    for row in (memory_row(launch), limit_row(launch)):
        if len(row) > 1:
            print(file=stream)
            headers, values = zip(*row, strict=True)
            print_table(headers, [values], stream, numbers=range(len(row)))
    width = min(max(get_terminal_size().columns - _BESIDE, 10), _WIDEST)
    if curves := curve_rows(launch, width, blocks_for(sys.stdout.encoding)):
        print(file=stream)
        print_table((period(launch), "", "median", "peak"), curves, stream, numbers=(2, 3))
