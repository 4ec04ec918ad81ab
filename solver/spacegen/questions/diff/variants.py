"""Counting many spaces that differ a little: what two of them share is counted once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import TypeAlias

import numpy as np

from spacegen.engines.costs import Cost
from spacegen.engines.protocol import Engine
from spacegen.language.expr import Scalar
from spacegen.language.model import Domain, Model, Parameter, Rule
from spacegen.questions import edits
from spacegen.questions.leaving import parts
from spacegen.questions.why.together import Compile

__all__ = ["Domains", "Variants"]

Domains: TypeAlias = Mapping[str, Domain]
Counts: TypeAlias = tuple[int, ...]
_Key: TypeAlias = tuple[tuple[tuple[str, Domain], ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Variants:
    """Spaces over the same parameters, with domains and rules of their own.

    The id of a rule says all of it: no two rules that are given have the same one.
    """

    compile: Compile
    counts: dict[_Key, int] = field(default_factory=dict)

    def model(self, domains: Domains, rules: Iterable[Rule]) -> Model:
        """The space of these domains and rules."""
        return Model("variant", tuple(Parameter(name, d) for name, d in domains.items()), tuple(rules))

    def count(self, domains: Domains, rules: Iterable[Rule]) -> int:
        """The number of its solutions. Raises EngineError where the engine cannot count."""
        if not all(map(len, domains.values())):
            return 0
        return prod(map(self._part, parts(self.model(domains, rules))))

    def marginals(self, domains: Domains, rules: Iterable[Rule], names: Iterable[str]) -> dict[str, Counts]:
        """For each value of these parameters, how many solutions have it. Raises EngineError."""
        model = self.model(domains, rules)
        total, wanted = self.count(domains, model.rules), set(names)
        found: dict[str, Counts] = {}
        for part in parts(model):
            if not wanted.isdisjoint(part.index):
                elsewhere = total // self._part(part) if total else 0
                for p, counts in zip(part.parameters, self.compile(part).marginals(), strict=True):
                    found[p.name] = tuple(count * elsewhere for count in counts)
        return found

    def nearest(
        self, domains: Domains, rules: Iterable[Rule], values: Mapping[str, Scalar]
    ) -> dict[str, Scalar]:
        """The solution that shares most of these values; there must be one."""
        found: dict[str, Scalar] = {}
        for part in parts(self.model(domains, rules)):
            found |= _nearest(self.compile(part), values) if part.parameters else {}
        return {name: found[name] for name in domains}

    def _part(self, part: Model) -> int:
        domains = tuple((p.name, p.domain) for p in part.parameters)
        key = (domains, tuple(rule.id for rule in part.rules))
        if key not in self.counts:
            self.counts[key] = self.compile(part).count() if part.rules else edits.combinations(part)
        return self.counts[key]


def _nearest(engine: Engine, values: Mapping[str, Scalar]) -> dict[str, Scalar]:
    parameters = engine.model.parameters
    costs = []
    for p in parameters:
        code = p.domain.code(values[p.name]) if p.name in values else None
        if code is not None:
            costs.append(Cost((p.name,), (np.arange(len(p.domain)) != code).astype(np.int64)))
    block = engine.costed(costs).best(1).block
    return {p.name: p.domain[int(c[0])] for p, c in zip(parameters, block.columns, strict=True)}
