"""The plain truth: every combination, tried one by one against the meaning of every rule."""

from __future__ import annotations

from itertools import product

import numpy as np

from spacegen.language.columns import column
from spacegen.language.evaluate import not_false
from spacegen.language.expr import Scalar
from spacegen.language.model import Model

__all__ = ["keeps_all_rules", "solutions"]


def keeps_all_rules(model: Model, assignment: tuple[Scalar, ...]) -> bool:
    """Whether a complete assignment, in declared order, breaks no rule."""
    # The whole domain decides whether its numbers are decimals.
    env = {
        p.name: column(p.domain.values).take(np.array([p.domain.code(value)]))
        for p, value in zip(model.parameters, assignment, strict=True)
    }
    return all(bool(not_false(rule.condition, env).all()) for rule in model.conditions)


def solutions(model: Model) -> list[tuple[Scalar, ...]]:
    """All solutions, in the order of `itertools.product` over the declared domains."""
    everything = product(*(p.domain.values for p in model.parameters))
    return [assignment for assignment in everything if keeps_all_rules(model, assignment)]
