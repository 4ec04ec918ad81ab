"""Plain YAML 1.2 core scalars as values: one reading for files, `--set`, `--pin` and CSV."""

from __future__ import annotations

import math
import re
from typing import Final

from spacegen.errors import Fault, SpaceError
from spacegen.language.expr import Scalar

__all__ = ["UnreadableError", "hint_for_string", "read_scalar", "resolve", "write_scalar"]

_WORDS: Final[dict[str, Scalar]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT: Final = re.compile(r"[-+]?[0-9]+")
_HEX: Final = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_FINITE: Final = re.compile(r"[-+]?\.?(inf|infinity|nan)", re.IGNORECASE)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?")
_GROUPED: Final = re.compile(r"[-+]?[0-9]+(_[0-9]+)+(\.[0-9_]*)?")
_BASED: Final = re.compile(r"[-+]?0(o[0-7]+|b[01]+)")
_SAFE: Final = re.compile(r"[A-Za-z_./][A-Za-z0-9_./+-]*|[0-9]+[A-Za-z_][A-Za-z0-9_-]*")
_DIGITS: Final = 1000
_NO_STRINGS_ELSEWHERE: Final = frozenset({"y", "n", "yes", "no", "on", "off"})


class UnreadableError(ValueError):
    """A plain scalar that stands for no value of the language."""

    def __init__(self, message: str, hint: str) -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


def resolve(text: str) -> Scalar:
    """The value of a plain (unquoted) scalar. Raises UnreadableError for nan, infinity and dates."""
    if text in _WORDS:
        return _WORDS[text]
    # Most scalars are words, and a word that could be none of the below starts with a letter past its tests.
    if text[0] not in "0123456789+-.iInN":
        return text
    if len(text) > _DIGITS and (_INT.fullmatch(text) or _FLOAT.fullmatch(text)):
        raise UnreadableError(f"a number of {len(text):,} characters", f"numbers have at most {_DIGITS:,}")
    if _INT.fullmatch(text):
        return int(text)
    if _HEX.fullmatch(text):
        return int(text, 16)
    if _FLOAT.fullmatch(text):
        return _finite(text)
    if _NO_FINITE.fullmatch(text):
        raise UnreadableError(
            f"`{text}` is not a number that rules can compare", f'quote it for a string: "{text}"'
        )
    if _DATE.fullmatch(text):
        raise UnreadableError(
            f"`{text}` would be a date, and there are no dates", f'quote it for a string: "{text}"'
        )
    return text


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise UnreadableError(f"`{text}` is too large for a number", f'quote it for a string: "{text}"')
    return value


def hint_for_string(text: str) -> str | None:
    """A hint where a plain scalar looks like a number but is a string, or is read as decimal after all."""
    if not text[:1].isdigit() and text[:1] not in ("+", "-"):
        return None
    if _GROUPED.fullmatch(text):
        return f"write the number without underscores: {text.replace('_', '')}"
    if _BASED.fullmatch(text):
        return f"write the number in decimal: {int(text, 0)}"
    if len(text) > 1 and text.lstrip("+-").startswith("0") and _INT.fullmatch(text) and int(text):
        return f"zeros in front do not make it octal: write {int(text)}"
    return None


def read_scalar(text: str) -> Scalar:
    """The value of a scalar as written in YAML, quotes allowed. Raises SpaceError where there is none."""
    stripped = text.strip()
    if stripped[:1] in ("'", '"'):
        return _quoted(stripped)
    try:
        return resolve(stripped)
    except UnreadableError as error:
        raise SpaceError(Fault(error.message, hint=error.hint)) from None


def _quoted(text: str) -> str:
    import yaml

    try:
        node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        node = None
    if isinstance(node, yaml.ScalarNode) and node.style:
        return str(node.value)
    raise SpaceError(Fault(f"cannot read the value {text}", hint="the quotes do not match"))


def write_scalar(value: Scalar) -> str:
    """The YAML spelling that `read_scalar` reads back as `value`."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return value if _is_plain(value) else '"' + "".join(map(_escaped, value)) + '"'


def _is_plain(text: str) -> bool:
    if not _SAFE.fullmatch(text) or text.lower() in _NO_STRINGS_ELSEWHERE or hint_for_string(text):
        return False
    try:
        return resolve(text) == text
    except UnreadableError:
        return False


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
