"""The best solutions of a space, with what they are best by."""

from __future__ import annotations

from spacegen.engines.protocol import Engine
from spacegen.language.expr import Scalar
from spacegen.questions.best.best import Best
from spacegen.questions.edits import words
from spacegen.solutions import Solutions

__all__ = ["Optimum"]


class Optimum(Solutions):
    """The best solutions, the very best first. `is_proven` says that there are no better ones; where time
    ended the search before, none is better than `limit` by the first objective."""

    def __init__(self, engine: Engine, found: Best) -> None:
        super().__init__(engine, found.block)
        self._found = found
        self.is_proven = found.is_proven
        self.limit = found.limit

    @property
    def objectives(self) -> dict[str, tuple[Scalar, ...]]:
        """The value of each objective, row by row; None where it is unknown. What broken preferences cost is
        called `broken_weight`."""
        return {goal.id: values for goal, values in zip(self._found.goals, self._found.values, strict=True)}

    def __str__(self) -> str:
        if not self.size:
            return "no solution" if self.is_proven else "no solution found in time"
        firsts = zip(self._found.goals, self._found.values, strict=True)
        listed = ", ".join(f"{goal.id} = {_shown(values[0], goal.unit)}" for goal, values in firsts)
        if self.is_proven:
            return f"best: {listed} (proven optimal)"
        side = "at most" if self._found.goals[0].direction == "maximize" else "at least"
        return f"best found in time: {listed} (not proven: {side} {_shown(self.limit, None)} is possible)"


def _shown(value: Scalar, unit: str | None) -> str:
    """A value in words, numbers with commas and their unit."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return words(value)
    whole = isinstance(value, int) or value.is_integer()
    number = f"{int(value) if whole else value:,}"
    return f"{number} {unit}" if unit else number
