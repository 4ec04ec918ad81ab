"""The questions about a space as a whole: what it holds, and in what proportions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from spacegen.compiled import Compiled
from spacegen.language.expr import Scalar
from spacegen.questions.dead import dead_values, held
from spacegen.questions.info import Info, info
from spacegen.questions.summary import Summary, of_space

if TYPE_CHECKING:
    from spacegen.questions.definition import Definition
    from spacegen.questions.diff.diff import Comparison
    from spacegen.questions.lint.finding import Finding
    from spacegen.questions.tally import RuleTally

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

    def by_rule(self) -> tuple[RuleTally, ...]:
        """What each rule removes of the combinations, and what only it removes, in order. Raises EngineError
        where the engine cannot count."""
        from spacegen.questions.tally import by_rule

        return tuple(by_rule(self, self._compile))

    def summary(self) -> Summary:
        """How often each value occurs over all solutions; made to be printed."""
        return of_space(self.engine)

    def diff(self, new: Definition) -> Comparison:
        """What this space and a new one have in common, and what only one of them has, in exact numbers.

        Parameters are compared under the names of the new space; one that lacks a parameter holds it at its
        default. Raises EngineError where an engine cannot count.
        """
        from spacegen.questions.diff.align import align
        from spacegen.questions.diff.diff import compare

        return compare(align(self, new))

    def info(self) -> Info:
        """Parameters, rules and everything else that the space declares."""
        return info(self.base, self.combinations, self.pins)

    def graph(self) -> str:
        """The parameters, and the rules that tie them together, as a Mermaid flowchart."""
        from spacegen.questions.graph import mermaid

        return mermaid(self.model)

    def lint(self, progress: Callable[[int, int], None] | None = None) -> tuple[Finding, ...]:
        """What is weak about the space, by file and place; `progress` is told how many rules are done, and of
        how many. Raises EngineError where the engine cannot count."""
        from spacegen.questions.lint.lint import lint

        return lint(self.model, self.engine, self._compile, self.held, progress or (lambda _done, _all: None))
