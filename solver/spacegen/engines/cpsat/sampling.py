"""Pools for the parts of a space: every solution of a small part, weighted descents for a large one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.clauses import split
from spacegen.engines.cpsat.descent import Descent
from spacegen.engines.cpsat.parts import Live, Part, live_values, prune
from spacegen.engines.cpsat.pools import Fresh, Listed, Pool
from spacegen.engines.cpsat.solving import MOST_SOLUTIONS, Rows
from spacegen.engines.protocol import ANYTHING
from spacegen.errors import EngineError, Fault
from spacegen.language.columns import column
from spacegen.language.evaluate import truth
from spacegen.language.expr import Expr
from spacegen.language.model import Model
from spacegen.language.walk import scope

__all__ = ["Balance", "note_of", "uniform_pool"]

_ENUMERATED: Final = 200_000
"""A part with at most so many solutions is enumerated."""
_TREE: Final = 400
"""A tree with at most so many nodes is grown for exact sizes."""
_WARM_UP: Final = 200
"""Descents that teach the tree its sizes, and show whether enumeration is hopeless."""
_SURPLUS: Final = 4
"""Descents made for each draw wanted."""


def uniform_pool(rows: Rows, descent: Descent, size: int, rng: np.random.Generator) -> Pool:
    """Solutions of a part for `size` uniform draws."""
    part = rows.part
    enumerable = min(max(_ENUMERATED, 2 * size), MOST_SOLUTIONS)
    if part.combinations <= enumerable or rows.are_known:
        return Listed(part.names, rows.all())
    total = descent.size(part, _TREE)
    if total is None:
        _, weights = descent.draw(part, _WARM_UP, rng)
        hopeless = weights.mean() > 4 * enumerable
        solutions = None if hopeless else rows.up_to(enumerable)
        return _weighted(part, descent, size, rng) if solutions is None else Listed(part.names, solutions)
    if total <= enumerable:
        return Listed(part.names, rows.all())
    return Fresh(part.names, lambda wanted, rng: descent.draw(part, wanted, rng)[0])


def _weighted(part: Part, descent: Descent, size: int, rng: np.random.Generator) -> Pool:
    codes, weights = descent.draw(part, max(_SURPLUS * size, _WARM_UP), rng)
    codes, weights = codes[weights > 0], weights[weights > 0]
    if not len(codes):
        raise EngineError(
            Fault(
                f"engine `cpsat` found no solution by random descent over {len(part.names)} parameters",
                hint="`--engine jointree` draws exactly, where it takes the space",
            )
        )
    shares = weights / weights.max()
    rows, place = np.unique(codes, axis=0, return_inverse=True)
    effective = float(shares.sum() ** 2 / (shares**2).sum())
    return Listed(part.names, rows, np.bincount(place.ravel(), shares), effective)


def note_of(pools: Sequence[Pool], found: int, asked: int) -> str | None:
    """What the user must know of draws from these pools."""
    notes = [
        f"{len(pool.names)} parameters that hang together have too many solutions to enumerate: drawn by "
        f"random descent with importance resampling, effective sample size {pool.effective:,.0f} of "
        f"{len(pool.rows):,}"
        for pool in pools
        if isinstance(pool, Listed) and pool.effective is not None
    ]
    if notes and found < asked:
        notes.append(f"only {found} distinct solutions turned up")
    return "; ".join(notes) or None


@dataclass(frozen=True, slots=True)
class _Conditional:
    """When a parameter is active, and how many live values it has."""

    active: Expr
    size: int


class Balance:
    """The weights of balanced draws: see `engines/balance.py`."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._conditionals = tuple(_conditionals(model))

    @property
    def scopes(self) -> list[tuple[str, ...]]:
        """Parameters that must be in one part for the weight to be a product over parts."""
        return [scope(conditional.active) for conditional in self._conditionals]

    def pool(self, solutions: Rows, descent: Descent, live: Live) -> Pool:
        """Every solution of a part with its weight."""
        part = solutions.part
        too_many = part.combinations > _ENUMERATED and (descent.size(part, _TREE) or 0) > _ENUMERATED
        rows = None if too_many else solutions.up_to(_ENUMERATED)
        if rows is None:
            raise EngineError(
                Fault(
                    f"engine `cpsat` draws balanced only from up to {_ENUMERATED:,} solutions of parameters "
                    "that hang together",
                    hint="`--engine jointree` draws balanced, where it takes the space",
                )
            )
        codes = dict(zip(part.names, rows.T, strict=True))
        weights = np.ones(len(rows), np.object_)
        for conditional in self._conditionals:
            names = scope(conditional.active)
            if not any(name in codes for name in names):
                continue
            env = {
                name: column(self._model[name].domain.values).take(codes.get(name, live[name]))
                for name in names
            }
            active, _ = truth(conditional.active, env)
            weights = weights * np.where(active, 1, conditional.size)
        return Listed(part.names, rows, _narrow(weights))


def _conditionals(model: Model) -> Iterator[_Conditional]:
    clauses = [clause for rule in model.conditions for clause in split(rule.condition)]
    pruned = prune(model, live_values(model, ANYTHING), clauses, rows=0)
    for parameter in model.parameters if pruned else ():
        assert pruned is not None
        size = len(pruned[0][parameter.name])
        if parameter.active_when is not None and size > 1:
            yield _Conditional(parameter.active_when, size)


def _narrow(weights: NDArray[Any]) -> NDArray[Any]:
    """As int64 where the total fits."""
    return weights.astype(np.int64) if sum(weights.tolist()) < 2**62 else weights
