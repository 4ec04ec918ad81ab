"""Solutions by cost: a walk down the layout in which every prefix knows the cost of its best completion.

After min-plus elimination the gaps along a complete walk add up to what a solution costs more than the
cheapest one, and a prefix can always be completed without a further gap: there are no dead ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from spacegen.engines.bucket import Codes, Weights
from spacegen.engines.tropical.sums import CostTree

__all__ = ["Prefixes", "best", "listed", "within"]

_ROOM: Final = 2**22
"""The most candidates that are looked at together."""


@dataclass(frozen=True, slots=True, eq=False)
class Prefixes:
    """Beginnings of solutions in lexicographic order: `codes` has one row a variable of the walk so far, one
    column a prefix; `extra` is what the best completion costs more than the cheapest solution."""

    codes: Codes
    extra: Weights

    def __len__(self) -> int:
        return len(self.extra)

    @property
    def level(self) -> int:
        """How many variables are decided."""
        return len(self.codes)

    def rows(self, selection: slice | Codes) -> Prefixes:
        """Some of the prefixes, in the order of the selection."""
        return Prefixes(self.codes[:, selection], self.extra[selection])


def best(tree: CostTree, n: int, walk: tuple[int, ...]) -> Prefixes:
    """The `n` cheapest assignments of the variables of `walk`, in lexicographic order; of equal costs, the
    first ones. Each variable's separator comes before it in the walk.

    Level by level the n best prefixes are kept, by (extra, place in the order). That is exact: a prefix that
    comes before another in this order has a completion that comes before all completions of the other one, as
    its extra is that of its best completion. So a prefix with n others before it has no completion among
    the n best.
    """
    found = _root(tree, n)
    for level, variable in enumerate(walk):
        kept = found.rows(slice(0))
        for part in _pieces(found, _room(tree, variable)):
            grown = _grow(tree, part, walk[: level + 1], tree.never - 1)
            kept = _cheapest(_join(kept, grown) if len(kept) else grown, n)
        found = kept
    return found


def within(tree: CostTree, extra: int, walk: tuple[int, ...], rows: int) -> Iterator[Prefixes]:
    """The assignments of the variables of `walk` that cost at most `extra` more than the cheapest, in
    lexicographic order, at most `rows` at a time; depth first, so that few wait."""
    pending = [_root(tree, 1 if extra >= 0 else 0)]
    while pending:
        found = pending.pop()
        if found.level == len(walk):
            if len(found):
                yield found
            continue
        variable = walk[found.level]
        room = _room(tree, variable)
        if len(found) > room:
            parts = _pieces(found, room)
        else:
            parts = _pieces(_grow(tree, found, walk[: found.level + 1], extra), rows)
        pending.extend(reversed(list(parts)))


def listed(tree: CostTree, extra: int, walk: tuple[int, ...], most: int) -> Prefixes | None:
    """All of them together; None where there are more than `most`."""
    found = _root(tree, 0)
    for part in within(tree, extra, walk, most + 1):
        found = part if not len(found) else _join(found, part)
        if len(found) > most:
            return None
    return found


def _root(tree: CostTree, most: int) -> Prefixes:
    possible = 1 if most and tree.least < tree.never else 0
    return Prefixes(np.empty((0, possible), np.intp), np.zeros(possible, tree.dtype))


def _room(tree: CostTree, variable: int) -> int:
    """How many prefixes are continued together."""
    return max(1, _ROOM // max(1, tree.layout.steps(variable).widest))


def _pieces(found: Prefixes, size: int) -> Iterator[Prefixes]:
    return (found.rows(slice(start, start + size)) for start in range(0, len(found), size))


def _grow(tree: CostTree, found: Prefixes, walk: tuple[int, ...], limit: int) -> Prefixes:
    """The prefixes with the last variable of `walk` added whose extra is at most `limit`."""
    variable = walk[-1]
    bucket, steps = tree.layout.buckets[variable], tree.layout.steps(variable)
    assigned = {v: found.codes[walk.index(v)] for v in bucket.separator}
    key = np.broadcast_to(bucket.key(assigned), (len(found),))
    first = steps.start[key]
    length = steps.start[key + 1] - first
    parent = np.repeat(np.arange(len(found)), length)
    step = np.arange(len(parent)) + np.repeat(first - (length.cumsum() - length), length)
    extra = found.extra[parent] + tree.gap(variable)[steps.rows[step]]
    kept = np.flatnonzero(extra <= limit)
    codes = np.concatenate([found.codes[:, parent[kept]], steps.codes[step[kept]][None]])
    return Prefixes(codes, extra[kept])


def _join(first: Prefixes, second: Prefixes) -> Prefixes:
    return Prefixes(
        np.concatenate([first.codes, second.codes], axis=1), np.concatenate([first.extra, second.extra])
    )


def _cheapest(found: Prefixes, n: int) -> Prefixes:
    """The n first prefixes by extra, still in lexicographic order."""
    if len(found) <= n:
        return found
    return found.rows(np.sort(np.argsort(found.extra, kind="stable")[:n]))
