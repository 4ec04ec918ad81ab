"""Elimination orders for counting and drawing: any order gives the same answers, so the best of several is
taken. Ranks never go by these (they follow the canonical order)."""

from __future__ import annotations

from collections.abc import Iterable
from math import log
from random import Random
from typing import Final

from spacegen.engines.canonical import Elimination, Order, canonical_order
from spacegen.engines.relation import NormalForm

__all__ = ["best_order", "order_along"]

_EASY: Final = 2**16
"""A widest cluster of so many rows takes a millisecond: not worth another try."""
_HARD: Final = 2**24
_FEW, _MANY = 8, 64


class _Noisy(Elimination):
    """Greedy minimum weight with the weights blurred, which tries other choices among the good ones."""

    def __init__(self, form: NormalForm, extra: Iterable[tuple[int, ...]], chance: Random) -> None:
        super().__init__(form, extra)
        self.chance = chance

    def cost(self, variable: int) -> float:
        return log(self.rows(variable)) * (1 + 0.2 * self.chance.random())


class _Along(Elimination):
    """Variables leave in a given order."""

    def __init__(self, form: NormalForm, extra: Iterable[tuple[int, ...]], walk: tuple[int, ...]) -> None:
        super().__init__(form, extra)
        self.turn = {variable: float(i) for i, variable in enumerate(reversed(walk))}

    def cost(self, variable: int) -> float:
        return self.turn[variable]


def order_along(form: NormalForm, walk: tuple[int, ...], extra: Iterable[tuple[int, ...]] = ()) -> Order:
    """The order that eliminates the last variable of `walk` first: each variable's separator then comes
    before it in the walk. `extra` scopes are kept within one cluster each."""
    return _Along(form, extra, walk).run()


def best_order(form: NormalForm, extra: Iterable[tuple[int, ...]] = ()) -> Order:
    """The order with the smallest widest cluster among the canonical one and a few others; deterministic."""
    scopes = tuple(extra)
    best = canonical_order(form, scopes)
    chance = Random(0)  # noqa: S311 - a choice among equals, not a secret
    for attempt in range(_MANY):
        if best.largest <= _EASY or (attempt >= _FEW and best.largest <= _HARD):
            break
        other = _Noisy(form, scopes, chance).run()
        if other.largest < best.largest:
            best = other
    return best
