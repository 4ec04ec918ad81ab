"""Assignments that show at once what would otherwise have to be proved."""

from __future__ import annotations

from collections.abc import Collection
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.protocol import Block, Engine
from spacegen.engines.verdict import keeps
from spacegen.language.columns import column, grid
from spacegen.language.evaluate import not_false
from spacegen.language.expr import Expr, IsTrue
from spacegen.language.model import Model, Rule
from spacegen.questions.draw import is_ranked

__all__ = ["breaks_nothing_else", "is_true_somewhere", "some_solutions"]

_SOLUTIONS: Final = 4096
_CELLS: Final = 2**16
_WAYS: Final = 64
"""So many ways to break a rule are tried,"""
_PLACES: Final = 64
"""each in so many solutions."""


def some_solutions(engine: Engine) -> Block:
    """Random solutions where the engine has them at hand, else none."""
    if not is_ranked(engine):
        return Block.concatenate(engine.model, [])
    return engine.sample(_SOLUTIONS, np.random.default_rng(0)).block


def is_true_somewhere(model: Model, condition: Expr, solutions: Block) -> bool:
    """Whether one of the solutions makes the condition true."""
    return bool(keeps(model, Rule("", IsTrue(condition), ""), solutions).any())


def breaks_nothing_else(model: Model, rule: Rule, twins: Collection[str], solutions: Block) -> bool:
    """Whether an assignment was found that breaks this rule, and no other but its `twins`: then the rule is
    not implied by the others. Where none was found, nothing is known."""
    names = model.scope(rule)
    domains = [model[name].domain for name in names]
    if not len(solutions) or prod(map(len, domains)) > _CELLS:
        return False
    columns = {name: column(domain.values) for name, domain in zip(names, domains, strict=True)}
    shape = tuple(map(len, domains))
    broken = np.argwhere(~np.broadcast_to(not_false(rule.condition, grid(names, columns)), shape))
    if not len(broken):
        return False
    block = _implanted(model, names, _spread(broken, _WAYS), solutions.rows(slice(_PLACES)))
    left = np.ones(len(block), np.bool_)
    touched = set(names)
    for other in model.conditions:
        if other.id not in twins and touched.intersection(model.scope(other)):
            left &= keeps(model, other, block)
    return bool(left.any())


def _spread(rows: NDArray[Any], most: int) -> NDArray[Any]:
    return rows[np.unique(np.linspace(0, len(rows) - 1, most).astype(np.intp))]


def _implanted(model: Model, names: tuple[str, ...], ways: NDArray[Any], solutions: Block) -> Block:
    """Every solution with every way to set the named parameters."""
    columns = [np.tile(codes, len(ways)) for codes in solutions.columns]
    for name, codes in zip(names, ways.T, strict=True):
        i = model.index[name]
        columns[i] = np.repeat(codes, len(solutions)).astype(columns[i].dtype)
    return Block(tuple(columns), len(solutions) * len(ways))
