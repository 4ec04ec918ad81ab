"""Arguments as words of a command line, and back."""

from __future__ import annotations

import json
import re
from typing import Any, Final, assert_never

from spacegen.servers.schema import REQUIRED, Argument, TargetSchema

__all__ = ["flag", "negated", "owner", "read_words", "same", "words"]

# What argparse takes for a number, not for a flag.
_NEGATIVE: Final = re.compile(r"-\d+|-\d*\.\d+")


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
            return (spelled, *items) if items else None
        case "json":
            return _one(spelled, value if isinstance(value, str) else json.dumps(value))
        case "store":
            return _one(spelled, value if isinstance(value, str) else _text(value))
        case _:
            assert_never(argument.action)


def _one(spelled: str, word: str) -> tuple[str, ...]:
    # A word that begins with a dash would be read as a flag.
    mistaken = word.startswith("-") and not _NEGATIVE.fullmatch(word)
    return (f"{spelled}={word}",) if mistaken else (spelled, word)


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


def same(value: Any, default: Any) -> bool:
    """Whether two values are one to a server: 1 is 1.0, and neither is true."""
    if default is REQUIRED:
        return False
    return isinstance(value, bool) == isinstance(default, bool) and bool(value == default)


def read_words(argument: Argument, text: str) -> Any:
    """The value that one word spells for the argument; the word itself where it spells none."""
    kind = argument.type.removeprefix("list[").removesuffix("]")
    try:
        match kind:
            case "int":
                return int(text)
            case "float":
                return float(text)
            case "json":
                return json.loads(text)
    except ValueError:
        pass
    return text


def negated(schema: TargetSchema, argument: Argument) -> Argument | None:
    """The field that a negative flag clears (`disable_pynccl` clears `use_pynccl`); None for other names."""
    if argument.action != "store_true":
        return None
    fields = (a for a in schema.arguments.values() if a.action == "store_false")
    return next((field for field in fields if field.flags == argument.flags), None)


def owner(schema: TargetSchema, name: str) -> Argument | None:
    """The field behind a name of the schema, whichever of its names that is."""
    argument = schema.arguments.get(name)
    return None if argument is None else negated(schema, argument) or argument
