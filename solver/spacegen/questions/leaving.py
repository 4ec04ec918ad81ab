"""What each rule does by itself: how many solutions there are without it, and how many under it alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

from spacegen.language.model import Model, Parameter, Rule
from spacegen.questions import edits
from spacegen.questions.why.together import Compile

__all__ = ["Blocks", "Left", "leave_each_out", "parts"]


@dataclass(frozen=True, slots=True)
class Left:
    """A rule left out: `without` counts the solutions of all other rules, `alone` those of this one (of the
    combinations of all values), `total` those of all rules."""

    rule: Rule
    total: int
    without: int
    alone: int


class Blocks:
    """A model in parts that share no rule: counts multiply over them, so that a change of the rules of one
    part leaves the others as they are. Counting raises EngineError where the engine cannot count."""

    def __init__(self, model: Model, compile_model: Compile) -> None:
        self.model = model
        self._compile = compile_model
        self.parts = tuple(parts(model))
        self._part_of = {rule.id: i for i, part in enumerate(self.parts) for rule in part.rules}

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """The number of solutions of each part."""
        return tuple(map(self._count, self.parts))

    @property
    def total(self) -> int:
        """The number of solutions of the model."""
        return prod(self.counts)

    def without(self, *rules: Rule) -> int:
        """The number of solutions of all rules but these."""
        gone = {rule.id for rule in rules}
        touched = {self._part_of[id] for id in gone}
        elsewhere = prod(count for i, count in enumerate(self.counts) if i not in touched)
        if not elsewhere:
            return 0
        left = (self.parts[i] for i in touched)
        return elsewhere * prod(self._count(_without(part, gone)) for part in left)

    def alone(self, rule: Rule) -> int:
        """The number of solutions of this one rule."""
        names = set(self.model.scope(rule))
        part = _part(self.model.name, [p for p in self.model.parameters if p.name in names], [rule])
        free = prod(len(p.domain) for p in self.model.parameters if p.name not in names)
        return self._count(part) * free

    def _count(self, part: Model) -> int:
        return self._compile(part).count() if part.rules else edits.combinations(part)


def leave_each_out(model: Model, compile_model: Compile) -> Iterator[Left]:
    """Each rule of the model, `active_when` included, in turn. Raises EngineError where the engine cannot
    count."""
    blocks = Blocks(model, compile_model)
    for rule in model.conditions:
        yield Left(rule, blocks.total, blocks.without(rule), blocks.alone(rule))


def _without(part: Model, gone: set[str]) -> Model:
    return part.replace(rules=tuple(rule for rule in part.rules if rule.id not in gone))


def _part(name: str, parameters: list[Parameter], rules: list[Rule]) -> Model:
    # The rules have `active_when` among them.
    return Model(name, tuple(replace(p, active_when=None) for p in parameters), tuple(rules))


def parts(model: Model) -> Iterator[Model]:
    """The connected components of the rules' scopes; rules about no parameter are one more, without any."""
    leader = {p.name: p.name for p in model.parameters}

    def find(name: str) -> str:
        while leader[name] != name:
            leader[name] = name = leader[leader[name]]
        return name

    scopes = {rule.id: model.scope(rule) for rule in model.conditions}
    for names in scopes.values():
        for name in names[1:]:
            leader[find(name)] = find(names[0])
    parameters: dict[str | None, list[Parameter]] = {}
    rules: dict[str | None, list[Rule]] = {}
    for parameter in model.parameters:
        parameters.setdefault(find(parameter.name), []).append(parameter)
    for rule in model.conditions:
        names = scopes[rule.id]
        rules.setdefault(find(names[0]) if names else None, []).append(rule)
    for key in dict.fromkeys([*parameters, *rules]):
        yield _part(model.name, parameters.get(key, []), rules.get(key, []))
