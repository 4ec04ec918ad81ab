"""Is this config a solution, and if not, why?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice
from types import MappingProxyType
from typing import Final, TypeAlias, TypeGuard

import numpy as np

from spacegen.engines.breaches import Breaches
from spacegen.engines.protocol import Engine, Given
from spacegen.engines.relation import normalise
from spacegen.engines.verdict import Acceptor
from spacegen.errors import EngineError, TooWideError, did_you_mean
from spacegen.language.columns import Column, column
from spacegen.language.evaluate import not_false
from spacegen.language.expr import Scalar
from spacegen.language.model import Domain, Model, identity
from spacegen.questions.draw import is_ranked
from spacegen.questions.encode import encode_all
from spacegen.questions.verdict import BrokenRule, OutsideValue, UnknownKey, Verdict

__all__ = ["check", "check_all", "is_scalar", "readable", "stretched", "type_fits", "values_outside"]

Compile: TypeAlias = Callable[[Model], Engine]

_NEAR: Final = 1e-9
_BATCH: Final = 4096
_MANY: Final = 32
"""So many invalid configs are worth a table of each rule."""
_LISTED: Final = 4000
"""Engines that count by listing list so many completions of a config."""


def is_scalar(value: object) -> TypeGuard[Scalar]:
    """Whether a value is one that the space language has."""
    return value is None or isinstance(value, bool | int | float | str)


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
    outside = tuple(values_outside(model, config, settled))
    values = _readable(model, config, outside)
    broken = tuple(_broken(model, values))
    verdict = Verdict(
        config=MappingProxyType(dict(config)),
        unknown=unknown,
        outside=outside,
        broken=broken,
        missing=tuple(p.name for p in model.parameters if p.name not in config),
    )
    if broken or not all(o.type_fits for o in outside):
        return verdict
    if verdict.complete:
        return replace(verdict, completions=1)
    return _completed(verdict, stretched(model, outside), values, compile_model, None if outside else engine)


def check_all(
    model: Model,
    configs: Iterable[Mapping[str, object]],
    compile_model: Compile,
    *,
    engine: Callable[[], Engine] | None = None,
    settled: Mapping[str, Scalar] = MappingProxyType({}),
) -> Iterator[Verdict]:
    """The verdict on each config, in order; the complete ones are first tried together."""
    everything, known = iter(configs), _Together(model)
    while batch := list(islice(everything, _BATCH)):
        found = known.verdicts(batch) if len(batch) > 1 else {}
        for place, config in enumerate(batch):
            if place in found:
                yield found[place]
            else:
                yield check(model, config, compile_model, engine=engine, settled=settled)


class _Together:
    """Judges complete configs together, as `check` does one by one."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._breaches = Breaches(model)

    @cached_property
    def _acceptor(self) -> Acceptor | None:
        try:
            return Acceptor(normalise(self._model))
        except TooWideError:
            return None

    def verdicts(self, configs: Sequence[Mapping[str, object]]) -> dict[int, Verdict]:
        """The verdicts by place, where the config is complete and a solution, or one of many that are not."""
        places, block = encode_all(self._model, configs)
        if self._acceptor is None or not places:
            return {}
        good = self._acceptor.accepts(block)
        found = {
            places[i]: Verdict(MappingProxyType(dict(configs[places[i]])), completions=1)
            for i in np.flatnonzero(good).tolist()
        }
        bad = np.flatnonzero(~good)
        if len(bad) >= _MANY:
            breaks = self._breaches.of(block.rows(bad)).T
            for i, row in zip(bad.tolist(), breaks, strict=True):
                found[places[i]] = self._invalid(configs[places[i]], np.flatnonzero(row).tolist())
        return found

    def _invalid(self, config: Mapping[str, object], breaks: Iterable[int]) -> Verdict:
        broken = []
        for number in breaks:
            rule = self._breaches.rules[number].rule
            values = {name: config[name] for name in self._model.scope(rule)}
            broken.append(BrokenRule(rule, MappingProxyType(values)))  # type: ignore[arg-type]
        return Verdict(MappingProxyType(dict(config)), broken=tuple(broken))


def _completed(
    verdict: Verdict,
    model: Model,
    values: Mapping[str, Scalar],
    compile_model: Compile,
    engine: Callable[[], Engine] | None,
) -> Verdict:
    compiled = engine() if engine else compile_model(model)
    given = {name: (model[name].domain.code(value) or 0,) for name, value in values.items()}
    completions = _completions(compiled, given)
    if completions != 0:
        return replace(verdict, completions=completions, uncounted=completions is None)
    from spacegen.questions.why.conflicts import find_conflict  # what has a completion needs no reasons

    return replace(verdict, completions=0, conflict=find_conflict(model, compile_model, values))


def _completions(engine: Engine, given: Given) -> int | None:
    """How many solutions agree with `given`; None where some do, too many for an engine that lists them."""
    from spacegen.questions.why.together import possible

    if is_ranked(engine):
        return engine.count(given)
    if not possible(engine, given):
        return 0
    found = 0
    try:
        for block in engine.enumerate(given, rows=_LISTED):
            found += len(block)
            if found > _LISTED:
                return None
    except EngineError:
        return None
    return found


def readable(model: Model, verdict: Verdict) -> dict[str, Scalar]:
    """The values of a judged config that rules can be asked about."""
    return _readable(model, verdict.config, verdict.outside)


def _readable(
    model: Model, config: Mapping[str, object], outside: Iterable[OutsideValue]
) -> dict[str, Scalar]:
    foreign = {o.parameter for o in outside if not o.type_fits}
    found = [(p.name, config[p.name]) for p in model.parameters if p.name in config]
    return {name: value for name, value in found if is_scalar(value) and name not in foreign}


def values_outside(
    model: Model, config: Mapping[str, object], settled: Mapping[str, Scalar] = MappingProxyType({})
) -> list[OutsideValue]:
    """The values of a config that their domains lack."""
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
                OutsideValue(name, value, domain.values, type_fits(domain, value), _nearly(domain, value))
            )
    return found


def type_fits(domain: Domain, value: object) -> bool:
    """Whether rules can be asked about a value outside the domain: null, or of a type that it has."""
    if value is None:
        return True
    return is_scalar(value) and identity(value)[0] in {identity(v)[0] for v in domain}


def _nearly(domain: Domain, value: object) -> Scalar:
    if isinstance(value, float):
        for other in domain:
            if isinstance(other, int | float) and not isinstance(other, bool) and abs(value - other) < _NEAR:
                return other
    return None


def stretched(model: Model, outside: Sequence[OutsideValue]) -> Model:
    """The model in which the values outside the domains are allowed too."""
    values = {o.parameter: o.value for o in outside if o.type_fits and o.parameter in model.index}
    if not values:
        return model
    return model.replace(
        parameters=tuple(
            replace(p, domain=Domain((*p.domain, values[p.name]))) if p.name in values else p  # type: ignore[arg-type]
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
