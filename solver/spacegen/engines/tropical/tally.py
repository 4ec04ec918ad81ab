"""How many solutions cost how much: elimination over polynomials, cut off at a limit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from math import gcd, prod
from typing import Final

import numpy as np

from spacegen.engines.bucket import Weights
from spacegen.engines.tropical.sums import CostTree

__all__ = ["tally"]

_INT64: Final = 2.0**62
_MOST: Final = 2**24
"""The most coefficients of a bucket."""


@dataclass(frozen=True, slots=True, eq=False)
class _Message:
    """For each flat index of a separator, how many ways cost 0, 1, 2, … steps more than the best."""

    ways: Weights
    most: float


def tally(tree: CostTree, extra: int) -> int | None:
    """How many solutions cost at most `extra` more than the cheapest; None where a bucket would need more
    numbers than fit."""
    if extra < 0 or tree.least >= tree.never:
        return 0
    step = _common(tree, extra)
    length = extra // step + 1
    messages: dict[int, _Message] = {}
    for variable in tree.layout.order.eliminated:
        message = _message(tree, variable, messages, step, extra)
        if message is None:
            return None
        messages[variable] = message
    roots = (messages[root].ways.astype(np.object_) for root in tree.layout.order.roots)
    one = np.array([[1] + [0] * (length - 1)], np.object_)
    return int(reduce(_times, roots, one).sum())


def _common(tree: CostTree, extra: int) -> int:
    """The greatest common divisor of all gaps that matter."""
    found = 0
    for variable in tree.layout.order.eliminated:
        gaps = tree.gap(variable)
        found = gcd(found, int(np.gcd.reduce(gaps[gaps <= extra], initial=0)))
    return found or extra + 1


def _message(
    tree: CostTree, variable: int, messages: dict[int, _Message], step: int, extra: int
) -> _Message | None:
    layout = tree.layout
    bucket, gaps, length = layout.buckets[variable], tree.gap(variable), extra // step + 1
    rows = np.flatnonzero(gaps <= extra)
    keys = prod(bucket.sizes[v] for v in bucket.separator)
    if max(len(rows), keys) * length > _MOST:
        return None
    children = layout.order.children[variable]
    below = [messages.pop(child) for child in children]
    wide = prod((m.most for m in below), start=float(len(rows))) >= _INT64
    ways: Weights = np.zeros((len(rows), length), np.object_ if wide else np.int64)
    ways[:, 0] = 1
    for child, message in zip(children, below, strict=True):
        key = bucket.flat_keys(layout.order.separator[child])[rows]
        ways = _times(ways, message.ways.astype(ways.dtype, copy=False)[key])
    shifted = (gaps[rows] // step).astype(np.intp)
    total = np.zeros((keys, length), ways.dtype)
    key = bucket.flat_keys(bucket.separator)[rows]
    for i in range(length):
        fits = shifted + i < length
        np.add.at(total, (key[fits], shifted[fits] + i), ways[fits, i])
    return _Message(total, float(total.sum(axis=1).max(initial=0)))


def _times(a: Weights, b: Weights) -> Weights:
    """The product of polynomials row by row, cut off at their length."""
    length = a.shape[1]
    product = np.zeros_like(a, shape=(max(len(a), len(b)), length))
    for i in range(length):
        product[:, i:] += a[:, i : i + 1] * b[:, : length - i]
    return product
