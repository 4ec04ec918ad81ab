"""Arguments as words of a command line, and back."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Final, assert_never

from spacegen.servers.schema import REQUIRED, Argument, TargetSchema

__all__ = ["flag", "negated", "owner", "read_words", "same", "words"]

# What argparse takes for a number, not for a flag.
_NEGATIVE: Final = re.compile(r"-\d+|-\d*\.\d+")

_SIZES: Final = {
    **{unit: 1000**i for i, unit in enumerate("kMGT", start=1)},
    **{f"{unit}i": 1024**i for i, unit in enumerate("KMGT", start=1)},
}
_SUFFIXED: Final = re.compile(r"(\d+(?:\.\d+)?(?=[kMGT]$)|\d+)([kMGT]|[KMGT]i)")


def flag(argument: Argument, name: str | None = None) -> str:
    """The flag to write: the one spelled as `name` or as the argument itself, else the first."""
    spelled = [f"--{word.replace('_', '-')}" for word in (name, argument.name) if word]
    return next((f for f in spelled if f in argument.flags), argument.flags[0])


def words(argument: Argument, value: Any, name: str | None = None) -> tuple[str, ...] | None:
    """What a command line says for the argument to be `value`; None where no words say it.

    `null` means that the argument is not given, and takes no words.
    """
    if value is None:
        return ()
    if not argument.flags:
        return () if same(value, argument.default) else None
    return _words(argument, value, flag(argument, name))


def _words(argument: Argument, value: Any, spelled: str) -> tuple[str, ...] | None:
    match argument.action:
        case "store_true":
            return (spelled,) if value else ()
        case "store_false":
            return () if value else (spelled,)
        case "toggle":
            return (spelled,) if value else (f"--no-{spelled.removeprefix('--')}",)
        case "list":
            items = tuple(item if isinstance(item, str) else json.dumps(item) for item in value)
            return (spelled, *items) if items and not any(map(_mistaken, items)) else None
        case "json":
            return _one(spelled, value if isinstance(value, str) else json.dumps(value))
        case "store" if value is False:
            # Any word would be true.
            return ()
        case "store":
            return _one(spelled, value if isinstance(value, str) else _text(value))
        case _:
            assert_never(argument.action)


def _one(spelled: str, word: str) -> tuple[str, ...] | None:
    if word == "--":
        # Parsers drop it wherever it stands.
        return None
    return (f"{spelled}={word}",) if _mistaken(word) else (spelled, word)


def _mistaken(word: str) -> bool:
    """Whether a parser would take the word for a flag."""
    return word.startswith("-") and not _NEGATIVE.fullmatch(word)


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


def same(value: Any, default: Any) -> bool:
    """Whether two values are one to a server: 1 is 1.0, and neither is true."""
    if default is REQUIRED:
        return False
    return isinstance(value, bool) == isinstance(default, bool) and bool(value == default)


def read_words(argument: Argument, text: str) -> Any:
    """The value that one word spells for the argument; the word itself where it spells none."""
    whole = argument.action == "json" and argument.type != "str"
    kind = "json" if whole else argument.type.removeprefix("list[").removesuffix("]")
    try:
        match kind:
            case "bool":
                return {"true": True, "false": False}[text.lower()]
            case "int":
                return _suffixed(text) if argument.suffixes else int(text)
            case "float":
                return float(text)
            case "json":
                return json.loads(text)
    except (KeyError, ValueError):
        pass
    return text


def _suffixed(text: str) -> int:
    found = _SUFFIXED.fullmatch(text)
    return int(text) if found is None else int(Decimal(found[1]) * _SIZES[found[2]])


def negated(schema: TargetSchema, argument: Argument) -> Argument | None:
    """The field that a negative flag clears (`disable_pynccl` clears `use_pynccl`); None for other names."""
    if argument.action != "store_true":
        return None
    return schema.cleared.get(argument.flags)


def owner(schema: TargetSchema, name: str) -> Argument | None:
    """The field behind a name of the schema, whichever of its names that is."""
    argument = schema.arguments.get(name)
    return None if argument is None else negated(schema, argument) or argument
