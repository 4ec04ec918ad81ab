"""Where the parts of an expression stand: from columns of its text to places in the source."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from spacegen.source import Span

__all__ = ["Place"]


@dataclass(frozen=True, slots=True)
class Place:
    """A text and the place of its first character (or of its quote) in the source."""

    text: str
    span: Span

    def at(self, column: int) -> Span:
        """The place of the character `column` of the text, where the source spells the text as it is."""
        line = self.span.source.line(self.span.line)
        start = self.span.column - 1
        if line.startswith(self.text, start):
            return self.span.shifted(column)
        if line[start : start + 1] in ("'", '"') and line.startswith(self.text, start + 1):
            return self.span.shifted(column + 1)
        return self.span

    def column(self, node: ast.expr) -> int:
        """Where a node starts, in characters (the tree counts UTF-8 bytes)."""
        return self._characters(node.col_offset)

    def after(self, node: ast.expr) -> int:
        """Where the operator behind a left operand stands."""
        end = self._characters(node.end_col_offset or 0)
        return len(self.text) - len(self.text[end:].lstrip(" )\n\r\t\f\v"))

    def segment(self, node: ast.expr, *, limit: int = 40) -> str:
        """The spelling of a node, shortened to `limit` characters."""
        end = self._characters(node.end_col_offset or 0)
        text = " ".join(self.text[self.column(node) : end].split())
        return text if len(text) <= limit else text[: limit - 3] + "..."

    def _characters(self, offset: int) -> int:
        return offset if self.text.isascii() else len(self.text.encode()[:offset].decode())
