"""Launch configs: what a server is started with, as pydantic models made from the target's arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, create_model

from spacegen.errors import UsageError
from spacegen.launch.flags import negated, owner, same, words
from spacegen.launch.mistakes import Mistake, NoFlag, Repeated, WrongChoice, WrongType, unknown, worded
from spacegen.servers.schema import REQUIRED, Argument, TargetSchema, load

__all__ = ["LaunchArguments", "LaunchConfig", "launch_model", "validate"]

_MODULES: Final = {"sglang": "sglang.launch_server", "minisgl": "minisgl"}
"""What `python -m` starts."""

_TYPES: Final[Mapping[str, Any]] = {"bool": bool, "int": int, "float": float, "str": str}


class LaunchArguments(BaseModel):
    """The arguments of a server: each under its field's name or that of a flag, no others, no conversion."""

    model_config = ConfigDict(extra="forbid", strict=True, protected_namespaces=(), populate_by_name=True)


@lru_cache
def launch_model(server: str, version: str) -> type[LaunchArguments]:
    """The model of all arguments of a server's version, with their types, choices, defaults and aliases.

    Raises SpaceError for an unknown server or version.
    """
    schema = load(server, version)
    names: dict[str, list[str]] = {}
    for name, argument in schema.arguments.items():
        names.setdefault(argument.name, []).append(name)
    fields: dict[str, Any] = {
        name: (_annotation(argument), _field(argument, names[name]))
        for name, argument in schema.arguments.items()
        if argument.name == name and negated(schema, argument) is None
    }
    return create_model(f"{server}-{schema.version}", __base__=LaunchArguments, **fields)


def _annotation(argument: Argument) -> Any:
    listed = argument.type.startswith("list[")
    kind = argument.type[5:-1] if listed else argument.type
    annotation = Literal[argument.choices] if argument.choices else _TYPES.get(kind, Any)
    annotation = list[annotation] if listed else annotation  # type: ignore[valid-type]
    return annotation | None if argument.nullable else annotation


def _field(argument: Argument, names: Sequence[str]) -> Any:
    """The field of an argument under all of its names."""
    others = [name for name in names if name != argument.name]
    alias = AliasChoices(argument.name, *others) if others else None
    default = ... if argument.default is REQUIRED else argument.default
    return Field(default, validation_alias=alias)


@dataclass(frozen=True, slots=True)
class LaunchConfig:
    """A launch: the target and the arguments that it is given, under any of their names.

    An argument that is `null`, or that is not here, is the server's default.
    """

    schema: TargetSchema
    arguments: Mapping[str, Any]

    @property
    def command(self) -> tuple[str, ...]:
        """The words that start the server, without its arguments. Raises UsageError for an unknown server."""
        module = _MODULES.get(self.schema.server)
        if module is None:
            raise UsageError(f"no command is known that starts `{self.schema.server}`")
        return ("python", "-m", module)

    def argv(self, *, full: bool = False) -> tuple[str, ...]:
        """The words of the whole command; `full` writes values that are the default too."""
        return (*self.command, *(word for group in self.groups(full=full) for word in group))

    def groups(self, *, full: bool = False) -> Iterator[tuple[str, ...]]:
        """The words of each argument that takes any. Raises UsageError for one that no words set."""
        for name, value in self.given(full=full).items():
            argument = self.schema.arguments[name]
            found = words(argument, value, name)
            if found is None:
                raise UsageError(worded(NoFlag(argument, name, value), self.schema))
            if found:
                yield found

    def given(self, *, full: bool = False) -> dict[str, Any]:
        """The arguments that are not null; unless `full`, only those that differ from the default."""
        return {
            name: value
            for name, value in self.arguments.items()
            if value is not None and (full or not same(value, self.schema.arguments[name].default))
        }

    def mistakes(self) -> tuple[Mistake, ...]:
        """What the target would not take; whether a command line can say it is not asked."""
        return validate(self.schema, self.arguments)


def validate(
    schema: TargetSchema, arguments: Mapping[str, Any], *, flags: bool = False
) -> tuple[Mistake, ...]:
    """What is wrong with arguments, in their order; with `flags` also what no command line can say."""
    found: dict[str, Mistake] = {}
    named: dict[str, str] = {}
    values: dict[str, Any] = {}
    for name, value in arguments.items():
        field = owner(schema, name)
        if field is None:
            found[name] = unknown(schema, name)
        elif field.name in named:
            found[name] = Repeated(named[field.name], name)
        elif value is not None:
            named[field.name] = name
            cleared = field is not schema.arguments[name] and isinstance(value, bool)
            values[field.name] = not value if cleared else value
    for field_name, kind, value in _refused(schema, values):
        name = named[field_name]
        given = value if kind is WrongChoice else arguments[name]
        found.setdefault(name, kind(schema.arguments[name], name, given))
    for name in named.values() if flags else ():
        argument = schema.arguments[name]
        if name not in found and words(argument, arguments[name], name) is None:
            found[name] = NoFlag(argument, name, arguments[name])
    return tuple(found[name] for name in arguments if name in found)


def _refused(
    schema: TargetSchema, values: Mapping[str, Any]
) -> Iterator[tuple[str, type[WrongChoice | WrongType], Any]]:
    """The fields that the model refuses, why, and the value (or the item of a list) that is wrong."""
    if not values:
        return
    try:
        launch_model(schema.server, schema.version).model_validate(values)
    except ValidationError as error:
        for one in error.errors(include_url=False):
            if one["type"] != "missing":
                kind = WrongChoice if one["type"] == "literal_error" else WrongType
                yield str(one["loc"][0]), kind, one["input"]
