"""Parameter entries as parameters: domains, defaults from the file or the target, `active_when`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from spacegen.errors import Fault, SpaceError
from spacegen.language.conditions import expression_text
from spacegen.language.document import ParameterEntry, Space
from spacegen.language.domains import not_in_domain, read_domain
from spacegen.language.model import NO_DEFAULT, Domain, NoDefault, Parameter
from spacegen.language.naming import Symbols, target_default
from spacegen.language.nodes import Path
from spacegen.language.scalars import write_scalar
from spacegen.language.syntax import parse
from spacegen.language.validate import File
from spacegen.language.walk import scope
from spacegen.servers.schema import TargetSchema
from spacegen.source import Span

__all__ = ["bind_activity", "read_parameters"]


def read_parameters(
    file: File[Space], symbols: Symbols, schema: Callable[[], TargetSchema | None]
) -> tuple[Parameter, ...]:
    """Declare the parameters of a space and give them domains and defaults, all but `active_when`."""
    if not file.document.parameters and not file.lost and not file.tree.faults:
        hint = "add at least one, such as `tp_size: [1, 2, 4, 8]`"
        symbols.faults.append(Fault("the space has no parameters", file.at_key("parameters"), hint))
    return tuple(
        found
        for name, entry in file.document.parameters.items()
        if (found := _parameter(file, name, entry, symbols, schema)) is not None
    )


def _parameter(
    file: File[Space], name: str, entry: Any, symbols: Symbols, schema: Callable[[], TargetSchema | None]
) -> Parameter | None:
    def at(path: Path) -> Span:
        return file.at("parameters", name, *path)

    key = file.at_key("parameters", name)
    sound = symbols.declare(name, "parameter", key)
    # Where keys were unreadable, the domain may have been among them.
    lost = bool(file.tree.faults) and isinstance(entry, ParameterEntry) and not (entry.values or entry.range)
    domain = None if lost else read_domain(name, entry, at, symbols.faults)
    if domain is None or not sound:
        return None
    symbols.parameter(name, domain)
    long = entry if isinstance(entry, ParameterEntry) else ParameterEntry()
    if "default" in long.model_fields_set:
        default = _given_default(name, long.default, domain, at, symbols.faults)
    else:
        default = _targets_default(name, domain, schema())
    return Parameter(name, domain, default, None, long.group, long.description, long.impact, long.unit, key)


def _given_default(
    name: str, value: Any, domain: Domain, at: Callable[[Path], Span], faults: list[Fault]
) -> Any:
    code = domain.code(value)
    if code is None:
        message = f"the default of `{name}` is not in its domain: {write_scalar(value)}"
        faults.append(Fault(message, at(("default",)), not_in_domain(value, domain)))
        # Any value will do from here on: the fault alone leaves this room.
        return domain[0]
    return domain[code]


def _targets_default(name: str, domain: Domain, schema: TargetSchema | None) -> Any:
    if schema is None or name not in schema.arguments:
        return NO_DEFAULT
    default = target_default(schema, name)
    code = None if isinstance(default, NoDefault) else domain.code(default)
    return NO_DEFAULT if code is None else domain[code]


def bind_activity(
    file: File[Space], parameters: tuple[Parameter, ...], symbols: Symbols
) -> tuple[Parameter, ...]:
    """The parameters with their `active_when` read; all names must be declared before."""
    return tuple(_activities(file, parameters, symbols))


def _activities(
    file: File[Space], parameters: tuple[Parameter, ...], symbols: Symbols
) -> Iterator[Parameter]:
    for parameter in parameters:
        entry = file.document.parameters[parameter.name]
        if not isinstance(entry, ParameterEntry) or "active_when" not in entry.model_fields_set:
            yield parameter
            continue
        span = file.at("parameters", parameter.name, "active_when")
        if isinstance(parameter.default, NoDefault):
            symbols.faults.append(_needs_default(file, parameter.name))
        try:
            active = parse(expression_text(entry.active_when), span, symbols.names())
        except SpaceError as error:
            symbols.faults.extend(error.faults)
            continue
        if parameter.name in scope(active):
            message = f"`{parameter.name}` decides about its own activity"
            symbols.faults.append(Fault(message, span, "write a rule instead"))
        yield replace(parameter, active_when=active)


def _needs_default(file: File[Space], name: str) -> Fault:
    message = f"`{name}` needs a default: `active_when` holds it there while it is inactive"
    return Fault(
        message, file.at_key("parameters", name, "active_when"), "add `default:` with one of its values"
    )
