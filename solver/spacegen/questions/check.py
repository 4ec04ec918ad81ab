"""Is this config a solution, and if not, why?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TypeAlias, TypeGuard

from spacegen.engines.protocol import Engine
from spacegen.errors import did_you_mean
from spacegen.language.columns import Column, column
from spacegen.language.evaluate import not_false
from spacegen.language.expr import Scalar
from spacegen.language.model import Domain, Model, Rule, identity
from spacegen.questions.conflict import Conflict, find_conflict

__all__ = ["BrokenRule", "OutsideValue", "UnknownKey", "Verdict", "check"]

Compile: TypeAlias = Callable[[Model], Engine]

_NEAR = 1e-9


def is_scalar(value: object) -> TypeGuard[Scalar]:
    """Whether a value is one that the space language has."""
    return value is None or isinstance(value, bool | int | float | str)


@dataclass(frozen=True, slots=True)
class UnknownKey:
    """A key that is no parameter of the space."""

    name: str
    hint: str | None


@dataclass(frozen=True, slots=True)
class OutsideValue:
    """A value that the space does not search; `type_fits` says that rules can be asked about it all the
    same, `nearly` is a value of the domain that it misses by a rounding error."""

    parameter: str
    value: object
    allowed: tuple[Scalar, ...]
    type_fits: bool
    nearly: Scalar = None


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule that is false for the config, and the values that make it so."""

    rule: Rule
    values: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a config; `completions` counts the solutions that agree with it, with its values
    outside the domains taken as they are (None where a rule or a type already says no)."""

    config: Mapping[str, object]
    unknown: tuple[UnknownKey, ...] = ()
    outside: tuple[OutsideValue, ...] = ()
    broken: tuple[BrokenRule, ...] = ()
    missing: tuple[str, ...] = ()
    completions: int | None = None
    conflict: Conflict | None = field(default=None, compare=False)

    @property
    def complete(self) -> bool:
        """Whether the config names every parameter."""
        return not self.missing

    @property
    def valid(self) -> bool:
        """Whether the config is a solution, or a part of one."""
        return not (self.unknown or self.outside or self.broken) and self.completions != 0

    def __bool__(self) -> bool:
        return self.valid


def check(
    model: Model,
    config: Mapping[str, object],
    compile_model: Compile,
    *,
    engine: Callable[[], Engine] | None = None,
    settled: Mapping[str, Scalar] = MappingProxyType({}),
) -> Verdict:
    """The verdict on a config; a parameter that it does not name is free.

    `settled` has the values of names that are not searched (fixed or dropped); derived values and `rank`
    may stand in a config too and say nothing. `engine` gives the compiled `model` where it is at hand.
    """
    silent = {"rank", *(d.name for d in model.derived)}
    unknown = tuple(
        UnknownKey(name, did_you_mean(name, [*model.index, *settled]))
        for name in config
        if name not in model.index and name not in settled and name not in silent
    )
    outside = tuple(_outside(model, config, settled))
    unreadable = {o.parameter for o in outside if not o.type_fits}
    values = {name: value for name, value in _scalars(model, config) if name not in unreadable}
    broken = tuple(_broken(model, values))
    verdict = Verdict(
        config=MappingProxyType(dict(config)),
        unknown=unknown,
        outside=outside,
        broken=broken,
        missing=tuple(p.name for p in model.parameters if p.name not in config),
    )
    if broken or unreadable:
        return verdict
    if verdict.complete:
        return replace(verdict, completions=1)
    return _completed(verdict, _stretched(model, outside), values, compile_model, None if outside else engine)


def _completed(
    verdict: Verdict,
    model: Model,
    values: Mapping[str, Scalar],
    compile_model: Compile,
    engine: Callable[[], Engine] | None,
) -> Verdict:
    compiled = engine() if engine else compile_model(model)
    given = {name: (model[name].domain.code(value) or 0,) for name, value in values.items()}
    completions = compiled.count(given)
    conflict = None if completions else find_conflict(model, compile_model, values)
    return replace(verdict, completions=completions, conflict=conflict)


def _scalars(model: Model, config: Mapping[str, object]) -> list[tuple[str, Scalar]]:
    found = [(p.name, config[p.name]) for p in model.parameters if p.name in config]
    return [(name, value) for name, value in found if is_scalar(value)]


def _outside(model: Model, config: Mapping[str, object], settled: Mapping[str, Scalar]) -> list[OutsideValue]:
    found = []
    for name, value in config.items():
        if name in settled:
            domain = Domain((settled[name],))
        elif name in model.index:
            domain = model[name].domain
        else:
            continue
        if value not in domain:
            found.append(
                OutsideValue(name, value, domain.values, _type_fits(domain, value), _nearly(domain, value))
            )
    return found


def _type_fits(domain: Domain, value: object) -> bool:
    if value is None:
        return True
    return is_scalar(value) and identity(value)[0] in {identity(v)[0] for v in domain}


def _nearly(domain: Domain, value: object) -> Scalar:
    if isinstance(value, float):
        for other in domain:
            if isinstance(other, int | float) and not isinstance(other, bool) and abs(value - other) < _NEAR:
                return other
    return None


def _stretched(model: Model, outside: tuple[OutsideValue, ...]) -> Model:
    """The model in which the values outside the domains are allowed, and nothing else there."""
    values = {o.parameter: o.value for o in outside if o.parameter in model.index}
    return model.replace(
        parameters=tuple(
            replace(p, domain=Domain((values[p.name],))) if p.name in values else p  # type: ignore[arg-type]
            for p in model.parameters
        )
    )


def _broken(model: Model, values: Mapping[str, Scalar]) -> list[BrokenRule]:
    env: dict[str, Column] = {name: column([value]) for name, value in values.items()}
    found = []
    for rule in model.conditions:
        scope = model.scope(rule)
        if env.keys() >= set(scope) and not bool(not_false(rule.condition, env).all()):
            found.append(BrokenRule(rule, MappingProxyType({name: values[name] for name in scope})))
    return found
