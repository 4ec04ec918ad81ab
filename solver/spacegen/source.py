"""Where a text came from: sources and places in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

__all__ = ["Source", "Span"]

_WIDTH: Final = 160


@dataclass(frozen=True, slots=True)
class Source:
    """A text under the name that messages give it (a path as the user wrote it, `<stdin>`, `--where`)."""

    name: str
    text: str = field(repr=False)

    def line(self, number: int) -> str:
        """The line `number` (from 1) without its end, or an empty string past the end."""
        lines = _lines(self.text)
        return lines[number - 1] if 0 < number <= len(lines) else ""


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a source; lines and columns count from 1, columns in characters."""

    source: Source = field(repr=False)
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"

    def shifted(self, columns: int) -> Span:
        """The place `columns` further right on the same line."""
        return Span(self.source, self.line, self.column + columns)

    def excerpt(self) -> str:
        """The line with a caret under the column."""
        text, column = _window(self.source.line(self.line), self.column)
        # Control characters would reach the terminal, and take other widths than one.
        text = "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in text)
        number = str(self.line)
        # A tab keeps its width in the caret line, so that the caret stays below its character.
        lead = "".join("\t" if c == "\t" else " " for c in text[: column - 1])
        return f"{number} | {text}\n{' ' * len(number)} | {lead}^"


@lru_cache(maxsize=8)
def _lines(text: str) -> list[str]:
    # Every fault asks for its line, and a file may have thousands of them.
    return text.splitlines()


def _window(text: str, column: int) -> tuple[str, int]:
    """The part of a long line around a column, and the column in it."""
    if len(text) <= _WIDTH:
        return text, column
    start = max(0, min(column - 1, len(text)) - _WIDTH // 2)
    end = start + _WIDTH
    lead = "..." if start else ""
    return lead + text[start:end] + ("..." if end < len(text) else ""), column - start + len(lead)
