"""Parts too large to enumerate: fix parameters one by one until CP-SAT can enumerate what is left.

Fixing a parameter prunes a part and often breaks it into several; the tree of parts so reached gives exact
sizes while it stays small (recursive conditioning, Darwiche 2001). Where it does not, random descents draw
from it: a draw's weight is one over its probability, so that importance resampling (Rubin 1987) makes the
draws uniform. What a descent learns of the sizes below a value the next one uses: the weights even out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.cpsat.parts import Part, parts, prune
from spacegen.engines.cpsat.patience import Patience
from spacegen.engines.cpsat.solving import Rows
from spacegen.language.model import Model
from spacegen.language.walk import scope

__all__ = ["Descent"]

_LEAF: Final = 1024
"""Parts with at most so many combinations are enumerated."""


@dataclass(slots=True, eq=False)
class _Node:
    """A part on the way down. `size` is an upper bound of its number of solutions, and `exact` in the end."""

    part: Part
    size: int
    exact: bool = False
    rows: NDArray[np.intp] | None = None
    branches: list[_Branch] | None = None

    def learn(self) -> None:
        """The size again, from the branches."""
        branches = self.branches or []
        self.size = sum(branch.size for branch in branches)
        self.exact = all(branch.exact for branch in branches)


@dataclass(slots=True, eq=False)
class _Branch:
    """One value of a node's cut parameter: once entered, what it decides and the parts that remain."""

    cut: str
    code: int
    bound: int
    decided: dict[str, int] | None = None
    nodes: list[_Node] = field(default_factory=list)

    @property
    def size(self) -> int:
        """An upper bound of the number of solutions that have the value."""
        return prod((node.size for node in self.nodes), start=self.bound)

    @property
    def exact(self) -> bool:
        if self.decided is None:
            return False
        return all(node.exact for node in self.nodes) or any(not node.size for node in self.nodes)


class Descent:
    """The tree of the parts of a space; it grows as it is asked, and parts that are alike share a node."""

    def __init__(self, model: Model, rows_of: Callable[[Part], Rows], patience: Patience) -> None:
        self._model = model
        self._rows_of = rows_of
        self._patience = patience
        self._nodes: dict[tuple[object, ...], _Node] = {}

    def _node(self, part: Part) -> _Node:
        return self._nodes.setdefault(part.key, _Node(part, part.combinations))

    def size(self, part: Part, most: int) -> int | None:
        """The exact number of solutions, or None where the tree would pass `most` nodes."""
        node = self._node(part)
        self._grow(node, len(self._nodes) + most)
        return node.size if node.exact else None

    def _grow(self, node: _Node, most: int) -> None:
        if node.exact or len(self._nodes) > most:
            return
        self._open(node)
        for branch in node.branches or ():
            if len(self._nodes) > most:
                return
            self._enter(node.part, branch)
        for branch in node.branches or ():
            for child in branch.nodes:
                if branch.size:
                    self._grow(child, most)
        if node.branches is not None:
            node.learn()

    def marginals(self, part: Part) -> dict[str, dict[int, int]]:
        """For each parameter of a part whose size is known, how many of its solutions have each code."""
        counts: dict[str, dict[int, int]] = {name: {} for name in part.names}

        def add(name: str, code: int, number: int) -> None:
            counts[name][code] = counts[name].get(code, 0) + number

        # How often a solution of each node occurs in one of the whole part, parents before children.
        times = {part.key: 1}
        pending = {part.key: self._node(part)}
        while pending:
            node = pending.pop(max(pending, key=lambda key: len(pending[key].part.names)))
            for branch in node.branches or ():
                for name, code in (branch.decided or {}).items():
                    add(name, code, times[node.part.key] * branch.size)
                for child in branch.nodes if branch.size else ():
                    others = branch.size // child.size
                    times[child.part.key] = times.get(child.part.key, 0) + times[node.part.key] * others
                    pending[child.part.key] = child
            if node.rows is not None:
                for name, column in zip(node.part.names, node.rows.T, strict=True):
                    for code, number in enumerate(np.bincount(column).tolist()):
                        add(name, code, times[node.part.key] * number)
        return counts

    def draw(
        self, part: Part, size: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """`size` descents: codes with one column a name of the part, and weights: 0 at a dead end, and all
        alike where the size of the part is known."""
        codes = np.zeros((size, len(part.names)), np.intp)
        weights = np.zeros(size)
        root = self._node(part)
        for i in range(size):
            found: dict[str, int] = {}
            weights[i] = self._descend(root, rng, found)
            if weights[i]:
                codes[i] = [found[name] for name in part.names]
        return codes, weights

    def _descend(self, node: _Node, rng: np.random.Generator, found: dict[str, int]) -> float:
        """Fixes the node's parameters in `found`; one over the probability of having done so, or 0."""
        self._open(node)
        if node.branches is not None and not node.exact:
            node.learn()
        if not node.size:
            return 0.0
        if node.branches is None:
            assert node.rows is not None
            row = node.rows[rng.integers(len(node.rows))]
            found |= zip(node.part.names, row.tolist(), strict=True)
            return float(node.size)
        branch, weight = _choose(node.branches, rng)
        self._enter(node.part, branch)
        return weight * self._follow(branch, rng, found)

    def _follow(self, branch: _Branch, rng: np.random.Generator, found: dict[str, int]) -> float:
        """Fixes all that remains below a branch, as `_descend` does."""
        weight = 1.0 if branch.size else 0.0
        found |= branch.decided or {}
        for child in branch.nodes:
            weight = weight and weight * self._descend(child, rng, found)
        return weight

    def _open(self, node: _Node) -> None:
        """Enumerates a small part, lists the ways down from a large one."""
        if node.rows is not None or node.branches is not None:
            return
        part = node.part
        if part.combinations <= _LEAF or len(part.names) == 1:
            node.rows = self._rows_of(part).all()
            node.size, node.exact = len(node.rows), True
            return
        cut = _busiest(part)
        codes = part.live[cut].tolist()
        node.branches = [_Branch(cut, code, part.combinations // len(codes)) for code in codes]

    def _enter(self, part: Part, branch: _Branch) -> None:
        """Prunes a branch that is met for the first time."""
        if branch.decided is not None:
            return
        self._patience.check()
        branch.decided = {}
        live = {**part.live, branch.cut: np.array([branch.code])}
        pruned = prune(self._model, live, part.clauses, changed=(branch.cut,))
        branch.bound = 0 if pruned is None else 1
        if pruned is None:
            return
        branch.decided = {name: int(codes[0]) for name, codes in pruned[0].items() if len(codes) == 1}
        branch.nodes = [self._node(below) for below in parts(self._model, *pruned)]


def _choose(branches: list[_Branch], rng: np.random.Generator) -> tuple[_Branch, float]:
    """A branch as likely as it is large, and one over its probability."""
    sizes = [branch.size for branch in branches]
    total = sum(sizes)
    place = rng.random() * total
    for branch, size in zip(branches, sizes, strict=True):
        place -= size
        if place < 0 and size:
            return branch, total / size
    last = max(i for i, size in enumerate(sizes) if size)  # rounding may leave a crumb at the end
    return branches[last], total / sizes[last]


def _busiest(part: Part) -> str:
    """The parameter that shares clauses with the most others."""
    near: dict[str, set[str]] = {name: set() for name in part.names}
    for clause in part.clauses:
        names = scope(clause)
        for name in names:
            near[name].update(names)
    return max(part.names, key=lambda name: len(near[name]))
