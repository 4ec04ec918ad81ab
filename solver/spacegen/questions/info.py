"""What a space consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from spacegen.language.expr import Scalar
from spacegen.language.model import (
    Constant,
    Derived,
    Domain,
    Model,
    NoDefault,
    Objective,
    Parameter,
    Preference,
    Rule,
)
from spacegen.language.unparse import unparse
from spacegen.language.walk import scope
from spacegen.questions.edits import words

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
    objectives: tuple[Objective, ...]
    preferences: tuple[Preference, ...]
    pinned: Mapping[str, Scalar]
    notes: tuple[str, ...]

    def parameter_rows(self) -> list[tuple[str, str, str, str, str, str]]:
        """Name, values, default, group, impact and condition of each parameter, as words."""
        return [
            (
                p.name,
                abridged(p.domain),
                "" if isinstance(p.default, NoDefault) else words(p.default),
                p.group or "",
                p.impact or "",
                "" if p.active_when is None else unparse(p.active_when),
            )
            for p in self.parameters
        ]

    def rule_rows(self) -> list[tuple[str, str, str, str]]:
        """Id, kind, scope and reason of each rule, as words."""
        return [
            (r.rule.id, r.rule.kind or "", ", ".join(r.scope), r.rule.because or r.rule.text)
            for r in self.rules
        ]

    def objective_rows(self) -> list[tuple[str, str, str, str]]:
        """Id, direction, expression and reason of each objective, as words."""
        return [(o.id, o.direction, o.text, o.because or "") for o in self.objectives]

    def preference_rows(self) -> list[tuple[str, str, str, str]]:
        """Id, weight, expression and reason of each preference, as words."""
        return [(p.id, f"{p.weight:,}", p.rule.text, p.rule.because or "") for p in self.preferences]

    def _preferences(self) -> list[tuple[RuleInfo, Preference]]:
        order = {p.name: i for i, p in enumerate(self.parameters)}
        found = []
        for p in self.preferences:
            names = sorted(scope(p.rule.condition), key=lambda name: order[name])
            found.append((RuleInfo(p.rule, tuple(names)), p))
        return found

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "name": self.name,
            "description": self.description,
            "target": self.target,
            "combinations": self.combinations,
            "parameters": [_parameter(p) for p in self.parameters],
            "rules": [_rule(r) for r in self.rules],
            "derived": {d.name: d.text for d in self.derived},
            "constants": {c.name: _known(c.value) for c in self.constants},
            "fixed": dict(self.fixed),
            "objectives": [_objective(o) for o in self.objectives],
            "preferences": [_rule(r) | {"weight": p.weight} for r, p in self._preferences()],
            "pinned": dict(self.pinned),
            "notes": list(self.notes),
        }


def abridged(domain: Domain, most: int = 12) -> str:
    """The values of a domain; of many, the first and the last and how many there are."""
    values = [words(value) for value in domain]
    if len(values) <= most:
        return ", ".join(values)
    return f"{', '.join(values[: most - 5])}, … {', '.join(values[-2:])} ({len(values)} values)"


def _known(value: Scalar | NoDefault) -> Scalar:
    return None if isinstance(value, NoDefault) else value


def _parameter(p: Parameter) -> dict[str, Any]:
    found: dict[str, Any] = {"name": p.name, "values": list(p.domain)}
    if not isinstance(p.default, NoDefault):
        found["default"] = p.default
    if p.active_when is not None:
        found["active_when"] = unparse(p.active_when)
    optional = {"group": p.group, "description": p.description, "impact": p.impact, "unit": p.unit}
    return found | {key: value for key, value in optional.items() if value is not None}


def _objective(o: Objective) -> dict[str, Any]:
    found: dict[str, Any] = {"id": o.id, o.direction: o.text}
    optional = {"unit": o.unit, "because": o.because}
    return found | {key: value for key, value in optional.items() if value is not None}


def _rule(r: RuleInfo) -> dict[str, Any]:
    rule = r.rule
    optional = {
        "kind": rule.kind,
        "because": rule.because,
        "source": rule.source,
        "versions": rule.versions,
        "pack": rule.pack,
        "place": rule.place,
    }
    found: dict[str, Any] = {"id": rule.id, "text": rule.text, "scope": list(r.scope)}
    return found | {key: value for key, value in optional.items() if value is not None}


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
        objectives=model.objectives,
        preferences=model.preferences,
        pinned=pinned,
        notes=model.notes,
    )
