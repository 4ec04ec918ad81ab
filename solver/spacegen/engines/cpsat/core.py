"""Rules and values that cannot hold together, found in one run: the assumptions that CP-SAT refutes.

They suffice for the contradiction and are mostly few, but not always the fewest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ortools.sat.python import cp_model

from spacegen.engines.clauses import split
from spacegen.engines.cpsat.parts import Part, live_values
from spacegen.engines.cpsat.patience import Patience
from spacegen.engines.cpsat.posting import Posting
from spacegen.engines.cpsat.solving import refuted
from spacegen.engines.cpsat.variables import Literal
from spacegen.engines.protocol import ANYTHING
from spacegen.language.model import Model, Rule

__all__ = ["Core", "core"]


@dataclass(frozen=True, slots=True)
class Core:
    """Ids of rules and names of parameters with given values that have no solution together."""

    rules: frozenset[str]
    fixed: frozenset[str]


def core(model: Model, given: Mapping[str, int], timeout: float | None = None) -> Core | None:
    """A core of the model's conditions and the given codes; None where they have a solution. Raises
    EngineError where CP-SAT has no constraint for a rule, or no answer in time."""
    assumed = _Assumed(model)
    rules = {rule.id: assumed.rule(rule) for rule in model.conditions}
    fixed = {name: assumed.value(name, code) for name, code in given.items()}
    found = refuted(assumed.model, [*rules.values(), *fixed.values()], Patience(timeout))
    if found is None:
        return None
    return Core(
        frozenset(id for id, variable in rules.items() if variable.index in found),
        frozenset(name for name, variable in fixed.items() if variable.index in found),
    )


class _Assumed(Posting):
    """A CpModel in which every rule and value holds only as far as it is assumed."""

    def __init__(self, model: Model) -> None:
        super().__init__(Part(model, tuple(model.index), live_values(model, ANYTHING), ()))

    def rule(self, rule: Rule) -> cp_model.IntVar:
        """The assumption that a rule holds."""
        return self._assumption([self._literal(clause, certain=False) for clause in split(rule.condition)])

    def value(self, name: str, code: int) -> cp_model.IntVar:
        """The assumption that a parameter has the value of a code."""
        mask = self.part.live[name] == code
        return self._assumption([self.member(name, mask)])

    def _assumption(self, literals: list[Literal]) -> cp_model.IntVar:
        assumed = self.model.new_bool_var("")
        for literal in literals:
            if literal is False:
                self.model.add_bool_or([]).only_enforce_if(assumed)
            elif literal is not True:
                self.model.add_implication(assumed, literal)
        return assumed
