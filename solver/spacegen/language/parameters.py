"""Parameter entries as parameters: domains, defaults from the file or the target, `active_when`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from spacegen.errors import Fault, SpaceError
from spacegen.language.conditions import expression_text
from spacegen.language.document import ParameterEntry, Space
from spacegen.language.domains import not_in_domain, place_of, read_domain
from spacegen.language.model import NO_DEFAULT, Domain, NoDefault, Parameter
from spacegen.language.naming import Symbols
from spacegen.language.nodes import Path
from spacegen.language.retarget import Retarget, target_default
from spacegen.language.scalars import write_scalar
from spacegen.language.syntax import parse
from spacegen.language.validate import File
from spacegen.language.walk import scope
from spacegen.source import Span

__all__ = ["bind_activity", "read_parameters", "unknown_argument"]


def read_parameters(file: File[Space], symbols: Symbols, way: Retarget | None) -> tuple[Parameter, ...]:
    """Declare the parameters of a space and give them domains and defaults, all but `active_when`; with a
    target, those that it has, under its names."""
    if not file.document.parameters and not file.lost and not file.tree.faults:
        hint = "add at least one, such as `tp_size: [1, 2, 4, 8]`"
        symbols.faults.append(Fault("the space has no parameters", file.at_key("parameters"), hint))
    return tuple(
        found
        for name, entry in file.document.parameters.items()
        if (found := _parameter(file, name, entry, symbols, way)) is not None
    )


def _parameter(
    file: File[Space], name: str, entry: Any, symbols: Symbols, way: Retarget | None
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
        default = _targets_default(name, domain, way)
    found = Parameter(name, domain, default, None, long.group, long.description, long.impact, long.unit, key)
    if way is None:
        return found
    if faults := list(_unfit(found, entry, at, symbols, way)):
        symbols.faults.extend(faults)
        return found
    return _moved(found, symbols, way)


def _unfit(
    parameter: Parameter, entry: Any, at: Callable[[Path], Span], symbols: Symbols, way: Retarget
) -> Iterator[Fault]:
    """What the target that the space is written for does not know: the name, or some of the values."""
    name = parameter.name
    if (fault := unknown_argument(name, parameter.span, symbols, way)) is not None:
        yield fault
        return
    if way.takes_all(name, parameter.domain):
        return
    told = set()
    for code, value in enumerate(parameter.domain):
        hint = way.misfit(name, value)
        if hint is not None and (span := place_of(entry, code, at)) not in told:
            # One fault tells enough of a range.
            told.add(span)
            yield Fault(f"{way.written} takes no {write_scalar(value)} for `{name}`", span, hint)


def unknown_argument(name: str, span: Span | None, symbols: Symbols, way: Retarget) -> Fault | None:
    """A fault for a name that the target lacks, or has under another name too."""
    argument = way.written.arguments.get(name)
    if argument is None:
        return Fault(f"{way.written} has no argument `{name}`", span, way.unknown(name))
    other = symbols.arguments.setdefault(argument.name, name)
    if other != name:
        return Fault(f"`{name}` and `{other}` are one argument of {way.written}", span, "keep one of them")
    return None


def _moved(parameter: Parameter, symbols: Symbols, way: Retarget) -> Parameter | None:
    if not way.moves:
        return parameter
    found = way.parameter(parameter)
    if found is None:
        symbols.leave_out(parameter.name, way.stand_in(parameter.name))
        return None
    symbols.parameter(found.name, found.domain, written=parameter.name)
    return found


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


def _targets_default(name: str, domain: Domain, way: Retarget | None) -> Any:
    if way is None or name not in way.written.arguments:
        return NO_DEFAULT
    default = target_default(way.written, name)
    if isinstance(default, NoDefault):
        return NO_DEFAULT
    # Null says that the argument is not given, so it stands for a default that the domain does not list.
    code = domain.code(default) if default in domain else domain.code(None)
    return NO_DEFAULT if code is None else domain[code]


def bind_activity(
    file: File[Space], parameters: tuple[Parameter, ...], symbols: Symbols
) -> tuple[Parameter, ...]:
    """The parameters with their `active_when` read; all names must be declared before."""
    return tuple(_activities(file, parameters, symbols))


def _activities(
    file: File[Space], parameters: tuple[Parameter, ...], symbols: Symbols
) -> Iterator[Parameter]:
    written_as = {now: name for name, now in symbols.renamed.items()}
    for parameter in parameters:
        written = written_as.get(parameter.name, parameter.name)
        entry = file.document.parameters[written]
        if not isinstance(entry, ParameterEntry) or "active_when" not in entry.model_fields_set:
            yield parameter
            continue
        span = file.at("parameters", written, "active_when")
        if isinstance(parameter.default, NoDefault):
            symbols.faults.append(_needs_default(file, written))
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
