"""Which values satisfy a move, how far a domain reaches in its direction, and which value to try first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from spacegen.diagnose.finding import Move
from spacegen.diagnose.narrowing.launched import of_domain
from spacegen.language.expr import Scalar
from spacegen.language.model import Domain, is_number, same_value

__all__ = ["as_far_as", "fits", "in_words", "is_bound", "is_endless", "nearest", "paid"]

_ENDLESS: Final = frozenset({"chunked_prefill_size"})
"""Arguments whose 0 and -1 mean that there is no limit."""
_NEAR: Final = 1e-9


def fits(move: Move, value: Scalar) -> bool:
    """Whether a value other than null satisfies a move."""
    if move.apart_from is not None and any(same_value(value, one) for one in move.apart_from):
        return False
    if move.among is not None and not any(same_value(value, one) for one in move.among):
        return False
    if move.at_least is None and move.at_most is None:
        return True
    if not is_number(value):
        return False
    size = _size(move, value)
    return (move.at_least is None or size >= move.at_least - _NEAR) and (
        move.at_most is None or size <= move.at_most + _NEAR
    )


def is_bound(move: Move) -> bool:
    """Whether a move has a lower or an upper bound."""
    return move.at_least is not None or move.at_most is not None


def as_far_as(move: Move, domain: Domain) -> Move:
    """The move; if no value of the domain satisfies it, the same move as far as the domain reaches."""
    was, least, most = move.was, move.at_least, move.at_most
    numbers = [v for v in domain if is_number(v)]
    if not is_number(was) or any(fits(move, v) for v in numbers):
        return move
    if least is not None and least > was:
        above = [v for v in numbers if v > was + _NEAR and (most is None or v <= most + _NEAR)]
        return move.model_copy(update={"at_least": max(above), "to": max(above)}) if above else move
    if most is not None and most < was:
        below = [
            v
            for v in numbers
            if v < was - _NEAR and (least is None or v >= least - _NEAR) and _size(move, v) != math.inf
        ]
        return move.model_copy(update={"at_most": min(below), "to": min(below)}) if below else move
    return move


def _size(move: Move, value: float) -> float:
    return math.inf if is_endless(move.parameter, value) else value


def is_endless(name: str, value: object) -> bool:
    """Whether a value of an argument says that there is no limit."""
    return name in _ENDLESS and is_number(value) and value <= 0


def in_words(move: Move, domain: Domain) -> Move:
    """The move with the values that it excludes spelled as in the domain."""
    if move.apart_from is None:
        return move
    return move.model_copy(update={"apart_from": tuple(of_domain(v, domain) for v in move.apart_from)})


def paid(price: Move, move: Move, taken: Scalar, cost: float) -> Move:
    """What is lowered to pay for a move, lower by its cost in proportion where the space only has a value,
    `taken`, that goes further than the proposed one. `cost` is what the proposed one takes."""
    was, to, begun, aim = price.was, price.to, move.was, move.to
    if not (is_number(was) and is_number(to) and is_number(begun) and is_number(aim) and is_number(taken)):
        return price
    if to >= was or aim == begun or (further := (taken - begun) / (aim - begun)) <= 1:
        return price
    return price.model_copy(update={"to": round(to - cost * (further - 1), 3)})


def nearest(values: Sequence[Scalar], move: Move) -> Scalar:
    """The value nearest to the one that the move would try first, else to its bound."""
    if any(same_value(value, move.to) for value in values):
        return next(value for value in values if same_value(value, move.to))
    aims = (move.to, move.at_most, move.at_least)
    aim = next(filter(is_number, aims), None)
    numbers = list(filter(is_number, values))
    return values[0] if aim is None or not numbers else min(numbers, key=lambda v: abs(v - aim))
