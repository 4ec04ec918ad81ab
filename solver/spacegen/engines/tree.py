"""One block's join tree with its weights: totals, ranks, marginals, conditioning (Dechter 1999; the two
passes of messages are Shafer and Shenoy's)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.bucket import Bucket, Codes, Entries, Factor, Weights, divide, make_bucket
from spacegen.engines.canonical import Order
from spacegen.engines.relation import NormalForm

__all__ = ["LiveMasks", "Tree", "buckets", "grow", "plant"]

LiveMasks: TypeAlias = Mapping[int, NDArray[np.bool_]]
"""Variable to a mask of its live values."""


@dataclass(frozen=True, slots=True, eq=False)
class _Node:
    """A bucket with its weighted rows and the message made of them."""

    bucket: Bucket
    weights: Weights
    message: Weights
    most: float


@dataclass(frozen=True, eq=False)
class Tree:
    """The weighted join tree of one block. `preorder` lists its variables root first; assignments are
    mappings from variable to live codes, shape (n,); ranks are int64, or Python ints where the total
    needs them."""

    preorder: tuple[int, ...]
    children: Mapping[int, tuple[int, ...]]
    nodes: Mapping[int, _Node]
    weighted: bool

    @cached_property
    def total(self) -> int:
        """The weight of all solutions of the block: their number, if nothing is weighted."""
        return int(self.nodes[self.preorder[0]].message)

    @cached_property
    def _entries(self) -> dict[int, Entries]:
        return {}

    def _rows_of(self, variable: int) -> Entries:
        if variable not in self._entries:
            node = self.nodes[variable]
            self._entries[variable] = node.bucket.entries(node.weights)
        return self._entries[variable]

    def _share(self, variable: int, assigned: Mapping[int, Codes]) -> Weights:
        """The weight below `variable`, given its separator's codes."""
        node = self.nodes[variable]
        return node.message.reshape(-1)[node.bucket.key(assigned)]

    def unrank(self, ranks: NDArray[Any]) -> dict[int, Codes]:
        """The assignments with these ranks in the block's canonical order."""
        assigned: dict[int, Codes] = {}
        rest: dict[int, Weights] = {self.preorder[0]: ranks}
        for variable in self.preorder:
            key = np.broadcast_to(self.nodes[variable].bucket.key(assigned), ranks.shape)
            assigned[variable], inside = self._rows_of(variable).find(key, rest.pop(variable))
            # The first child varies slowest, as in the preorder.
            for i, child in reversed(tuple(enumerate(self.children[variable]))):
                if i == 0 and not self.weighted:
                    rest[child] = inside
                else:
                    inside, rest[child] = divide(inside, self._share(child, assigned))
        return assigned

    def rank(self, assigned: Mapping[int, Codes]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """The ranks of assignments, and which of them are solutions (the ranks of others mean nothing)."""
        shape = assigned[self.preorder[0]].shape
        ranks: dict[int, Weights] = {}
        valid = np.ones(shape, np.bool_)
        for variable in reversed(self.preorder):
            key = np.broadcast_to(self.nodes[variable].bucket.key(assigned), shape)
            before, weight = self._rows_of(variable).offset(key, assigned[variable])
            valid &= weight != 0
            inside: Any = np.int64(0)
            for child in self.children[variable]:
                inside = inside * self._share(child, assigned) + ranks.pop(child)
            ranks[variable] = before + inside
        return ranks[self.preorder[0]], valid

    def marginals(self) -> dict[int, Weights]:
        """For each variable and live code, the weight of the solutions that have it."""
        outside: dict[int, Weights] = {self.preorder[0]: np.ones((), np.int64)}
        result: dict[int, Weights] = {}
        for variable in self.preorder:
            node = self.nodes[variable]
            beyond = node.bucket.spread(Factor(node.bucket.separator, outside.pop(variable)))
            belief = node.weights * beyond
            result[variable] = node.bucket.project(belief, (variable,))
            for child in self.children[variable]:
                below = self.nodes[child]
                scope = below.bucket.separator
                # What the child itself contributed is taken out again; where that is 0, belief is 0 too.
                own = node.bucket.spread(Factor(scope, np.maximum(below.message, 1)))
                outside[child] = node.bucket.project(belief // own, scope)
        return result

    def conditioned(self, masks: LiveMasks) -> Tree:
        """The tree with values struck out; only buckets from their variables up to the root are redone."""
        touched: set[int] = set()
        nodes = dict(self.nodes)
        for variable in reversed(self.preorder):
            below = self.children[variable]
            if variable in masks or touched.intersection(below):
                touched.add(variable)
                nodes[variable] = _weighted(
                    self.nodes[variable].bucket, [nodes[child] for child in below], masks.get(variable)
                )
        return Tree(self.preorder, self.children, nodes, self.weighted) if touched else self


def _weighted(bucket: Bucket, below: list[_Node], mask: NDArray[np.bool_] | None) -> _Node:
    messages = [Factor(node.bucket.separator, node.message) for node in below]
    weights = bucket.weigh(messages, [node.most for node in below], mask)
    message = bucket.project(weights, bucket.separator)
    return _Node(bucket, weights, message, float(message.max(initial=0)))


def buckets(form: NormalForm, order: Order, extra: tuple[Factor, ...] = ()) -> dict[int, Bucket]:
    """The bucket of each variable, with the relations, maps and `extra` factors that belong there."""
    place = {variable: i for i, variable in enumerate(order.eliminated)}
    factors: dict[int, list[Factor]] = {variable: [] for variable in order.eliminated}
    for factor in (*(Factor(r.scope, r.table) for r in form.relations), *extra):
        factors[min(factor.scope, key=place.__getitem__)].append(factor)
    maps: dict[int, list[Any]] = {variable: [] for variable in order.eliminated}
    for auxiliary in form.maps:
        maps[min((*auxiliary.inputs, auxiliary.output), key=place.__getitem__)].append(auxiliary)
    return {
        v: make_bucket(v, order.separator[v], form.sizes, tuple(factors[v]), maps[v])
        for v in order.eliminated
    }


def plant(form: NormalForm, order: Order, extra: tuple[Factor, ...] = ()) -> tuple[Tree, ...]:
    """The trees of a normal form, one a block, in canonical order; `extra` factors carry weights."""
    return grow(order, buckets(form, order, extra), weighted=bool(extra))


def grow(order: Order, buckets: Mapping[int, Bucket], *, weighted: bool = False) -> tuple[Tree, ...]:
    """The trees of an order from its buckets."""
    nodes: dict[int, _Node] = {}
    for variable in order.eliminated:
        below = [nodes[child] for child in order.children[variable]]
        nodes[variable] = _weighted(buckets[variable], below, None)
    return tuple(_tree(order, root, nodes, weighted=weighted) for root in order.roots)


def _tree(order: Order, root: int, nodes: Mapping[int, _Node], *, weighted: bool) -> Tree:
    block = order.block(root)
    return Tree(block, {v: order.children[v] for v in block}, {v: nodes[v] for v in block}, weighted)
