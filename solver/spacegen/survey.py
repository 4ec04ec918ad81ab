"""The questions about a space as a whole: what it holds, and in what proportions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from spacegen.compiled import Compiled
from spacegen.language.expr import Scalar
from spacegen.questions.dead import dead_values, held
from spacegen.questions.info import Info, info
from spacegen.questions.summary import Summary, of_space

__all__ = ["Survey"]


@dataclass(frozen=True, eq=False, repr=False)
class Survey(Compiled):
    """A space that says what it consists of."""

    def dead_values(self) -> dict[str, tuple[Scalar, ...]]:
        """By parameter, the values of its domain that no solution has; aside from those that are `held`."""
        found = dead_values(self.engine)
        return {name: values for name, values in found.items() if name not in self.held}

    @cached_property
    def held(self) -> frozenset[str]:
        """The parameters that somebody narrowed on purpose: by a pin, an overlay, or `where`."""
        return frozenset(self.pins) | held(self.rules)

    def marginals(self) -> dict[str, dict[Scalar, int]]:
        """For each value of each parameter, how many solutions have it."""
        counts = zip(self.parameters, self.engine.marginals(), strict=True)
        return {p.name: dict(zip(p.domain, found, strict=True)) for p, found in counts}

    def summary(self) -> Summary:
        """How often each value occurs over all solutions; made to be printed."""
        return of_space(self.engine)

    def info(self) -> Info:
        """Parameters, rules and everything else that the space declares."""
        return info(self.base, self.combinations, self.pins)
