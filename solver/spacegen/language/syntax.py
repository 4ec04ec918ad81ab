"""Text to expressions. The standard `ast` reads it, an allow-list decides, and nothing is ever evaluated."""

from __future__ import annotations

import ast
import keyword
import warnings
from collections.abc import Container
from typing import Final, NoReturn

from spacegen.errors import Fault, SpaceError
from spacegen.language.expr import Expr
from spacegen.language.place import Place
from spacegen.language.translate import MAX_DEPTH, Names, TooDeepError, Translator
from spacegen.language.typecheck import Want
from spacegen.language.unreadable import comment, flaw_of
from spacegen.language.walk import children
from spacegen.source import Span

__all__ = ["MAX_LENGTH", "Names", "Want", "better_name", "bounded", "is_name", "objective_id", "parse"]

MAX_LENGTH: Final = 10_000
"""How many characters the text of an expression may have."""
_MAX_NODES: Final = 100_000
_WRAPPING: Final = 6
_RESERVED: Final = frozenset({"true", "false", "null", "min", "max", "abs", "implies"})
_AS_SPACES: Final = str.maketrans("\n\r\t\f\v", "     ")


def is_name(text: str) -> bool:
    """Whether expressions can mention a parameter, constant or derived value of this name."""
    # Python folds letters such as ligatures into others, so only ASCII names stay what they are.
    return text.isascii() and text.isidentifier() and not keyword.iskeyword(text) and text not in _RESERVED


def better_name(name: str) -> str:
    """A hint for a name that is none."""
    changed = "".join(c if c.isascii() and c.isalnum() else "_" for c in name)
    if changed != name and is_name(changed) and changed.strip("_"):
        return f"write it as `{changed}`"
    return "a name has letters, digits and `_`, starts with no digit, and is no word of the language"


def objective_id(text: str, taken: Container[str]) -> str:
    """What an objective is called where nobody says: its expression, if that is a name; else `objective`,
    numbered from the second on."""
    if is_name(text):
        return text
    number = 1
    while (id := "objective" if number == 1 else f"objective-{number}") in taken:
        number += 1
    return id


def parse(text: str, span: Span, names: Names, *, want: Want = "bool") -> Expr:
    """The expression that `text` spells; `span` is the place of its first character, or of its quote.

    Raises SpaceError with all faults: unreadable text, unknown names, wrong types, too long or too deep.
    """
    if len(text) > MAX_LENGTH:
        _refuse(f"the expression is longer than {MAX_LENGTH:,} characters", span)
    place = Place(text, span)
    translator = Translator(place, names)
    try:
        expr = translator.condition_or_value(_tree(text, place), want)
    except (TooDeepError, RecursionError, MemoryError):
        _refuse_nesting(span)
    if translator.faults:
        raise SpaceError(*translator.faults)
    return bounded(expr, span)


def _tree(text: str, place: Place) -> ast.expr:
    if not text.strip():
        _refuse("the expression is empty", place.span)
    hidden = comment(text)
    if hidden is not None:
        _refuse("an expression holds no comments", place.at(hidden), "write `because: ...` beside it")
    # Line ends and leading blanks mean something to Python, and nothing here.
    flat = text.translate(_AS_SPACES)
    lead = len(flat) - len(flat.lstrip(" "))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(flat[lead:], mode="eval").body
    except (SyntaxError, ValueError) as error:
        offset = getattr(error, "offset", None) or 0
        flaw = flaw_of(flat, offset - 1 + lead if offset > 0 else -1)
        _refuse(flaw.message, place.at(flaw.column), flaw.hint)
    return tree if not lead else _moved(tree, lead)


def _moved(tree: ast.expr, columns: int) -> ast.expr:
    for node in ast.walk(tree):
        if isinstance(node, ast.expr):
            node.col_offset += columns
            node.end_col_offset = (node.end_col_offset or 0) + columns
    return tree


def bounded(expr: Expr, span: Span) -> Expr:
    """`expr`, unless it has too many parts or levels: derived values stand inside an expression whole, so its
    size is known only once it is read. Raises SpaceError."""
    level = [expr]
    nodes = depth = 1
    while level:
        below: list[Expr] = []
        for item in level:
            below.extend(children(item))
            if nodes + len(below) > _MAX_NODES:
                hint = "derived values count in full"
                _refuse(f"the expression has more than {_MAX_NODES:,} parts", span, hint)
        nodes += len(below)
        depth += 1
        # A rule body wraps its expressions in a few levels more.
        if depth > MAX_DEPTH + _WRAPPING:
            _refuse_nesting(span)
        level = below
    return expr


def _refuse_nesting(span: Span) -> NoReturn:
    _refuse(f"the expression nests deeper than {MAX_DEPTH} levels", span, "name a part of it under `derived`")


def _refuse(message: str, span: Span, hint: str | None = None) -> NoReturn:
    raise SpaceError(Fault(message, span, hint))
