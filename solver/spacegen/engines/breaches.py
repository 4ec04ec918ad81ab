"""Which rules rows break: a truth table a rule over declared codes, asked for all rows at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.protocol import Block
from spacegen.language.columns import Column, Mask, column, grid
from spacegen.language.evaluate import not_false
from spacegen.language.model import Model, Rule

__all__ = ["Breaches", "Breaks", "broken"]

_CHUNK: Final = 2**15
_MAX_TABLE: Final = 2**17


@dataclass(frozen=True, eq=False)
class Breaks:
    """One rule of a model, and where rows break it."""

    model: Model
    rule: Rule

    @cached_property
    def scope(self) -> tuple[int, ...]:
        """The places of the parameters that the rule mentions."""
        return tuple(self.model.index[name] for name in self.model.scope(self.rule))

    @cached_property
    def _sizes(self) -> tuple[int, ...]:
        return tuple(len(self.model.parameters[v].domain) for v in self.scope)

    @cached_property
    def _values(self) -> dict[str, Column]:
        parameters = (self.model.parameters[v] for v in self.scope)
        return {p.name: column(p.domain.values) for p in parameters}

    @cached_property
    def _table(self) -> Mask | None:
        """Where the rule is broken, flat over the declared codes of its scope; None where it is too wide."""
        if prod(self._sizes) > _MAX_TABLE:
            return None
        kept = not_false(self.rule.condition, grid(tuple(self._values), self._values))
        return ~np.broadcast_to(kept, self._sizes).reshape(-1)

    def rows(self, columns: Sequence[NDArray[Any]], size: int) -> Mask:
        """A mask of the rows that break the rule; `columns` hold the codes of its scope, each of `size`."""
        table = self._table
        if table is None:
            pairs = zip(self._values.items(), columns, strict=True)
            return broken(self.rule, {name: values.take(codes) for (name, values), codes in pairs}, size)
        if not self.scope:
            return np.full(size, table[0])
        index = np.min_scalar_type(len(table))
        place: Any = columns[0]
        for codes, length in zip(columns[1:], self._sizes[1:], strict=True):
            place = place.astype(index) * index.type(length) + codes.astype(index)
        found: Mask = table.take(place)
        return found


class Breaches:
    """Every rule of a model, `active_when` as well. Its tables are made when they are first asked."""

    def __init__(self, model: Model) -> None:
        self.rules = tuple(Breaks(model, rule) for rule in model.conditions)

    def of(self, block: Block) -> Mask:
        """Which rules each row breaks, shape (rules, length)."""
        found = np.empty((len(self.rules), len(block)), np.bool_)
        for start in range(0, len(block), _CHUNK):
            stop = min(start + _CHUNK, len(block))
            for rule, row in zip(self.rules, found, strict=True):
                columns = [block.columns[v][start:stop] for v in rule.scope]
                row[start:stop] = rule.rows(columns, stop - start)
        return found


def broken(rule: Rule, values: dict[str, Column], size: int) -> Mask:
    """Where columns of values of one length break a rule, shape (size,)."""
    return ~np.broadcast_to(not_false(rule.condition, values), (size,))
