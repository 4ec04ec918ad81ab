"""What `lint` finds: one kind of weakness at one place of a space, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from spacegen.language.expr import Scalar
from spacegen.source import Span

__all__ = ["CODES", "Finding", "Severity"]


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "unreadable": "the file is no sound space",
        "unsatisfiable": "no combination of values keeps all rules",
        "dead-value": "no solution has a value of a domain",
        "frozen-parameter": "of several values only one is left",
        "never-both": "two parameters are never set in the same solution",
        "lopsided": "nearly all solutions have a value, or hardly any",
        "unmentioned-parameter": "no rule mentions a parameter",
        "bad-defaults": "the defaults of all parameters break a rule",
        "no-default": "a parameter has no default",
        "redundant-rule": "the other rules imply a rule",
        "duplicate-rule": "two rules have the same condition",
        "cannot-fail": "no combination of values breaks a rule",
        "never-applies": "the condition that a rule waits for is never true",
        "about-nothing": "a rule, a preference or an objective mentions no parameter",
        "outside-domain": "a rule compares a parameter with a value that it cannot have",
        "no-reason": "a rule does not say why",
        "reserved-id": "the id of a rule has a form that pins and restrictions have",
        "unused-name": "nothing uses a constant or a derived value",
        "odd-scalar": "a value may not mean what it looks like",
    }
)
"""Every code that a finding may have, and what it says."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that `lint` found. `parameters`, `values` and `rules` are those that it is about. Where the
    finding is about a rule, that one comes first, and those that are its reason follow: a smallest set that
    suffices. `pack` is that of the rule, where it comes from one."""

    code: str
    severity: Severity
    message: str
    span: Span | None = None
    hint: str | None = None
    parameters: tuple[str, ...] = ()
    values: tuple[Scalar, ...] = ()
    rules: tuple[str, ...] = ()
    pack: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The finding as plain data."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "message": self.message,
            "file": self.span.source.name if self.span else None,
            "line": self.span.line if self.span else None,
            "column": self.span.column if self.span else None,
            "hint": self.hint,
            "parameters": list(self.parameters),
            "values": list(self.values),
            "rules": list(self.rules),
            "pack": self.pack,
        }

    def __str__(self) -> str:
        place = f"{self.span}: " if self.span else ""
        text = f"{place}{self.severity.value}: {self.message} [{self.code}]"
        return f"{text}\n  hint: {self.hint}" if self.hint else text
