"""How many configs of a preflight fail, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from spacegen.launch.preflight import Judgement, Outcome

__all__ = ["Cause", "Tally"]


@dataclass(slots=True)
class Cause:
    """What configs share that are not accepted as they are: how many they are, and the first of them."""

    outcome: Outcome
    words: str
    first: str
    count: int = 0


@dataclass(slots=True)
class Tally:
    """Judgements, counted as they come."""

    accepted: int = 0
    altered: int = 0
    rejected: int = 0
    _causes: dict[tuple[Outcome, str], Cause] = field(default_factory=dict)

    def add(self, label: str, judgement: Judgement) -> None:
        """Counts the judgement on the config of that name."""
        outcome = judgement.outcome
        setattr(self, outcome, getattr(self, outcome) + 1)
        for name, words in judgement.causes:
            self._causes.setdefault((outcome, name), Cause(outcome, words, label)).count += 1

    @property
    def total(self) -> int:
        """How many judgements were counted."""
        return self.accepted + self.altered + self.rejected

    @property
    def causes(self) -> list[Cause]:
        """What went wrong: rejections first, then by how many configs it concerns."""
        return sorted(self._causes.values(), key=lambda c: (c.outcome != "rejected", -c.count))

    def __str__(self) -> str:
        noun = "config" if self.total == 1 else "configs"
        good = self.accepted + self.altered
        return f"{good:,} of {self.total:,} {noun} accepted, {self.accepted:,} of them as they are written"

    def as_dict(self) -> dict[str, Any]:
        """The numbers as JSON has them."""
        causes = [
            {"outcome": c.outcome, "cause": c.words, "count": c.count, "first": c.first} for c in self.causes
        ]
        return {
            "configs": self.total,
            "accepted": self.accepted,
            "altered": self.altered,
            "rejected": self.rejected,
            "causes": causes,
        }
