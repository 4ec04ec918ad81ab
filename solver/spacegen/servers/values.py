"""Whether an argument takes a value: its type, its choices."""

from __future__ import annotations

from typing import Final, TypeAlias

from spacegen.errors import did_you_mean
from spacegen.servers.schema import Argument

__all__ = ["Value", "misfit"]

Value: TypeAlias = bool | int | float | str | None

_TYPES: Final = {"bool": "`true` or `false`", "int": "integers", "float": "numbers", "str": "strings"}


def misfit(argument: Argument, value: Value) -> str | None:
    """What the argument takes instead of `value`, as a hint; None where it takes it. Null always fits: it
    means that the argument is not given."""
    if value is None:
        return None
    if argument.type not in _TYPES:
        # On a command line JSON is one word; a list or a Python object is no single value.
        return None if argument.type == "json" and isinstance(value, str) else "it takes no single values"
    if not _has_type(argument.type, value):
        return _respelt(argument, value)
    if argument.choices is not None and value not in argument.choices:
        choices = [str(choice) for choice in argument.choices]
        meant = did_you_mean(str(value), choices)
        return " ".join(filter(None, (meant, f"it takes {', '.join(choices)}")))
    return None


def _has_type(type: str, value: Value) -> bool:
    match type:
        case "bool":
            return isinstance(value, bool)
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case "float":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            return isinstance(value, str)


def _respelt(argument: Argument, value: Value) -> str:
    if argument.choices is not None:
        return f"it takes {', '.join(map(str, argument.choices))}"
    if argument.type == "int" and isinstance(value, float) and value.is_integer():
        return f"it takes integers: write `{int(value)}`"
    if argument.type == "str" and isinstance(value, int | float):
        return "it takes strings: write it in quotes"
    return f"it takes {_TYPES[argument.type]}"
