"""Whether some rules and fixed values can hold together: what conflicts are proved with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
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
from spacegen.language.model import Model, Rule, same_value
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
        names = {name for rule in rules for name in self.scopes[rule.id]}
        # Rules that hold a value come first: they make most of the others small.
        pins = [_pin(name, self.values[name]) for name in fixed if name in names]
        model = only_rules(self.model, [*pins, *rules])
        kept = tuple(p for p in model.parameters if p.name in names)
        return possible(self.compile_model(model.replace(parameters=kept)))

    def ends(self, rules: Sequence[Rule], names: Iterable[str]) -> Iterator[tuple[str, Scalar]]:
        """The changes of one of these values after which the rules can hold, all others being as they are."""
        fixed = self.fixed(rules)
        for name in names:
            for value in self.model[name].domain:
                changed = replace(self, values={**self.values, name: value})
                if not same_value(value, self.values[name]) and changed.possible(rules, fixed):
                    yield name, value

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
