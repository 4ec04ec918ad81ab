"""Whether some rules and fixed values can hold together: what conflicts are proved with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from math import prod
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.protocol import ANYTHING, Engine, Given
from spacegen.language.columns import Column, Mask, column, grid
from spacegen.language.evaluate import not_false
from spacegen.language.expr import Compare, Const, Ref, Scalar
from spacegen.language.model import Model, Rule
from spacegen.questions.draw import is_ranked

__all__ = ["Compile", "Together", "codes_of", "only_rules", "possible"]

Compile: TypeAlias = Callable[[Model], Engine]

_GRID: Final = 2**16
"""A rule by itself is tried over at most so many rows; past it, an engine answers."""


def possible(engine: Engine, given: Given = ANYTHING) -> bool:
    """Whether a solution agrees with `given`. Raises EngineError where the engine cannot tell."""
    if is_ranked(engine):
        return engine.count(given) > 0
    return next(iter(engine.enumerate(given, rows=1)), None) is not None


def only_rules(model: Model, rules: Sequence[Rule]) -> Model:
    """The model under these rules alone, `active_when` among them only where it is listed."""
    parameters = tuple(replace(p, active_when=None) if p.active_when else p for p in model.parameters)
    return model.replace(parameters=parameters, rules=tuple(rules))


def codes_of(model: Model, values: Mapping[str, Scalar]) -> dict[str, tuple[int, ...]]:
    """The values, each in its domain, as engines take them."""
    found: dict[str, tuple[int, ...]] = {}
    for name, value in values.items():
        code = model[name].domain.code(value)
        assert code is not None, "a fixed value lies in its domain"
        found[name] = (code,)
    return found


@dataclass(frozen=True, slots=True)
class Together:
    """Asks about any of a model's rules under any of the values, which lie in their domains."""

    model: Model
    compile_model: Compile
    values: Mapping[str, Scalar]
    scopes: Mapping[str, tuple[str, ...]]

    @staticmethod
    def of(model: Model, compile_model: Compile, values: Mapping[str, Scalar]) -> Together:
        """The questions about the rules of a model."""
        scopes = {rule.id: model.scope(rule) for rule in model.conditions}
        return Together(model, compile_model, values, scopes)

    def fixed(self, rules: Iterable[Rule]) -> tuple[str, ...]:
        """The fixed parameters that the rules mention, in order of mention."""
        mentioned = chain.from_iterable(self.scopes[rule.id] for rule in rules)
        return tuple(dict.fromkeys(name for name in mentioned if name in self.values))

    def possible(self, rules: Sequence[Rule], fixed: Sequence[str]) -> bool:
        """Whether the rules can hold together with the values of the `fixed` parameters."""
        if len(rules) == 1 and (alone := self._table(rules[0], fixed)) is not None:
            return bool(alone.any())
        return possible(self._compiled(rules, fixed))

    def _compiled(self, rules: Sequence[Rule], fixed: Sequence[str]) -> Engine:
        """The parameters of the rules under these and the values of the `fixed` ones."""
        names = {name for rule in rules for name in self.scopes[rule.id]}
        # Rules that hold a value come first: they make most of the others small.
        pins = [_pin(name, self.values[name]) for name in fixed if name in names]
        model = only_rules(self.model, [*pins, *rules])
        kept = tuple(p for p in model.parameters if p.name in names)
        return self.compile_model(model.replace(parameters=kept))

    def helpful(self, rules: Sequence[Rule], name: str) -> tuple[Scalar, ...]:
        """The values of one parameter, which the rules mention, with which they can hold, all others being as
        they are."""
        domain = self.model[name].domain
        fixed = [other for other in self.fixed(rules) if other != name]
        if len(rules) == 1 and (alone := self._table(rules[0], fixed)) is not None:
            free = tuple(other for other in self.scopes[rules[0].id] if other not in fixed)
            whole = np.broadcast_to(alone, tuple(len(self.model[other].domain) for other in free))
            rows = np.moveaxis(whole, free.index(name), 0).reshape(len(domain), -1)
            held = [bool(row.any()) for row in rows]
        else:
            engine = self._compiled(rules, fixed)
            if is_ranked(engine):
                held = [n > 0 for n in engine.marginals()[engine.model.index[name]]]
            else:
                held = [possible(engine, {name: (code,)}) for code in range(len(domain))]
        return tuple(value for value, holds in zip(domain, held, strict=True) if holds)

    def idle(self, rule: Rule, fixed: Collection[str]) -> bool:
        """Whether the rule holds with the values of the `fixed` parameters, whatever the others are; False
        also where that takes too large a table."""
        table = self._table(rule, fixed)
        return table is not None and bool(table.all())

    def _table(self, rule: Rule, fixed: Collection[str]) -> Mask | None:
        """Where one rule holds, over its parameters that are not fixed; None where that is too large."""
        names = self.scopes[rule.id]
        free = tuple(name for name in names if name not in fixed)
        if prod(len(self.model[name].domain) for name in free) > _GRID:
            return None
        columns = {name: column(self.model[name].domain.values) for name in names}
        env = {name: self._at(name, columns[name]) for name in names if name in fixed}
        return not_false(rule.condition, env | grid(free, columns))

    def _at(self, name: str, whole: Column) -> Column:
        # The whole domain decides whether its numbers are decimals.
        code: NDArray[np.intp] = np.array([self.model[name].domain.code(self.values[name])])
        return whole.take(code)


def _pin(name: str, value: Scalar) -> Rule:
    return Rule(f"pin:{name}", Compare("==", Ref(name), Const(value)), "")
