"""Counting many spaces that differ a little: what two of them share is counted once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import TypeAlias

from spacegen.language.model import Domain, Model, Parameter, Rule
from spacegen.questions import edits
from spacegen.questions.leaving import parts
from spacegen.questions.together import Compile

__all__ = ["Domains", "Variants"]

Domains: TypeAlias = Mapping[str, Domain]
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

    def _part(self, part: Model) -> int:
        domains = tuple((p.name, p.domain) for p in part.parameters)
        key = (domains, tuple(rule.id for rule in part.rules))
        if key not in self.counts:
            self.counts[key] = self.compile(part).count() if part.rules else edits.combinations(part)
        return self.counts[key]
