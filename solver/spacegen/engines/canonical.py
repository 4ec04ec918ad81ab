"""The canonical order, version 1: frozen, because ranks and fingerprints that users keep depend on it.

Variables are eliminated greedily by the number of rows of the cluster they would make (bucket elimination,
Dechter 1999), ties going to the variable declared first. Solutions are ordered lexicographically along
the depth-first preorder of the bucket tree. No randomness and no time limit: only the normal form decides.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from math import prod
from typing import Final

import numpy as np

from spacegen.engines.relation import NormalForm
from spacegen.language.model import identity

__all__ = ["ORDER_VERSION", "Elimination", "Order", "canonical_order", "fingerprint"]

ORDER_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Order:
    """A bucket tree's shape. `eliminated` has children before parents, `preorder` parents before children;
    `parent` is None for a root; `separator[v]` are the variables that v's bucket shares with the rest;
    `largest` is the number of rows of the widest cluster."""

    eliminated: tuple[int, ...]
    preorder: tuple[int, ...]
    parent: tuple[int | None, ...]
    children: tuple[tuple[int, ...], ...]
    separator: tuple[tuple[int, ...], ...]
    roots: tuple[int, ...]
    largest: int

    def block(self, root: int) -> tuple[int, ...]:
        """The variables of a root's tree, in preorder."""
        found: list[int] = []
        pending = [root]
        while pending:
            variable = pending.pop()
            found.append(variable)
            pending.extend(reversed(self.children[variable]))
        return tuple(found)


def canonical_order(form: NormalForm, extra: Iterable[tuple[int, ...]] = ()) -> Order:
    """The order for a normal form; `extra` scopes (of weights, say) are kept within one cluster each."""
    return Elimination(form, extra).run()


class Elimination:
    """The interaction graph while variables leave it one by one."""

    def __init__(self, form: NormalForm, extra: Iterable[tuple[int, ...]] = ()) -> None:
        self.sizes = form.sizes
        self.neighbours: list[set[int]] = [set() for _ in form.sizes]
        self.functions = [(frozenset((*m.inputs, m.output)), m.output) for m in form.maps]
        for scope in (*(r.scope for r in form.relations), *extra, *(f for f, _ in self.functions)):
            for variable in scope:
                self.neighbours[variable].update(scope)
        for variable, near in enumerate(self.neighbours):
            near.discard(variable)

    def rows(self, variable: int) -> int:
        """How many rows the variable's bucket and its message would have, functions counted as such."""
        near = self.neighbours[variable]
        cluster = near | {variable}
        determined = {output for scope, output in self.functions if scope <= cluster}
        message = prod(self.sizes[v] for v in near)
        return max(prod(self.sizes[v] for v in cluster - determined), message)

    def cost(self, variable: int) -> float:
        """What the greedy choice minimises."""
        return self.rows(variable)

    def run(self) -> Order:
        """Eliminates everything, the cheapest variable first."""
        costs = {variable: self.cost(variable) for variable in range(len(self.sizes))}
        queue = [(cost, variable) for variable, cost in costs.items()]
        heapify(queue)
        eliminated: list[int] = []
        near_when_gone: dict[int, set[int]] = {}
        largest = 1
        while queue:
            cost, variable = heappop(queue)
            if costs.get(variable) != cost:
                continue  # an older estimate; the newer one is in the queue too
            del costs[variable]
            largest = max(largest, self.rows(variable))
            near_when_gone[variable] = self.neighbours[variable]
            eliminated.append(variable)
            for other in self._remove(variable):
                costs[other] = self.cost(other)
                heappush(queue, (costs[other], other))
        return _shape(eliminated, near_when_gone, largest)

    def _remove(self, variable: int) -> set[int]:
        """Takes a variable out and joins its neighbours, whose costs change."""
        near = self.neighbours[variable]
        self.functions = [f for f in self.functions if variable not in f[0]]
        for other in near:
            self.neighbours[other] = (self.neighbours[other] | near) - {variable, other}
        return near


def _shape(eliminated: list[int], near: dict[int, set[int]], largest: int) -> Order:
    position = {variable: i for i, variable in enumerate(eliminated)}
    count = len(eliminated)
    parent: list[int | None] = [None] * count
    children: list[list[int]] = [[] for _ in range(count)]
    smallest = list(range(count))  # the first-declared variable of each subtree
    for variable in eliminated:
        if near[variable]:
            above = min(near[variable], key=position.__getitem__)
            parent[variable] = above
            children[above].append(variable)
            smallest[above] = min(smallest[above], smallest[variable])
    for below in children:
        below.sort()
    roots = sorted((v for v in eliminated if parent[v] is None), key=smallest.__getitem__)
    order = Order(
        tuple(eliminated),
        (),
        tuple(parent),
        tuple(map(tuple, children)),
        (),
        tuple(roots),
        largest,
    )
    preorder = tuple(variable for root in roots for variable in order.block(root))
    place = {variable: i for i, variable in enumerate(preorder)}
    separator = tuple(tuple(sorted(near[v], key=place.__getitem__)) for v in range(count))
    return Order(order.eliminated, preorder, order.parent, order.children, separator, order.roots, largest)


def fingerprint(form: NormalForm) -> str:
    """16 hex digits that name the meaning of a space: its typed domains, its solutions and their order."""
    digest = hashlib.sha256(f"spacegen order {ORDER_VERSION}\n".encode())
    domains = [[p.name, [identity(v) for v in p.domain.values]] for p in form.model.parameters]
    digest.update(json.dumps(domains, ensure_ascii=True).encode())
    digest.update(json.dumps([codes.tolist() for codes in form.live] if not form.empty else None).encode())
    for relation in sorted(form.relations, key=lambda r: r.scope):
        digest.update(json.dumps(["relation", relation.scope, relation.table.shape]).encode())
        digest.update(np.packbits(relation.table).tobytes())
    for auxiliary in form.maps:
        digest.update(json.dumps(["map", auxiliary.inputs, auxiliary.output]).encode())
        digest.update(auxiliary.codes.astype("<i8").tobytes())
    return digest.hexdigest()[:16]
