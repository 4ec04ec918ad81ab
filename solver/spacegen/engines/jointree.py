"""The exact engine: a space compiled to join trees, one a block, over the canonical order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.balance import balance_factors, balance_weights
from spacegen.engines.bucket import divide
from spacegen.engines.canonical import Order, canonical_order, fingerprint
from spacegen.engines.costs import Cost, Costed
from spacegen.engines.distinct import below, distinct_rows
from spacegen.engines.orders import best_order
from spacegen.engines.packed import Group, grouped
from spacegen.engines.protocol import ANYTHING, Block, Draw, Given, Method, code_dtype
from spacegen.engines.relation import NormalForm, normalise
from spacegen.engines.tree import LiveMasks, Tree, plant
from spacegen.errors import EmptySpaceError, TooWideError
from spacegen.language.expr import Expr
from spacegen.language.model import Model

if TYPE_CHECKING:
    from spacegen.engines.tropical.costing import Pricing
    from spacegen.engines.tropical.valued import Valued

__all__ = ["MAX_CLUSTER", "JoinTree"]

MAX_CLUSTER: Final = 2**25
"""The most rows that a cluster may have: 256 MiB of counts."""
_ENUMERABLE: Final = 2**20
_INT64: Final = 2**63


class JoinTree:
    """Exact answers by bucket elimination. Raises TooWideError where the widest cluster has more than
    MAX_CLUSTER rows."""

    name: Final = "jointree"

    def __init__(self, model: Model) -> None:
        self.model = model
        self.notes: tuple[str, ...] = ()
        self.form: NormalForm = normalise(model)
        self._order: Order = best_order(self.form)
        self._trees = self._plant(self._order)

    @cached_property
    def order(self) -> Order:
        """The canonical order."""
        return canonical_order(self.form)

    @cached_property
    def _canonical(self) -> tuple[Tree, ...]:
        """The trees by which ranks go; mostly the ones that count, too."""
        return self._trees if self._order == self.order else self._plant(self.order)

    def _plant(self, order: Order, factors: tuple[Any, ...] = ()) -> tuple[Tree, ...]:
        if self.form.empty:
            return ()
        if order.largest > MAX_CLUSTER:
            raise TooWideError(f"the join tree's widest cluster would have {order.largest:,} rows")
        return plant(self.form, order, factors)

    @cached_property
    def fingerprint(self) -> str:
        """The name of the space's meaning: the same fingerprint and rank name the same config for ever."""
        return fingerprint(self.form)

    @cached_property
    def _live(self) -> dict[int, NDArray[Any]]:
        parameters = zip(self.model.parameters, self.form.live, strict=True)
        return {i: codes.astype(code_dtype(p.domain)) for i, (p, codes) in enumerate(parameters)}

    @cached_property
    def _groups(self) -> tuple[Group, ...]:
        """The groups of the counting trees: draws come from them."""
        return grouped(self._trees, self._live)

    @cached_property
    def _ranked(self) -> tuple[Group, ...]:
        """The groups in the canonical order."""
        return self._groups if self._canonical is self._trees else grouped(self._canonical, self._live)

    @cached_property
    def _balanced(self) -> tuple[Tree, ...]:
        factors = balance_factors(self.form)
        order = best_order(self.form, [factor.scope for factor in factors])
        return self._plant(order, factors)

    def _masks(self, given: Given) -> LiveMasks | None:
        """The live values that `given` leaves; None where it leaves some parameter nothing."""
        masks = {}
        for name, codes in given.items():
            variable = self.model.index[name]
            mask = np.isin(self.form.live[variable], codes)
            if not mask.any():
                return None
            if not mask.all():
                masks[variable] = mask
        return masks

    def _conditioned(self, trees: tuple[Tree, ...], given: Given) -> tuple[Tree, ...]:
        if not given or self.form.empty:
            return trees
        masks = self._masks(given)
        return () if masks is None else tuple(tree.conditioned(masks) for tree in trees)

    def _is_empty(self, trees: tuple[Tree, ...]) -> bool:
        # No trees: a contradiction, unless there is nothing to decide at all.
        return not trees and (self.form.empty or bool(self.form.sizes))

    def count(self, given: Given = ANYTHING) -> int:
        trees = self._conditioned(self._trees, given)
        return 0 if self._is_empty(trees) else prod(tree.total for tree in trees)

    def marginals(self, given: Given = ANYTHING) -> tuple[tuple[int, ...], ...]:
        counts = [[0] * len(p.domain) for p in self.model.parameters]
        trees = self._conditioned(self._trees, given)
        total = 0 if self._is_empty(trees) else prod(tree.total for tree in trees)
        for tree in trees if total else ():
            for variable, weights in tree.marginals().items():
                if variable < len(counts):
                    elsewhere = total // tree.total
                    for code, weight in zip(self.form.live[variable], weights.tolist(), strict=True):
                        counts[variable][code] = weight * elsewhere
        return tuple(map(tuple, counts))

    def enumerate(self, given: Given = ANYTHING, *, rows: int = 65536) -> Iterator[Block]:
        groups = grouped(self._conditioned(self._canonical, given), self._live)
        total = self.count(given)
        for start in range(0, total, rows):
            length = min(rows, total - start)
            yield self._block(groups, _consecutive(groups, start, length), length)

    def unrank(self, ranks: NDArray[Any]) -> Block:
        total = self.count()
        ranks = np.asarray(ranks)
        if not len(ranks):
            return self._no_rows()
        if not (ranks.min() >= 0 and ranks.max() < total):
            raise IndexError(f"ranks run from 0 to {total - 1}")
        if not total:
            return self._no_rows()
        ranks = ranks.astype(np.int64 if total < _INT64 else np.object_)
        digits: list[NDArray[Any]] = []
        for group in reversed(self._ranked):
            ranks, digit = divide(ranks, group.size)
            digits.append(digit.astype(np.int64) if group.size < _INT64 else digit)
        return self._block(self._ranked, digits[::-1], len(ranks))

    def rank(self, block: Block) -> NDArray[Any]:
        wide = self.count() >= _INT64
        ranks: Any = np.zeros(len(block), np.object_ if wide else np.int64)
        valid = np.full(len(block), not self._is_empty(self._trees))
        codes = dict(self._live_codes(block, valid))
        if self.form.maps:
            self._follow_maps(codes)
        for group in self._ranked if valid.any() else ():
            digit, fits = group.rank(codes)
            valid &= fits
            ranks = ranks * group.size + (digit.astype(np.object_) if wide else digit)
        if not valid.all():
            raise ValueError(f"row {int(np.flatnonzero(~valid)[0])} is no solution")
        return ranks  # type: ignore[no-any-return]

    def _live_codes(self, block: Block, valid: NDArray[np.bool_]) -> Iterator[tuple[int, NDArray[np.intp]]]:
        """Declared codes to live ones; rows with dead values are struck from `valid`."""
        for variable, (parameter, live) in enumerate(zip(self.model.parameters, self.form.live, strict=True)):
            place = np.full(len(parameter.domain), -1)
            place[live] = np.arange(len(live))
            codes = place[block.columns[variable]]
            valid &= codes >= 0
            yield variable, np.maximum(codes, 0)

    def _follow_maps(self, codes: dict[int, NDArray[np.intp]]) -> None:
        for auxiliary in self.form.maps:
            codes[auxiliary.output] = auxiliary.codes[tuple(codes[v] for v in auxiliary.inputs)]

    def _block(
        self, groups: tuple[Group, ...], digits: list[NDArray[Any]], length: int | None = None
    ) -> Block:
        found: dict[int, NDArray[Any]] = {}
        for group, ranks in zip(groups, digits, strict=True):
            found |= group.columns(ranks)
        columns = tuple(found[i] for i in range(len(self.model.parameters)))
        return Block(columns, len(digits[0]) if digits else length or 0)

    def sample(
        self,
        size: int,
        rng: np.random.Generator,
        *,
        method: Method = "uniform",
        replace: bool = False,
        given: Given = ANYTHING,
    ) -> Draw:
        total = self.count(given)
        if replace and size and not total:
            raise EmptySpaceError("there is nothing to draw from")
        if not replace:
            size = min(size, total)
        if not size or not self.form.sizes:
            return Draw(self._block((), [], size) if not self.form.sizes else self._no_rows())
        if method == "balanced":
            return self._sample_balanced(size, rng, replace=replace, given=given)
        groups = self._groups if not given else grouped(self._conditioned(self._trees, given), self._live)
        return Draw(self._block(groups, _uniform_ranks(groups, total, size, rng, replace=replace)))

    @cached_property
    def _pricing(self) -> Pricing:
        from spacegen.engines.tropical.costing import Pricing  # which counting does without

        return Pricing(self.form, self.order, MAX_CLUSTER)

    def costed(self, costs: Sequence[Cost], given: Given = ANYTHING) -> Costed:
        return self._pricing.costed(costs, self._masks(given) if not self.form.empty else None)

    def with_values(self, exprs: Sequence[Expr]) -> Valued:
        """Expressions as variables of the tree, to be priced by their values. Raises TooWideError."""
        from spacegen.engines.tropical.valued import with_values

        return with_values(self._pricing, exprs)

    def _no_rows(self) -> Block:
        return Block.concatenate(self.model, [])

    def _sample_balanced(self, size: int, rng: np.random.Generator, *, replace: bool, given: Given) -> Draw:
        groups = grouped(self._conditioned(self._balanced, given), self._live)

        def draw(rows: int) -> Block:
            return self._block(groups, [below(group.size, rows, rng) for group in groups])

        if replace:
            return Draw(draw(size))
        if self.count(given) <= max(_ENUMERABLE, 2 * size):
            return Draw(self._weighted_choice(size, rng, given))
        sizes = [len(p.domain) for p in self.model.parameters]
        columns = distinct_rows(size, lambda rows: list(draw(rows).columns), sizes)
        found = len(columns[0])
        note = (
            None if found == size else f"only {found} distinct solutions turned up: the rest weigh too little"
        )
        return Draw(Block(tuple(columns), found), note)

    def _weighted_choice(self, size: int, rng: np.random.Generator, given: Given) -> Block:
        """Weighted draws without replacement: the smallest exponential clocks (Efraimidis and Spirakis)."""
        everything = Block.concatenate(self.model, list(self.enumerate(given)))
        clocks = rng.exponential(size=len(everything)) / balance_weights(self.form, everything).astype(float)
        return everything.rows(np.argsort(clocks, kind="stable")[:size])


def _uniform_ranks(
    groups: tuple[Group, ...], total: int, size: int, rng: np.random.Generator, *, replace: bool
) -> list[NDArray[Any]]:
    def draw(rows: int) -> list[NDArray[Any]]:
        return [below(group.size, rows, rng) for group in groups]

    if replace:
        return draw(size)
    if total <= 2 * size:
        ranks: Any = rng.permutation(total)[:size]
        digits = []
        for group in reversed(groups):
            ranks, digit = divide(ranks, group.size)
            digits.append(digit)
        return digits[::-1]
    return distinct_rows(size, draw, [group.size for group in groups])


def _consecutive(groups: tuple[Group, ...], start: int, size: int) -> list[NDArray[Any]]:
    """The groups' ranks for the solutions numbered start … start + size - 1."""
    carry: Any = np.arange(size)
    digits = []
    for group in reversed(groups):
        start, first = divmod(start, group.size)
        wide = max(group.size, first + size) >= _INT64
        number = (carry.astype(np.object_) if wide else carry) + first
        carry, digit = divide(number, group.size)
        digits.append(digit)
    return digits[::-1]
