"""Complete launches: arguments that nobody searches, in every output."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from spacegen.errors import Fault, SpaceError, UsageError
from spacegen.language.model import Model
from spacegen.language.scalars import read_scalar
from spacegen.launch.config import validate
from spacegen.launch.flags import owner
from spacegen.launch.mistakes import worded
from spacegen.servers.schema import TargetSchema, load

__all__ = ["complete", "read_arguments", "schema_of"]


def schema_of(model: Model) -> TargetSchema | None:
    """The arguments that the target of a space takes; None without a target."""
    return load(model.target.server, model.target.version) if model.target else None


def complete(model: Model, arguments: Mapping[str, Any], settled: Mapping[str, Any]) -> Model:
    """The model with more arguments held fixed, each under the name of its field.

    Raises UsageError for names and values that the target does not take (those fixed before too), and for
    parameters, which are pinned instead; `settled` has the parameters that were dropped.
    """
    if not arguments and not model.fixed:
        return model
    schema = schema_of(model)
    if schema is None:
        if not arguments:
            return model
        hint = 'say `target: {server: sglang, version: "0.5.6"}` in the space'
        raise UsageError(Fault(f"`{model.name}` names no server to give arguments to", hint=hint))
    given = {**model.fixed, **{_field(schema, name): value for name, value in arguments.items()}}
    faults = [worded(mistake, schema) for mistake in validate(schema, given)]
    searched = {f.name: name for name in (*model.index, *settled) if (f := owner(schema, name))}
    for name in given:
        field = owner(schema, name)
        if field is not None and (parameter := searched.get(field.name)):
            hint = f"hold it at one value: `--pin {parameter}=VALUE`"
            faults.append(Fault(f"`{parameter}` is a parameter of this space", hint=hint))
    if faults:
        raise UsageError(*faults)
    return model.replace(fixed=MappingProxyType(given))


def _field(schema: TargetSchema, name: str) -> str:
    field = owner(schema, name)
    # A negative flag keeps its name: its field has the opposite value.
    return name if field is None or field is not schema.arguments[name] else field.name


def read_arguments(model: Model, texts: Mapping[str, str]) -> dict[str, Any]:
    """The values that texts spell for arguments, named as on the command line or as fields.

    Strings are taken as they are where the argument is one; lists and mappings are JSON.
    """
    schema = schema_of(model)
    found: dict[str, Any] = {}
    for word, text in texts.items():
        name = word.strip().removeprefix("--").replace("-", "_")
        argument = schema.arguments.get(name) if schema else None
        found[name] = text if argument is not None and argument.type == "str" else _value(text)
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text) if text[:1] in ("[", "{") else read_scalar(text)
    except (ValueError, SpaceError):
        return text
