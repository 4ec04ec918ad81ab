"""Where a text came from: sources and places in them."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Source", "Span"]


@dataclass(frozen=True, slots=True)
class Source:
    """A text under the name that messages give it (a path as the user wrote it, `<stdin>`, `--where`)."""

    name: str
    text: str = field(repr=False)

    def line(self, number: int) -> str:
        """The line `number` (from 1) without its end, or an empty string past the end."""
        lines = self.text.splitlines()
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
        text = self.source.line(self.line)
        number = str(self.line)
        # A tab keeps its width in the caret line, so that the caret stays below its character.
        lead = "".join("\t" if c == "\t" else " " for c in text[: self.column - 1])
        return f"{number} | {text}\n{' ' * len(number)} | {lead}^"
