"""What a launch means by what it does not say: the default, which a space may have in several forms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from spacegen.language.columns import Column, column
from spacegen.language.evaluate import evaluate, not_false
from spacegen.language.expr import IsTrue
from spacegen.language.model import Model, NoDefault, Parameter, Rule
from spacegen.language.walk import scope
from spacegen.launch.configfile import unstated
from spacegen.launch.flags import owner, same
from spacegen.questions.verdict import shown
from spacegen.servers.schema import Argument, TargetSchema

__all__ = ["config_of", "put_inactive_aside", "unbroken"]


def config_of(
    given: Mapping[str, Any], model: Model, schema: TargetSchema
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The config that a launch amounts to, and notes on parameters whose default the space does not search.

    `given` has the arguments by the names of their fields; those that are no parameters stay.
    """
    owners = {p.name: field for p in model.parameters if (field := owner(schema, p.name)) is not None}
    config = unstated(given, schema, {field.name for field in owners.values()})
    forms: dict[str, list[Any]] = {}
    for name, field in owners.items():
        if field.name in config:
            value = config.pop(field.name)
            negative = field is not schema.arguments[name] and isinstance(value, bool)
            config[name] = not value if negative else value
        else:
            p = model[name]
            forms[name] = [value for value in _unsaid(p, schema.arguments[name]) if value in p.domain]
    config |= {name: values[0] for name, values in forms.items() if values}
    put_inactive_aside(config, model, [model[name] for name in forms])
    unbroken(config, model, forms)
    lost = (name for name in forms if name not in config)
    notes = (
        f"`{name}` is not given, and its default, {shown(schema.arguments[name].default)}, is not searched"
        for name in lost
    )
    return config, tuple(notes)


def _unsaid(parameter: Parameter, argument: Argument) -> Iterator[Any]:
    """The forms in which a space may have a parameter that is not given, likely ones first."""
    if parameter.default is None or same(parameter.default, argument.default):
        yield parameter.default
    yield argument.default
    yield None


def put_inactive_aside(config: dict[str, Any], model: Model, silent: Sequence[Parameter]) -> None:
    """Gives the parameters that nobody reads in a config the value that the space gives them then."""
    for _ in silent:
        env = _columns(config, model)
        aside = {p.name: p.default for p in silent if _is_inactive(p, env)}
        if aside.items() <= config.items():
            return
        config |= aside


def _is_inactive(parameter: Parameter, env: Mapping[str, Column]) -> bool:
    condition = parameter.active_when
    if condition is None or isinstance(parameter.default, NoDefault):
        return False
    return env.keys() >= set(scope(condition)) and not evaluate(IsTrue(condition), env).data.all()


def unbroken(config: dict[str, Any], model: Model, forms: Mapping[str, Sequence[Any]]) -> None:
    """Takes another of the forms that a value of a config has where that breaks fewer rules: all of them are
    one launch."""
    for name, values in forms.items():
        others = [value for value in values if not same(value, config[name])]
        if others:
            rules = [rule for rule in model.conditions if name in model.scope(rule)]
            candidates = [config, *({**config, name: value} for value in others)]
            config[name] = min(candidates, key=partial(_broken, rules=rules, model=model))[name]


def _broken(config: Mapping[str, Any], rules: Sequence[Rule], model: Model) -> int:
    env = _columns(config, model)
    asked = (rule.condition for rule in rules if env.keys() >= set(scope(rule.condition)))
    return sum(not not_false(condition, env).all() for condition in asked)


def _columns(config: Mapping[str, Any], model: Model) -> dict[str, Column]:
    """The values of the parameters; others than their domains have may be of types that no rule takes."""
    known = (p for p in model.parameters if p.name in config and config[p.name] in p.domain)
    return {p.name: column([config[p.name]]) for p in known}
