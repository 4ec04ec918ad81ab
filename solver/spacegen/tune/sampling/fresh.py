"""New solutions: the nearest one to a proposal that nobody has tried."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.blocks import Block, Given
from spacegen.engines.costs import Cost
from spacegen.engines.protocol import Engine
from spacegen.language.model import Model, Parameter
from spacegen.questions.near.distance import movement
from spacegen.tune.sampling.encoding import Row

__all__ = ["nearest", "rows_of"]

_TIE: Final = 2**16
"""Random costs of a value are below this; that many are told apart."""


def rows_of(block: Block) -> Iterator[Row]:
    """The rows of a block as tuples of codes."""
    if not block.columns:
        return iter([()] * len(block))
    return zip(*(column.tolist() for column in block.columns), strict=True)


def nearest(
    engine: Engine, wanted: Row, given: Given, taken: Collection[Row], rng: np.random.Generator
) -> Row | None:
    """The solution with the least changes from `wanted`, then the least movement, that is not taken; equally
    near ones fall to random costs of their values. None where all that agree with `given` are taken."""
    costed = engine.costed(_costs(engine.model, wanted, rng), given)
    # Among one more than are taken there is a new one; it nearly always is among the first few.
    size, most = 1, len(taken) + 1
    while True:
        size = min(size, most)
        found = costed.best(size).block
        fresh = next((row for row in rows_of(found) if row not in taken), None)
        if fresh is not None or size == most or len(found) < size:
            return fresh
        size *= 8


def _costs(model: Model, wanted: Row, rng: np.random.Generator) -> list[Cost]:
    """Changes before movement before random ties, as one number."""
    moved = [movement(p.domain, p.domain[code]) for p, code in zip(model.parameters, wanted, strict=True)]
    step = 1 + len(moved) * _TIE
    leap = step * (1 + sum(int(table.max()) for table in moved))
    pairs = zip(model.parameters, moved, wanted, strict=True)
    return [_cost(p, table, code, step, leap, rng) for p, table, code in pairs if len(p.domain) > 1]


def _cost(
    parameter: Parameter, moved: NDArray[np.int64], code: int, step: int, leap: int, rng: np.random.Generator
) -> Cost:
    ties = rng.integers(0, _TIE, len(moved))
    table = leap + moved * step + ties
    table[code] = 0
    return Cost((parameter.name,), table.astype(np.int64))
