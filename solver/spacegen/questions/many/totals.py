"""What verdicts on many configs come to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from spacegen.questions.many.verdicts import RuleTally, Verdicts
from spacegen.questions.why.conflict import rule_data

__all__ = ["Totals"]


@dataclass(slots=True)
class Totals:
    """Counts over all the rows so far; `unreadable` ones are not among them, `unknown` counts
    the names that nobody knows."""

    rows: int = 0
    valid: int = 0
    unreadable: int = 0
    rules: dict[str, RuleTally] = field(default_factory=dict)
    flaws: Counter[str] = field(default_factory=Counter)
    unknown: int = 0

    def add(self, verdicts: Verdicts) -> None:
        """Counts some more rows of the same space."""
        self.rows += len(verdicts)
        self.valid += verdicts.count
        for tally in verdicts.by_rule():
            before = self.rules.get(tally.rule.id, RuleTally(tally.rule, 0, 0))
            total = RuleTally(tally.rule, before.rows + tally.rows, before.alone + tally.alone)
            self.rules[tally.rule.id] = total
        for flaw in verdicts.flaws:
            self.flaws[flaw.message] += len(flaw.rows)
            self.unknown += len(flaw.rows) * (flaw.reason == "unknown")

    @property
    def invalid(self) -> int:
        """How many rows are not valid."""
        return self.rows - self.valid

    @property
    def wrong(self) -> list[tuple[str, int]]:
        """What else is wrong, and with how many rows, most first."""
        return self.flaws.most_common()

    @property
    def broken(self) -> list[RuleTally]:
        """The rules that some rows break, those that most break first."""
        found = (tally for tally in self.rules.values() if tally.rows)
        return sorted(found, key=lambda tally: -tally.rows)

    def as_dict(self) -> dict[str, Any]:
        """The counts as plain data."""
        return {
            "configs": self.rows,
            "valid": self.valid,
            "invalid": self.invalid,
            "unreadable": self.unreadable,
            "broken": [{**rule_data(t.rule), "configs": t.rows, "only": t.alone} for t in self.broken],
            "wrong": [{"message": message, "configs": n} for message, n in self.wrong],
        }
