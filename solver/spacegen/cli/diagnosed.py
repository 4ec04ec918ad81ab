"""A diagnosis as text: the worst first, then what to change, then what the logs come to."""

from __future__ import annotations

import io
import sys
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Final, TextIO

from spacegen.cli.output import print_table

if TYPE_CHECKING:
    from spacegen.diagnose.diagnosis import Diagnosis
    from spacegen.diagnose.launch import Launch

__all__ = ["print_diagnosis", "whole"]

_BESIDE: Final = 40
"""What stands beside the curves, in characters."""
_WIDEST: Final = 60


def whole(found: Diagnosis) -> str:
    """The text as one, for stdout."""
    to = io.StringIO()
    print_diagnosis(found, to)
    return to.getvalue()


def print_diagnosis(found: Diagnosis, to: TextIO | None = None) -> None:
    """Prints what people want to know, on stdout or another stream."""
    from spacegen.diagnose.telling.text import in_words

    stream = to or sys.stdout
    for line in in_words(found):
        print(line, file=stream)
    for launch in found.launches[-1:]:
        _print_figures(launch, stream)


def _print_figures(launch: Launch, stream: TextIO) -> None:
    """What the server said while it started, and what it did over time."""
    from spacegen.diagnose.telling.sparks import blocks_for
    from spacegen.diagnose.telling.text import curve_rows, figure_rows, period

    if rows := figure_rows(launch):
        print(file=stream)
        print_table(("at the start", "", "line"), rows, stream, numbers=(1,))
    width = min(max(get_terminal_size().columns - _BESIDE, 10), _WIDEST)
    if curves := curve_rows(launch, width, blocks_for(sys.stdout.encoding)):
        print(file=stream)
        print_table((period(launch), "", "median", "peak"), curves, stream, numbers=(2, 3))
