"""A model as YAML text that loads back to the same meaning, one file, packs and overlays written out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from spacegen.errors import SpaceError
from spacegen.language.bodies import rule_of
from spacegen.language.expr import Expr, Not, Or, Ref, Scalar
from spacegen.language.model import (
    NO_DEFAULT,
    Constant,
    Derived,
    Model,
    NoDefault,
    Objective,
    Parameter,
    Preference,
    Rule,
)
from spacegen.language.plain import plain
from spacegen.language.scalars import write_scalar
from spacegen.language.syntax import MAX_LENGTH
from spacegen.language.unparse import unparse
from spacegen.language.walk import children, rebuild

__all__ = ["emit"]

# Several words of ASCII letters and signs; a colon, or a hash after a blank, would end the text.
_READS_AS_IT_STANDS: Final = re.compile(r"[A-Z_a-z]([!-9;-~]|[ ](?![ #]))*(?<! )")


def emit(model: Model) -> str:
    """The text of a space with the domains, rules and names of `model`.

    Constants keep their names, but stand as values where expressions mention them. Derived values are named
    where a space that was read mentions them. Raises SpaceError where a condition is too long to write out.
    """
    return "\n".join(_lines(model)) + "\n"


def _lines(model: Model) -> Iterator[str]:
    names = _derived_names(model)
    yield "spacegen: 1"
    yield f"name: {_block(model.name)}"
    if model.description is not None:
        yield f"description: {_block(model.description)}"
    if model.target is not None:
        server, version = write_scalar(model.target.server), _quoted(model.target.version)
        yield f"target: {{server: {server}, version: {version}}}"
    yield from _section("constants", map(_constant, model.constants))
    yield from _section("parameters", (line for p in model.parameters for line in _parameter(p, names)))
    yield from _section("derived", (_derived(d, names) for d in model.derived))
    yield from _section("rules", _rules(model, names))
    yield from _section("fixed", (f"  {_key(name)}: {_flow(value)}" for name, value in model.fixed.items()))
    yield from _section("objective", (line for o in model.objectives for line in _objective(o, names)))


def _section(name: str, lines: Iterator[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield f"{name}:"
        yield from found


def _constant(constant: Constant) -> str:
    value = None if isinstance(constant.value, NoDefault) else constant.value
    return f"  {_key(constant.name)}: {_measured(value, constant.unit)}"


def _derived_names(model: Model) -> Mapping[int, str]:
    """The derived value that each expression is. A reader puts one expression wherever it finds the name, so
    they are told by identity: comparing them in full would take too long where they stand on each other."""
    names: dict[int, str] = {}
    for derived in model.derived:
        if children(derived.expr):
            names.setdefault(id(derived.expr), derived.name)
    return names


def _named(expr: Expr, names: Mapping[int, str], *, within: str | None = None) -> Expr:
    """`expr` with names for the derived values in it, aside from `within`, whose own expression it is."""
    name = names.get(id(expr))
    if name is not None and name != within:
        return Ref(name)
    parts = children(expr)
    return rebuild(expr, tuple(_named(part, names) for part in parts)) if parts else expr


def _derived(derived: Derived, names: Mapping[int, str]) -> str:
    expr = _named(derived.expr, names, within=derived.name)
    return f"  {_key(derived.name)}: {_measured(_expression(expr), derived.unit)}"


def _measured(value: Scalar, unit: str | None) -> str:
    return _block(value) if unit is None else _flow({"value": value, "unit": unit})


def _parameter(parameter: Parameter, names: Mapping[int, str]) -> Iterator[str]:
    extras: dict[str, object] = {}
    if parameter.default is not NO_DEFAULT:
        extras["default"] = parameter.default
    if parameter.domain.ordered:
        extras["ordered"] = True
    if parameter.active_when is not None:
        extras["active_when"] = _expression(_named(parameter.active_when, names))
    for key in ("group", "description", "impact", "unit"):
        if (value := getattr(parameter, key)) is not None:
            extras[key] = value
    values = _flow(list(parameter.domain))
    if not extras:
        yield f"  {_key(parameter.name)}: {values}"
        return
    yield f"  {_key(parameter.name)}:"
    yield f"    values: {values}"
    for key, value in extras.items():
        yield f"    {key}: {_block(value)}"


def _rules(model: Model, names: Mapping[int, str]) -> Iterator[str]:
    for rule in model.rules:
        yield from _rule(rule, rule_of(_named(rule.condition, names)))
    for preference in model.preferences:
        yield from _rule(preference.rule, _preference(preference, names))


def _preference(preference: Preference, names: Mapping[int, str]) -> dict[str, object]:
    body: dict[str, object]
    match _named(preference.rule.condition, names):
        case Or((Not(test), condition)):
            body = {"when": _expression(test), "prefer": _expression(condition)}
        case condition:
            body = {"prefer": _expression(condition)}
    return body if preference.weight == 1 else body | {"weight": preference.weight}


def _objective(objective: Objective, names: Mapping[int, str]) -> Iterator[str]:
    yield f"  - {objective.direction}: {_block(_expression(_named(objective.expr, names)))}"
    for key in ("id", "unit", "because"):
        if (text := getattr(objective, key)) is not None:
            yield f"    {key}: {_block(text)}"


def _rule(rule: Rule, body: Mapping[str, object]) -> Iterator[str]:
    yield f"  - id: {_block(rule.id)}"
    for key, value in body.items():
        yield f"    {key}: {_block(value)}"
    about = {"because": rule.because, "source": rule.source, "kind": rule.kind, "versions": rule.versions}
    for key, text in about.items():
        if text is not None:
            yield f"    {key}: {_block(str(text))}"


def _expression(expr: Expr) -> str:
    text = unparse(plain(expr))
    if len(text) > MAX_LENGTH:
        raise SpaceError(f"an expression is too long to write out: over {MAX_LENGTH:,} characters")
    return text


def _key(name: str) -> str:
    return write_scalar(name)


def _quoted(text: str) -> str:
    written = write_scalar(text)
    return written if written.startswith('"') else f'"{written}"'


def _block(value: object) -> str:
    """A value after its key, without quotes where the text reads as it stands."""
    if isinstance(value, str) and " " in value and _READS_AS_IT_STANDS.fullmatch(value):
        return value
    return _flow(value)


def _flow(value: object) -> str:
    match value:
        case Mapping():
            return "{" + ", ".join(f"{_key(key)}: {_flow(part)}" for key, part in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_flow, value)) + "]"
        case None | bool() | int() | float() | str():
            return write_scalar(value)
        case _:
            raise TypeError(f"no YAML for {value!r}")
