"""Text of a log as it may be shown: without what a terminal obeys."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, TypeAlias

from pydantic import AfterValidator

__all__ = ["COLOURS", "Printable", "printable", "printable_value"]

_PARAMETERS: Final = r"[0-?]*[ -/]*[@-~]"
COLOURS: Final = rb"(?:\x1b\[" + _PARAMETERS.encode() + rb")*"
"""What may stand before any word of a log in bytes: colours and moves of the cursor, or nothing."""
_SEQUENCE: Final = re.compile(
    rf"(?:\x1b\[|\x9b){_PARAMETERS}"  # colours, cursors
    # Titles, links, clipboards and what else has text in it; without an end only the beginning goes.
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])(?:[^\x07\x1b\x90\x98\x9c-\x9f\n]*(?:\x07|\x1b\\|\x9c))?"
    r"|\x1b[ -/]*[0-Z\\^-~]"
)
"""Sequences of ECMA-48, with an end of those of xterm."""
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """The text without escape sequences and control characters; newlines and tabs stay."""
    if _CONTROL.search(text) is None:
        return text
    return _CONTROL.sub("", _SEQUENCE.sub("", text))


def printable_value(value: Any) -> Any:
    """The value of an argument with each text in it as `printable` has it."""
    match value:
        case str():
            return printable(value)
        case dict():
            return {printable_value(key): printable_value(one) for key, one in value.items()}
        case list() | tuple():
            return [printable_value(one) for one in value]
        case _:
            return value


Printable: TypeAlias = Annotated[str, AfterValidator(printable)]
"""A text of a field that is shown, written and sent around."""
