"""The engine that asks CP-SAT: parts are enumerated one by one and multiplied, never their product."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from math import prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.canonical import canonical_order
from spacegen.engines.costs import Cost, Costed
from spacegen.engines.cpsat.descent import Descent
from spacegen.engines.cpsat.optimum import Priced
from spacegen.engines.cpsat.parts import Live, Part, clauses_of, live_values, parts, prune
from spacegen.engines.cpsat.patience import Patience
from spacegen.engines.cpsat.pools import pick
from spacegen.engines.cpsat.sampling import Balance, note_of, uniform_pool
from spacegen.engines.cpsat.solving import MOST_SOLUTIONS, Rows
from spacegen.engines.protocol import ANYTHING, Block, Draw, Given, Method, code_dtype
from spacegen.engines.relation import normalise
from spacegen.errors import EmptySpaceError, EngineError, Fault, TooWideError
from spacegen.language.model import Model

__all__ = ["CpSat"]

_ENUMERATED: Final = 50_000
"""Parts with at most so many combinations are counted by enumerating them."""
_TREE: Final = 2000
"""A larger part is counted by a tree of at most so many nodes."""
_A_DRAW: Final = 0.2
"""Seconds that a draw may take."""
_PROBES: Final = 100
"""Descents that show whether enumeration is hopeless."""


class CpSat:
    """A space as CP-SAT models. Answers by enumeration, so counts and marginals of large parts raise
    EngineError; draws from large parts are approximate, and say so."""

    name = "cpsat"

    def __init__(self, model: Model, *, notes: tuple[str, ...] = (), timeout: float | None = None) -> None:
        self.model = model
        self.notes = notes
        self._clauses = clauses_of(model)
        self._known: dict[tuple[object, ...], Rows] = {}
        self.patience = Patience(timeout)
        self.patience.restart()
        self._descent = Descent(model, self.rows, self.patience)

    @cached_property
    def _order(self) -> tuple[str, ...]:
        """The parameters in canonical order; as declared where their rules cannot be tabulated."""
        names = tuple(self.model.index)
        try:
            preorder = canonical_order(normalise(self.model)).preorder
        except TooWideError:
            return names
        return tuple(names[v] for v in preorder if v < len(names))

    def pruned(
        self, given: Given, together: Iterable[Iterable[str]] = ()
    ) -> tuple[Live, tuple[Part, ...]] | None:
        """The live values and the parts that are left; None: no solution."""
        live = live_values(self.model, given)
        pruned = prune(self.model, {name: live[name] for name in self._order}, self._clauses)
        if pruned is None:
            return None
        return pruned[0], parts(self.model, *pruned, together)

    def rows(self, part: Part) -> Rows:
        """The solutions of a part, shared by all who ask for the same ones."""
        return self._known.setdefault(part.key, Rows(part, self.patience))

    def count(self, given: Given = ANYTHING) -> int:
        self.patience.restart()
        pruned = self.pruned(given)
        if pruned is None or not all(map(self.rows, pruned[1])):
            return 0
        return prod(map(self._size, pruned[1]))

    def _size(self, part: Part) -> int:
        """The number of solutions of a part; raises EngineError where it is out of reach."""
        if part.combinations > _ENUMERATED and not self.rows(part).are_known:
            size = self._descent.size(part, _TREE)
            if size is not None:
                return size
            _, weights = self._descent.draw(part, _PROBES, np.random.default_rng(0))
            if weights.mean() > 4 * MOST_SOLUTIONS:
                raise EngineError(
                    Fault(
                        f"engine `cpsat` cannot count the solutions of {len(part.names)} parameters that "
                        f"hang together: about {weights.mean():.0e}",
                        # Where there are notes, the join tree was tried.
                        hint="pin or restrict parameters"
                        if self.notes
                        else "a smaller space, or `--engine jointree` where it takes the space",
                    )
                )
        return len(self.rows(part).all())

    def enumerate(self, given: Given = ANYTHING, *, rows: int = 65536) -> Iterator[Block]:
        pruned = self.pruned(given)
        if pruned is not None:
            found = self.contiguous(*pruned)
            yield from self.blocks(pruned[0], [self.rows(part) for part in found], rows)

    def blocks(self, live: Live, sources: Sequence[Rows], rows: int) -> Iterator[Block]:
        """The product of the solutions of parts, the last part the fastest, in blocks of at most `rows`."""
        if not all(sources):
            return
        names = [name for source in sources for name in source.part.names]
        for chunk in _product(list(sources), rows):
            yield self._block(live, dict(zip(names, chunk.T, strict=True)), len(chunk))

    def contiguous(self, live: Live, found: tuple[Part, ...]) -> tuple[Part, ...]:
        """Parts none of which has a parameter between two of another: their product is in order."""
        place = {name: i for i, name in enumerate(live)}
        runs: list[list[Part]] = []
        for part in found:
            if runs and place[part.names[0]] < max(place[p.names[-1]] for p in runs[-1]):
                runs[-1].append(part)
            else:
                runs.append([part])
        if len(runs) == len(found):
            return found
        clauses = tuple(clause for part in found for clause in part.clauses)
        return parts(self.model, live, clauses, [[n for part in run for n in part.names] for run in runs])

    def _block(self, live: Live, columns: dict[str, NDArray[np.intp]], length: int) -> Block:
        return Block(
            tuple(
                np.broadcast_to(columns.get(p.name, live[p.name]), (length,)).astype(code_dtype(p.domain))
                for p in self.model.parameters
            ),
            length,
        )

    def marginals(self, given: Given = ANYTHING) -> tuple[tuple[int, ...], ...]:
        counts = {p.name: [0] * len(p.domain) for p in self.model.parameters}
        total, pruned = self.count(given), self.pruned(given)
        if not total or pruned is None:
            return tuple(map(tuple, counts.values()))
        live, found = pruned
        for name, codes in live.items():
            if len(codes) == 1:
                counts[name][codes[0]] = total
        for part in found:
            elsewhere = total // self._size(part)
            for name, have in self._shares(part).items():
                for code, number in have.items():
                    counts[name][code] = number * elsewhere
        return tuple(map(tuple, counts.values()))

    def _shares(self, part: Part) -> dict[str, dict[int, int]]:
        """For each parameter of a part and each of its live codes, how many of its solutions have it."""
        hidden = part.combinations > _ENUMERATED and not self.rows(part).are_known
        if hidden and self._descent.size(part, _TREE) is not None:
            return self._descent.marginals(part)
        rows = self.rows(part).all()
        columns = zip(part.names, rows.T, strict=True)
        return {name: dict(enumerate(np.bincount(column).tolist())) for name, column in columns}

    def sample(
        self,
        size: int,
        rng: np.random.Generator,
        *,
        method: Method = "uniform",
        replace: bool = False,
        given: Given = ANYTHING,
    ) -> Draw:
        self.patience.restart(size * _A_DRAW)
        balance = Balance(self.model) if method == "balanced" else None
        pruned = self.pruned(given, balance.scopes if balance else ())
        if pruned is None or not all(map(self.rows, pruned[1])):
            if size and replace:
                raise EmptySpaceError("there is nothing to draw from")
            return Draw(Block.concatenate(self.model, []))
        live, found = pruned
        pools = [
            balance.pool(self.rows(part), self._descent, live)
            if balance
            else uniform_pool(self.rows(part), self._descent, size, rng)
            for part in found
        ]
        names = [name for part in found for name in part.names]
        bounds = [len(self.model[name].domain) for name in names]
        picked = pick(pools, size, rng, bounds, replace=replace)
        length = len(picked[0]) if pools else (size if replace else min(size, 1))
        block = self._block(live, dict(zip(names, picked, strict=True)), length)
        return Draw(block, note_of(pools, length, size))

    def costed(self, costs: Sequence[Cost], given: Given = ANYTHING) -> Costed:
        return Priced(self, costs, given)


def _product(sources: list[Rows], most: int) -> Iterator[NDArray[np.intp]]:
    """Rows of the product in lexicographic order, at most `most` at a time."""
    if not sources:
        yield np.empty((1, 0), np.intp)
        return
    head, tail = sources[0], sources[1:]
    inner = _few(_product(tail, most), most)
    for chunk in head.chunks():
        if inner is None:
            for row in chunk:
                for below in _product(tail, most):
                    yield np.hstack([np.broadcast_to(row, (len(below), len(row))), below])
            continue
        step = max(1, most // len(inner))
        for start in range(0, len(chunk), step):
            outer = chunk[start : start + step]
            left = np.repeat(outer, len(inner), axis=0)
            yield np.hstack([left, np.tile(inner, (len(outer), 1))])


def _few(chunks: Iterator[NDArray[np.intp]], most: int) -> NDArray[np.intp] | None:
    """All rows together, or None where there are more than `most`."""
    found: list[NDArray[np.intp]] = []
    for chunk in chunks:
        found.append(chunk)
        if sum(map(len, found)) > most:
            return None
    return np.concatenate(found)
