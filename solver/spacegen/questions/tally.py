"""What each rule removes: by itself, and beyond what the others do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from spacegen.language.model import Domain, Model, Rule
from spacegen.questions.definition import Definition
from spacegen.questions.leaving import leave_each_out
from spacegen.questions.why.together import Compile

__all__ = ["RuleTally", "by_rule"]


@dataclass(frozen=True, slots=True)
class RuleTally:
    """Of all `combinations`, `removes` break the rule; of the `without` ones that keep every other rule,
    `only_it` do."""

    rule: Rule
    combinations: int
    removes: int
    without: int
    only_it: int

    @property
    def share(self) -> float:
        """The part of the combinations that the rule removes."""
        return self.removes / self.combinations if self.combinations else 0.0

    @property
    def only_share(self) -> float:
        """The part of what the other rules keep that this one removes."""
        return self.only_it / self.without if self.without else 0.0

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "rule": self.rule.id,
            "removes": self.removes,
            "share": self.share,
            "only_it": self.only_it,
            "only_share": self.only_share,
        }


def by_rule(space: Definition, compile_model: Compile) -> Iterator[RuleTally]:
    """Each rule of a space, `active_when` included, in order. Raises EngineError where the engine cannot
    count."""
    combinations = space.combinations
    for left in leave_each_out(_within_pins(space), compile_model):
        removes, only_it = combinations - left.alone, left.without - left.total
        yield RuleTally(left.rule, combinations, removes, left.without, only_it)


def _within_pins(space: Definition) -> Model:
    """The model with one value for each pinned parameter, and no rule that says so."""
    pinned = {name: Domain((value,)) for name, value in space.pins.items()}
    parameters = (replace(p, domain=pinned.get(p.name, p.domain)) for p in space.parameters)
    return space.base.replace(parameters=tuple(parameters))
