"""What can be wrong with the arguments of a launch: data, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, assert_never

from spacegen.errors import Fault, did_you_mean
from spacegen.language.scalars import write_scalar
from spacegen.servers.renames import formerly
from spacegen.servers.schema import Argument, TargetSchema

__all__ = [
    "Mistake",
    "NoFlag",
    "Renamed",
    "Repeated",
    "Unknown",
    "WrongChoice",
    "WrongType",
    "unknown",
    "worded",
]


@dataclass(frozen=True, slots=True)
class Unknown:
    """A name that the target has never heard of."""

    name: str


@dataclass(frozen=True, slots=True)
class Renamed:
    """A name of another release; `formerly` says what became of it."""

    name: str
    formerly: str


@dataclass(frozen=True, slots=True)
class Repeated:
    """Two names of one argument."""

    name: str
    other: str


@dataclass(frozen=True, slots=True)
class WrongType:
    """A value that the argument cannot hold."""

    argument: Argument
    name: str
    value: object


@dataclass(frozen=True, slots=True)
class WrongChoice:
    """A value (or, of a list, an item) that is none of the choices."""

    argument: Argument
    name: str
    value: object


@dataclass(frozen=True, slots=True)
class NoFlag:
    """A value that no words of a command line give to the argument."""

    argument: Argument
    name: str
    value: object


Mistake: TypeAlias = Unknown | Renamed | Repeated | WrongType | WrongChoice | NoFlag

_KINDS = {"bool": "true or false", "int": "a whole number", "float": "a number", "str": "a string"}


def unknown(schema: TargetSchema, name: str) -> Unknown | Renamed:
    """The mistake of a name that the schema lacks."""
    moved = formerly(schema.server, name, schema.version)
    return Renamed(name, moved) if moved else Unknown(name)


def worded(mistake: Mistake, schema: TargetSchema) -> Fault:
    """The mistake in words."""
    match mistake:
        case Unknown(name):
            return Fault(f"`{name}` is no argument of {schema}", hint=did_you_mean(name, schema.arguments))
        case Renamed(_, moved):
            return Fault(f"{moved} in {schema}" if "was removed" not in moved else moved)
        case Repeated(name, other):
            return Fault(f"`{name}` and `{other}` are one argument of {schema}")
        case WrongType(argument, name, value):
            return Fault(f"`{name}` must be {_kind(argument)}, and {_shown(value)} is not")
        case WrongChoice(argument, name, value):
            choices = argument.choices or ()
            hint = did_you_mean(value, map(str, choices)) if isinstance(value, str) else None
            known = ", ".join(map(str, choices))
            return Fault(f"`{name}` cannot be {_shown(value)}: {schema} takes {known}", hint=hint)
        case NoFlag(argument, name, value):
            hint = "it has no flag" if not argument.flags else None
            return Fault(f"no command line of {schema} sets `{name}` to {_shown(value)}", hint=hint)
        case _:
            assert_never(mistake)


def _kind(argument: Argument) -> str:
    if argument.type.startswith("list["):
        item = argument.type[5:-1]
        return f"a list of {'numbers' if item in ('int', 'float') else 'strings'}"
    return _KINDS.get(argument.type, argument.type)


def _shown(value: object) -> str:
    match value:
        case None | bool() | int() | float() | str():
            return f"`{write_scalar(value)}`"
        case _:
            return f"`{value!r}`"
