"""What a space consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from spacegen.language.expr import Scalar
from spacegen.language.model import Constant, Derived, Model, Parameter, Rule

__all__ = ["Info", "RuleInfo", "info"]


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """A rule and the parameters that it mentions, in declared order."""

    rule: Rule
    scope: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Info:
    """Everything that a space declares, as data."""

    name: str
    description: str | None
    target: str | None
    combinations: int
    parameters: tuple[Parameter, ...]
    rules: tuple[RuleInfo, ...]
    derived: tuple[Derived, ...]
    constants: tuple[Constant, ...]
    fixed: Mapping[str, Scalar]
    pinned: Mapping[str, Scalar]
    notes: tuple[str, ...]


def info(model: Model, combinations: int, pinned: Mapping[str, Scalar] = MappingProxyType({})) -> Info:
    """The declarations of a model, pins aside."""
    return Info(
        name=model.name,
        description=model.description,
        target=str(model.target) if model.target else None,
        combinations=combinations,
        parameters=model.parameters,
        rules=tuple(RuleInfo(rule, model.scope(rule)) for rule in model.rules),
        derived=model.derived,
        constants=model.constants,
        fixed=model.fixed,
        pinned=pinned,
        notes=model.notes,
    )
