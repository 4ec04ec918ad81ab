"""Why a text is no expression: the likeliest mistake, where it is, and what to write instead.

Python's own messages differ between its versions, so only the place it gives is used, and that last.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

__all__ = ["Flaw", "comment", "flaw_of"]


@dataclass(frozen=True, slots=True)
class Flaw:
    """A mistake: the character it starts at, message and hint."""

    column: int
    message: str
    hint: str | None = None


_STRING: Final = re.compile(r"""("([^"\\]|\\.)*"|'([^'\\]|\\.)*')""", re.DOTALL)
_TOKEN: Final = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<number>\d[\w.]*|\.\d[\w.]*)|(?P<name>[^\W\d]\w*)"""
    r"""|(?P<operator>&&|\|\||===|!==|==|!=|<=|>=|=>|->|<>|=<|:=|//|\*\*|<<|>>|[^\s\w])""",
    re.DOTALL,
)
_KEYWORDS: Final = frozenset(
    {"and", "or", "not", "in", "is", "if", "else", "lambda", "for", "await", "yield"}
)
_INSTEAD: Final = {
    "&&": "`and`",
    "||": "`or`",
    "!": "`not`",
    "=": "`==`",
    "===": "`==`",
    "!==": "`!=`",
    "<>": "`!=`",
    "=<": "`<=`",
    "=>": "`implies(a, b)`, or `>=` if a comparison is meant",
    "->": "`implies(a, b)`",
    "?": "`a if test else b`",
    "≤": "`<=`",
    "≥": "`>=`",
    "≠": "`!=`",
    "×": "`*`",
    "÷": "`/`",
    "−": "`-`",
    "“": 'a straight quote: `"`',
    "”": 'a straight quote: `"`',
    "‘": "a straight quote: `'`",
    "’": "a straight quote: `'`",
}
_MAX_BRACKETS: Final = 200  # Python's own limit
_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}
_WORDS: Final = {
    "then": "write `a if test else b`, or `implies(test, a)`",
    "implies": "write `implies(a, b)`",
    "between": "write `1 <= x <= 8`",
    "AND": "write `and`",
    "OR": "write `or`",
    "NOT": "write `not`",
    "xor": "for one of two conditions write `a != b`",
    "mod": "write `%`",
    "div": "write `//`",
}


def comment(text: str) -> int | None:
    """Where a `#` stands outside strings."""
    if "#" not in text:
        return None
    place = _masked(text).find("#")
    return place if place >= 0 else None


def flaw_of(text: str, offset: int) -> Flaw:
    """The likeliest mistake in a text that Python could not read at the character `offset` (-1: its end)."""
    flaw = _odd_character(text)
    if flaw:
        return flaw
    tokens = list(_TOKEN.finditer(text))
    for search in _SEARCHES:
        flaw = next(search(tokens), None)
        if flaw:
            return flaw
    if not 0 <= offset < len(text):
        return Flaw(max(len(text) - 1, 0), "the expression ends too early")
    token = next((token for token in tokens if token.end() > offset), None)
    if token is None:
        return Flaw(offset, "this is not an expression")
    return Flaw(token.start(), f"unexpected `{token[0][:20]}`")


def _odd_character(text: str) -> Flaw | None:
    for i, char in enumerate(_masked(text)):
        if "\ud800" <= char <= "\udfff":
            return Flaw(i, "the text is not valid Unicode")
        if not char.isprintable():
            return Flaw(i, f"the character U+{ord(char):04X} cannot stand here")
    return None


def _masked(text: str) -> str:
    return _STRING.sub(lambda match: " " * len(match[0]), text)


def _wrong_operators(tokens: list[re.Match[str]]) -> Iterator[Flaw]:
    for token in tokens:
        if token["operator"] in _INSTEAD:
            yield Flaw(token.start(), f"unknown operator `{token[0]}`", f"write {_INSTEAD[token[0]]}")
        elif token["operator"] in ('"', "'"):
            yield Flaw(token.start(), "the string is never closed")


def _unbalanced(tokens: list[re.Match[str]]) -> Iterator[Flaw]:
    opened: list[re.Match[str]] = []
    for token in tokens:
        if token[0] in _CLOSING:
            opened.append(token)
            if len(opened) > _MAX_BRACKETS:
                yield Flaw(token.start(), f"more than {_MAX_BRACKETS} brackets are open at once")
                return
        elif token["operator"] in _CLOSING.values():
            if not opened:
                yield Flaw(token.start(), f"`{token[0]}` closes nothing")
            elif _CLOSING[opened[-1][0]] != token[0]:
                message = f"`{token[0]}` cannot close `{opened[-1][0]}`"
                yield Flaw(token.start(), message, f"`{_CLOSING[opened[-1][0]]}` would")
            else:
                opened.pop()
                continue
            return
    if opened:
        yield Flaw(opened[-1].start(), f"`{opened[-1][0]}` is never closed")


def _bad_numbers(tokens: list[re.Match[str]]) -> Iterator[Flaw]:
    for token in tokens:
        number = token["number"]
        if number is None:
            continue
        if re.fullmatch(r"0\d+", number):
            hint = f"write `{number.lstrip('0') or '0'}`"
            yield Flaw(token.start(), f"the number `{number}` has a leading zero", hint)
        elif len(number) > 400 and number.isdigit():
            yield Flaw(token.start(), "the integer does not fit in 64 bits")
        elif re.search(r"[^\W\d]", number) and not re.fullmatch(
            r"(?i)0[xob][\da-f_]+|[\d_.]+(e\d+)?", number
        ):
            yield Flaw(token.start(), f"`{number[:20]}` is neither a number nor a name")


def _missing_operators(tokens: list[re.Match[str]]) -> Iterator[Flaw]:
    for before, token in pairwise(tokens):
        if _is_operand(before) and _is_operand(token):
            hint = _WORDS.get(token[0]) or _WORDS.get(before[0])
            yield Flaw(token.start(), f"expected an operator before `{token[0][:20]}`", hint)


def _is_operand(token: re.Match[str]) -> bool:
    if token["name"] is not None:
        return token[0] not in _KEYWORDS
    return token["operator"] is None


_SEARCHES: Final[tuple[Callable[[list[re.Match[str]]], Iterator[Flaw]], ...]] = (
    _wrong_operators,
    _unbalanced,
    _bad_numbers,
    _missing_operators,
)
