"""How many solutions, of how many combinations."""

from __future__ import annotations

from dataclasses import dataclass

from spacegen.engines.protocol import Engine

__all__ = ["Count", "count"]


@dataclass(frozen=True, slots=True)
class Count:
    """Solutions and combinations of values, both exact."""

    solutions: int
    combinations: int

    @property
    def share(self) -> float:
        """The part of the combinations that the rules keep (0 where there are none)."""
        return self.solutions / self.combinations if self.combinations else 0.0


def count(engine: Engine, combinations: int) -> Count:
    """The exact model count beside the size of the product of the domains."""
    return Count(engine.count(), combinations)
