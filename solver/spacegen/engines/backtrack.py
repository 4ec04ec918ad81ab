"""The engine on python-constraint2: plain backtracking, the independent third opinion on small spaces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from math import prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.balance import balance_weights
from spacegen.engines.canonical import canonical_order
from spacegen.engines.costs import Cost, Costed
from spacegen.engines.distinct import below
from spacegen.engines.listed import Listed
from spacegen.engines.protocol import ANYTHING, Block, Draw, Given, Method, code_dtype
from spacegen.engines.relation import normalise
from spacegen.errors import EmptySpaceError, EngineError, Fault, TooWideError
from spacegen.language.columns import Column, column
from spacegen.language.evaluate import not_false
from spacegen.language.expr import Expr
from spacegen.language.model import Model
from spacegen.language.walk import scope

__all__ = ["Backtrack"]

_MOST: Final = 10**6
"""The largest product of domain sizes that is searched."""


class Backtrack:
    """A space as a python-constraint2 problem over codes. Every answer enumerates all solutions."""

    name = "backtrack"

    def __init__(self, model: Model) -> None:
        self.model = model
        self.notes: tuple[str, ...] = ()
        self._last: tuple[dict[str, tuple[int, ...]], NDArray[np.intp]] | None = None

    @cached_property
    def _order(self) -> list[int]:
        """The parameters in canonical order; as declared where their rules cannot be tabulated."""
        everything = range(len(self.model.parameters))
        try:
            preorder = canonical_order(normalise(self.model)).preorder
        except TooWideError:
            return list(everything)
        return [v for v in preorder if v in everything]

    def _solutions(self, given: Given) -> NDArray[np.intp]:
        """All solutions in canonical order, one column a parameter."""
        codes = {
            p.name: tuple(sorted(given.get(p.name, range(len(p.domain))))) for p in self.model.parameters
        }
        if self._last is None or self._last[0] != codes:
            rows = _search(self.model, codes)
            keys = [rows[:, i] for i in reversed(self._order)]
            self._last = codes, rows[np.lexsort(keys)] if keys else rows
        return self._last[1]

    def _block(self, rows: NDArray[np.intp]) -> Block:
        columns = zip(self.model.parameters, rows.T, strict=True)
        return Block(tuple(column.astype(code_dtype(p.domain)) for p, column in columns), len(rows))

    def count(self, given: Given = ANYTHING) -> int:
        return len(self._solutions(given))

    def enumerate(self, given: Given = ANYTHING, *, rows: int = 65536) -> Iterator[Block]:
        solutions = self._solutions(given)
        for start in range(0, len(solutions), rows):
            yield self._block(solutions[start : start + rows])

    def marginals(self, given: Given = ANYTHING) -> tuple[tuple[int, ...], ...]:
        columns = zip(self.model.parameters, self._solutions(given).T, strict=True)
        return tuple(tuple(np.bincount(codes, minlength=len(p.domain)).tolist()) for p, codes in columns)

    def sample(
        self,
        size: int,
        rng: np.random.Generator,
        *,
        method: Method = "uniform",
        replace: bool = False,
        given: Given = ANYTHING,
    ) -> Draw:
        solutions = self._solutions(given)
        if replace and size and not len(solutions):
            raise EmptySpaceError("there is nothing to draw from")
        if method == "balanced" and len(solutions):
            weights = balance_weights(normalise(self.model), self._block(solutions))
            if replace:
                ends = np.cumsum(weights)
                picked = ends.searchsorted(below(int(ends[-1]), size, rng), side="right")
            else:
                # Draws without replacement: the smallest clocks come first (Efraimidis and Spirakis).
                clocks = rng.exponential(size=len(solutions)) / weights.astype(np.float64)
                picked = np.argsort(clocks, kind="stable")[:size]
        elif replace:
            picked = rng.integers(0, max(len(solutions), 1), size)
        else:
            picked = rng.permutation(len(solutions))[:size]
        return Draw(self._block(solutions[picked]))

    def costed(self, costs: Sequence[Cost], given: Given = ANYTHING) -> Costed:
        return Listed(self, costs, given)


def _search(model: Model, codes: dict[str, tuple[int, ...]]) -> NDArray[np.intp]:
    """The solutions with these codes, in the order in which they are met."""
    combinations = prod(map(len, codes.values()))
    if combinations > _MOST:
        raise EngineError(
            Fault(
                f"engine `backtrack` takes at most {_MOST:,} combinations, these are {combinations:,}",
                hint="`--engine jointree` takes spaces of any size",
            )
        )
    nothing = np.empty((0, len(codes)), np.intp)
    constant = [rule.condition for rule in model.conditions if not scope(rule.condition)]
    # The library has no answer for empty domains, and says that no variables have no solution.
    if not combinations or not all(not_false(condition, {}) for condition in constant):
        return nothing
    if not codes:
        return np.empty((1, 0), np.intp)
    from constraint import OptimizedBacktrackingSolver, Problem

    problem = Problem(OptimizedBacktrackingSolver())
    for name, allowed in codes.items():
        problem.addVariable(name, range(len(allowed)))
    columns = {name: column(model[name].domain.values).take(np.array(codes[name])) for name in codes}
    for rule in model.conditions:
        names = scope(rule.condition)
        if names:
            problem.addConstraint(_keeps(rule.condition, names, columns), names)
    found = problem.getSolutions()
    rows = [[codes[name][solution[name]] for name in codes] for solution in found]
    return np.array(rows, np.intp).reshape(-1, len(codes))


def _keeps(condition: Expr, names: tuple[str, ...], columns: Mapping[str, Column]) -> Callable[..., bool]:
    """A rule as a function of positions in the columns, looked up in its truth table."""
    axes = np.ix_(*(np.arange(len(columns[name].data)) for name in names))
    env = {name: columns[name].take(axis) for name, axis in zip(names, axes, strict=True)}
    table = np.broadcast_to(not_false(condition, env), np.broadcast_shapes(*(a.shape for a in axes)))
    return lambda *row: bool(table[row])
