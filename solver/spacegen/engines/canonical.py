"""The canonical order, version 1: frozen, because ranks and fingerprints that users keep depend on it.

Variables are eliminated greedily by the number of rows of the cluster they would make (bucket elimination,
Dechter 1999), ties going to the variable declared first. Solutions are ordered lexicographically along
the depth-first preorder of the bucket tree. No randomness and no time limit: only the normal form decides.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from math import prod
from typing import Final

import numpy as np

from spacegen.engines.relation import NormalForm
from spacegen.language.model import identity

__all__ = ["ORDER_VERSION", "Order", "canonical_order", "fingerprint"]

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
    scopes = [relation.scope for relation in form.relations] + list(extra)
    functions = [(m.inputs, m.output) for m in form.maps]
    return _Elimination(form.sizes, scopes, functions).run()


class _Elimination:
    """The interaction graph while variables leave it one by one."""

    def __init__(
        self,
        sizes: Sequence[int],
        scopes: Iterable[tuple[int, ...]],
        functions: Sequence[tuple[tuple[int, ...], int]],
    ) -> None:
        self.sizes = sizes
        self.neighbours: list[set[int]] = [set() for _ in sizes]
        for scope in (*scopes, *((*inputs, output) for inputs, output in functions)):
            for variable in scope:
                self.neighbours[variable].update(scope)
        for variable, near in enumerate(self.neighbours):
            near.discard(variable)
        self.functions = [(frozenset((*inputs, output)), output) for inputs, output in functions]

    def _rows(self, variable: int) -> int:
        """How many rows the variable's bucket and its message would have, functions counted as such."""
        near = self.neighbours[variable]
        cluster = near | {variable}
        determined = {output for scope, output in self.functions if scope <= cluster}
        message = prod(self.sizes[v] for v in near)
        return max(prod(self.sizes[v] for v in cluster - determined), message)

    def run(self) -> Order:
        rows = {variable: self._rows(variable) for variable in range(len(self.sizes))}
        queue = [(count, variable) for variable, count in rows.items()]
        heapify(queue)
        eliminated: list[int] = []
        near_when_gone: dict[int, set[int]] = {}
        largest = 1
        while queue:
            count, variable = heappop(queue)
            if rows.get(variable) != count:
                continue  # an older estimate; the newer one is in the queue too
            del rows[variable]
            largest = max(largest, count)
            near = self.neighbours[variable]
            near_when_gone[variable] = near
            eliminated.append(variable)
            self.functions = [f for f in self.functions if variable not in f[0]]
            for other in near:
                self.neighbours[other] = (self.neighbours[other] | near) - {variable, other}
            for other in near:
                rows[other] = self._rows(other)
                heappush(queue, (rows[other], other))
        return _shape(eliminated, near_when_gone, largest)


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
