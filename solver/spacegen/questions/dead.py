"""Values that a domain offers and no solution has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spacegen.engines.protocol import Engine
from spacegen.language.expr import Scalar
from spacegen.language.model import Rule
from spacegen.language.walk import scope
from spacegen.questions.edits import words

__all__ = ["dead_values", "held", "in_words", "narrows"]


def dead_values(engine: Engine) -> dict[str, tuple[Scalar, ...]]:
    """By parameter, the values that no solution has; only parameters that have such values. Raises
    EngineError where the engine cannot count."""
    found = {
        parameter.name: tuple(value for value, n in zip(parameter.domain, counts, strict=True) if n == 0)
        for parameter, counts in zip(engine.model.parameters, engine.marginals(), strict=True)
    }
    return {name: values for name, values in found.items() if values}


def narrows(rule: Rule) -> str | None:
    """The parameter that a rule of an overlay pins or restricts; None for other rules."""
    section, _, name = rule.id.partition(":")
    return name if section in ("pin", "restrict") else None


def held(rules: Iterable[Rule]) -> frozenset[str]:
    """The parameters that somebody narrowed on purpose: by an overlay, or by a condition on them alone."""
    asked = (scope(rule.condition) for rule in rules if rule.id.startswith("where-"))
    alone = (names[0] for names in asked if len(names) == 1)
    return frozenset([*(name for rule in rules if (name := narrows(rule))), *alone])


def in_words(dead: Mapping[str, tuple[Scalar, ...]]) -> str:
    """The values as people are told of them."""
    return "; ".join(f"`{name}` {', '.join(map(words, values))}" for name, values in dead.items())
