"""A minimal set of rules and fixed values that cannot hold together: the noun, and its words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spacegen.language.expr import Scalar
from spacegen.language.model import Kind, Rule
from spacegen.questions.edits import shorten, words

__all__ = ["Conflict", "is_hint", "is_own", "rule_data", "rule_lines"]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Rules and values of which no one can be left out: together they have no solution."""

    rules: tuple[Rule, ...]
    values: Mapping[str, Scalar]

    @property
    def urgency(self) -> int:
        """0 where it is about what the user asked for, 2 where one of its rules is but a hint, else 1."""
        if any(map(is_own, self.rules)):
            return 0
        return 2 if any(map(is_hint, self.rules)) else 1

    def as_dict(self) -> dict[str, Any]:
        """The conflict as plain data."""
        rules = list(map(rule_data, self.rules))
        return {"rules": rules, "values": dict(self.values)}

    def __str__(self) -> str:
        given = ", ".join(f"{name} = {words(value)}" for name, value in self.values.items())
        lines = [f"  given {given}"] if given else []
        for rule in self.rules:
            lines += rule_lines(rule)
        return "\n".join(["these cannot hold together:", *lines])


def is_own(rule: Rule) -> bool:
    """Whether the rule is what the user asks of the space: a pin, `where`, or an overlay's restriction."""
    return rule.id.startswith(("pin:", "where-", "restrict:"))


def is_hint(rule: Rule) -> bool:
    """Whether the rule is only advice."""
    return rule.kind is Kind.HEURISTIC


def rule_data(rule: Rule) -> dict[str, Any]:
    """What is told of a rule as plain data."""
    return {"rule": rule.id, "place": rule.place, "text": rule.text, "because": rule.because}


def rule_lines(rule: Rule) -> list[str]:
    """A rule in words: id, place, text and reason."""
    where = f" ({rule.place})" if rule.span else ""
    lines = [f"  rule `{rule.id}`{where}: {shorten(rule.text)}"]
    return [*lines, f"    because {rule.because}"] if rule.because else lines
