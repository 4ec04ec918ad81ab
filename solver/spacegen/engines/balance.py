"""Balanced weights: a solution weighs as much as all that its inactive parameters leave undecided.

weight(s) = product, over the conditional parameters that are inactive in s, of how many live values the
parameter has. A switch's off side then weighs about as much as all its children together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.bucket import Factor
from spacegen.engines.protocol import Block
from spacegen.engines.relation import NormalForm
from spacegen.language.columns import column, grid
from spacegen.language.evaluate import truth
from spacegen.language.expr import Expr
from spacegen.language.walk import scope

__all__ = ["balance_factors", "balance_weights"]


def _conditional(form: NormalForm) -> Iterator[tuple[Expr, int]]:
    """Each activity condition with the number of live values of its parameter, where that matters."""
    for parameter, size in zip(form.model.parameters, form.sizes, strict=False):
        if parameter.active_when is not None and size > 1:
            yield parameter.active_when, size


def balance_factors(form: NormalForm) -> tuple[Factor, ...]:
    """The weights as factors over the normal form's live values, one a conditional parameter."""
    factors = []
    for active, size in _conditional(form):
        names = sorted(scope(active), key=form.variable)
        free = tuple(name for name in names if len(form.chain.columns[name].data) > 1)
        if not free:
            continue  # the parameter is active everywhere: an inactive one would have a single live value
        env = {name: form.chain.columns[name].reshape(()) for name in names if name not in free}
        yes, _ = truth(active, env | grid(free, form.chain.columns))
        shape = tuple(len(form.chain.columns[name].data) for name in free)
        weights = np.broadcast_to(np.where(yes, 1, size), shape)
        factors.append(Factor(tuple(map(form.variable, free)), weights))
    return tuple(factors)


def balance_weights(form: NormalForm, block: Block) -> NDArray[Any]:
    """The weight of each row, shape (length,): int64, or Python ints where they need it."""
    model = form.model
    conditional = list(_conditional(form))
    exact = float(np.prod([float(size) for _, size in conditional])) < 2.0**62
    weights = np.ones(len(block), np.int64 if exact else np.object_)
    for active, size in conditional:
        env = {
            name: column(model[name].domain.values).take(block.columns[model.index[name]])
            for name in scope(active)
        }
        yes, _ = truth(active, env)
        weights = weights * np.where(yes, 1, size)
    return weights
