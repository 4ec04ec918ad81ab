"""New solutions: random ones that nobody has tried."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Final

import numpy as np

from spacegen.engines.blocks import ANYTHING, Given
from spacegen.engines.protocol import Engine, Method
from spacegen.errors import EngineError
from spacegen.questions.draw import is_ranked
from spacegen.tune.sampling.encoding import Row
from spacegen.tune.sampling.fresh import nearest, rows_of

__all__ = ["Draws"]

_AGAIN: Final = 8
_BATCH: Final = 32


class Draws:
    """Random solutions for the trials of a study: which, depends on the seed and the number of the trial.

    An engine that cannot draw `balanced` draws uniformly.
    """

    def __init__(self, engine: Engine, method: Method, seed: int) -> None:
        self._engine, self._method, self._seed = engine, method, seed
        self._batch = lru_cache(maxsize=2)(self._drawn_batch)

    def row(self, number: int, given: Given, taken: Collection[Row], rng: np.random.Generator) -> Row | None:
        """A solution that is not taken: drawn again a few times, then the nearest one to what was drawn. None
        where all that agree with `given` are taken."""
        engine, row = self._engine, None
        if not is_ranked(engine):
            # A search engine has long preparations for each draw, which many draws share.
            batch = self._batch(number // _BATCH)
            row = batch[number % len(batch)] if batch else None
            return None if row is None else nearest(engine, row, given, taken, rng)
        for _ in range(_AGAIN):
            row = next(iter(self._drawn(1, rng, given)), None)
            if row is None or row not in taken:
                return row
        return None if row is None else nearest(engine, row, given, taken, rng)

    def _drawn_batch(self, batch: int) -> list[Row]:
        return self._drawn(_BATCH, np.random.default_rng([self._seed, batch]), ANYTHING)

    def _drawn(self, size: int, rng: np.random.Generator, given: Given) -> list[Row]:
        try:
            return list(rows_of(self._engine.sample(size, rng, method=self._method, given=given).block))
        except EngineError:
            if self._method == "uniform":
                raise
            # An engine that cannot weigh what it draws may still draw.
            self._method = "uniform"
            return self._drawn(size, rng, given)
