"""What is wrong with a text that is no YAML, in words for people who do not know its grammar."""

from __future__ import annotations

import re
from typing import Final

import yaml

from spacegen.errors import Fault
from spacegen.source import Source, Span

__all__ = ["syntax_fault", "unprintable"]

_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def unprintable(source: Source) -> Fault | None:
    """A fault for the first character that YAML does not allow."""
    found = _UNPRINTABLE.search(source.text)
    if found is None:
        return None
    lines = source.text[: found.end()].splitlines() or [""]
    code = ord(found.group())
    if code == 0:
        message, hint = "the file contains a NUL character", "is it a binary file?"
    else:
        message, hint = (
            f"the character U+{code:04X} cannot stand in YAML",
            "in double quotes, write it as an escape",
        )
    return Fault(message, Span(source, len(lines), max(len(lines[-1]), 1)), hint)


def syntax_fault(source: Source, error: yaml.MarkedYAMLError) -> Fault:
    """The fault that stopped the parser."""
    mark = error.problem_mark or error.context_mark
    span = Span(source, mark.line + 1, mark.column + 1) if mark else None
    problem = error.problem or "not YAML"
    if "found unexpected end of stream" in problem and error.context_mark:
        # The end says nothing; the quote that was never closed does.
        span = Span(source, error.context_mark.line + 1, error.context_mark.column + 1)
        problem = "this quote is never closed"
    opening = _never_closed(source, error)
    if opening is not None:
        bracket = source.line(opening.line)[opening.column - 1 :][:1]
        return Fault(f"this `{bracket}` is never closed", opening)
    message = _SYNTAX_WORDS.get(problem) or problem.replace("did not find expected", "expected")
    return Fault(message, span, _syntax_hint(error, span))


def _never_closed(source: Source, error: yaml.MarkedYAMLError) -> Span | None:
    """Where the bracket stands that the parser still waits for at the end of the text, or at a line that is
    indented no deeper than that of the bracket."""
    start, stop = error.context_mark, error.problem_mark
    if not start or not stop or "flow" not in (error.context or "") or start.line == stop.line:
        return None
    first, last = source.line(start.line + 1), source.line(stop.line + 1)
    is_open = first[start.column : start.column + 1] in ("[", "{")
    if not is_open or (last.strip() and _indent(last) > _indent(first)):
        return None
    return Span(source, start.line + 1, start.column + 1)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


_SYNTAX_WORDS: Final = {
    "did not find expected ',' or '}'": "expected `,` or `}` here",
    "did not find expected ',' or ']'": "expected `,` or `]` here",
    "did not find expected node content": "expected a value here",
    "did not find expected key": "expected a key of the mapping above",
    "did not find expected '-' indicator": "expected `-` and an item of the list above",
    "found unknown escape character": "this is no escape of YAML",
    "mapping values are not allowed in this context": (
        "a colon and a space start a mapping inside a value here"
    ),
    "found character that cannot start any token": "a value cannot begin with this character",
}


def _syntax_hint(error: yaml.MarkedYAMLError, span: Span | None) -> str | None:
    problem, context = error.problem or "", error.context or ""
    char = span.source.line(span.line)[span.column - 1 :][:1] if span else ""
    if "flow" in context and span and span.line > span.source.text.count("\n"):
        return "is a closing bracket or brace missing?"
    if "flow" in context:
        return "inside { } and [ ], an expression with commas, brackets or braces needs quotes"
    if "mapping values" in problem:
        return "put the value in quotes, or indent the mapping under its key"
    if char == "\t":
        return "indent with spaces, not tabs"
    if "cannot start any token" in problem:
        return "put the value in quotes"
    if "escape" in problem:
        return "double the backslash, or use single quotes"
    if "block" in context:
        return "check the indentation: keys of one mapping start in one column"
    return None
