"""Why a space is empty: a minimal set of rules and fixed values that cannot hold together.

Deletion-based (Bakker et al. 1993): a member stays only if the rest can hold without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeAlias

from spacegen.engines.protocol import Engine, Given
from spacegen.language.expr import Scalar
from spacegen.language.model import Model, Rule
from spacegen.questions.edits import shorten, words

__all__ = ["Conflict", "find_conflict", "rule_lines"]

Compile: TypeAlias = Callable[[Model], Engine]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Rules and values of which no one can be left out: together they have no solution."""

    rules: tuple[Rule, ...]
    values: Mapping[str, Scalar]

    def __str__(self) -> str:
        given = ", ".join(f"{name} = {words(value)}" for name, value in self.values.items())
        lines = [f"  given {given}"] if given else []
        for rule in self.rules:
            lines += rule_lines(rule)
        return "\n".join(["these cannot hold together:", *lines])


def rule_lines(rule: Rule) -> list[str]:
    """A rule in words: id, place, text and reason."""
    place = f" ({rule.span.source.name}:{rule.span.line})" if rule.span else ""
    lines = [f"  rule `{rule.id}`{place}: {shorten(rule.text)}"]
    return [*lines, f"    because {rule.because}"] if rule.because else lines


def find_conflict(
    model: Model, compile_model: Compile, fixed: Mapping[str, Scalar] | None = None
) -> Conflict | None:
    """A minimal conflict under the fixed values (each in its domain), or None where a solution exists."""
    fixed = fixed or {}
    given = {name: (_code(model, name, value),) for name, value in fixed.items()}
    if compile_model(model).count(given):
        return None
    rules = _minimal_rules(model, compile_model, given)
    engine = compile_model(only_rules(model, rules))
    kept = dict(given)
    for name in given:
        rest = {other: codes for other, codes in kept.items() if other != name}
        if not engine.count(rest):
            kept = rest
    return Conflict(tuple(rules), MappingProxyType({name: fixed[name] for name in kept}))


def _minimal_rules(model: Model, compile_model: Compile, given: Given) -> list[Rule]:
    needed: list[Rule] = list(model.conditions)
    # Late rules are the user's own (pins, `--where`): try to keep those by dropping the others first.
    for rule in model.conditions:
        rest = [other for other in needed if other is not rule]
        if not compile_model(only_rules(model, rest)).count(given):
            needed = rest
    return needed


def only_rules(model: Model, rules: Sequence[Rule]) -> Model:
    """The model under these rules alone, `active_when` among them only where it is listed."""
    parameters = tuple(replace(p, active_when=None) if p.active_when else p for p in model.parameters)
    return model.replace(parameters=parameters, rules=tuple(rules))


def _code(model: Model, name: str, value: Scalar) -> int:
    code = model[name].domain.code(value)
    assert code is not None, "a fixed value lies in its domain"
    return code
