"""How far solutions are from a config: which values differ, how far they moved, how usual the rest is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.costs import Cost
from spacegen.engines.protocol import Block
from spacegen.errors import SpaceError
from spacegen.language.expr import Scalar
from spacegen.language.model import Domain, Model, NoDefault, Parameter
from spacegen.language.scalars import read_scalar

__all__ = ["ONE_EACH", "Distance", "movement"]

ONE_EACH: Final[Mapping[str, int]] = MappingProxyType({})
"""Weights under which every change counts one."""
_NEAR: Final = 1e-9
_INT64: Final = 2**62


@dataclass(frozen=True, eq=False)
class Distance:
    """The distance to a config, in three parts by importance: the weights of the parameters that change, how
    far they move, and how many of those that the config leaves free are not at their default.

    `config` has any values of parameters of `model`; `weights` are at least 0, and 1 unless given.
    """

    model: Model
    config: Mapping[str, object]
    weights: Mapping[str, int]

    @cached_property
    def named(self) -> tuple[str, ...]:
        """The parameters that the config names, in declared order."""
        return tuple(p.name for p in self.model.parameters if p.name in self.config)

    @cached_property
    def changes(self) -> tuple[Cost, ...]:
        """What changing costs: each parameter its weight."""
        return tuple(Cost((name,), self._weighed(name, 1)) for name in self.named)

    @cached_property
    def costs(self) -> tuple[Cost, ...]:
        """The three parts as one number: the first decides, then the second, then the third."""
        moved = {name: self.moved(name) for name in self.named}
        free = {p.name: _unusual(p) for p in self.model.parameters if p.name not in self.config}
        step = 1 + len(free)
        leap = step * (1 + sum(int(table.max()) for table in moved.values()))
        near = (Cost((name,), self._weighed(name, leap) + table * step) for name, table in moved.items())
        return (*near, *(Cost((name,), unusual) for name, unusual in free.items() if unusual.any()))

    def _weighed(self, name: str, factor: int) -> NDArray[Any]:
        weight = self.weights.get(name, 1) * factor
        return self.changed(name).astype(np.int64 if weight < _INT64 else np.object_) * weight

    def changed(self, name: str) -> NDArray[np.int64]:
        """For each code of a named parameter, 1 where it differs from the config."""
        domain = self.model[name].domain
        differs = np.ones(len(domain), np.int64)
        if (code := domain.code(self.config[name])) is not None:
            differs[code] = 0
        return differs

    def moved(self, name: str) -> NDArray[np.int64]:
        """For each code of a named parameter, how far it lies from the config."""
        return movement(self.model[name].domain, self.config[name])

    def weight_of(self, block: Block) -> NDArray[Any]:
        """What the changes of each row weigh, as Python ints."""
        index = self.model.index
        total: NDArray[Any] = np.zeros(len(block), np.object_)
        for cost in self.changes:
            total = total + cost.of([block.columns[index[cost.scope[0]]]]).astype(np.object_)
        return total


def movement(domain: Domain, value: object) -> NDArray[np.int64]:
    """For each code, how many declared positions it lies from the value; 1 for any other value where
    positions mean nothing. A value outside the domain lies one step beside its neighbours, or beside the
    value of the domain that it spells or misses by a rounding error."""
    codes = np.arange(len(domain))
    own = domain.code(value)
    if not _is_scale(domain):
        return (codes != own).astype(np.int64) if own is not None else np.ones(len(domain), np.int64)
    if own is not None:
        return np.abs(codes - own)
    beside = _neighbours(domain, value)
    if not beside:
        return np.ones(len(domain), np.int64)
    return np.asarray(1 + np.abs(codes[:, None] - np.array(beside)).min(axis=1), np.int64)


def _is_scale(domain: Domain) -> bool:
    return domain.ordered or all(value is None or not isinstance(value, str) for value in domain)


def _neighbours(domain: Domain, value: object) -> list[int]:
    """The codes between which a foreign value lies."""
    if isinstance(value, str):
        try:
            spelled = domain.code(read_scalar(value))
        except SpaceError:
            return []
        return [] if spelled is None else [spelled]
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return []
    numbers = {
        code: v for code, v in enumerate(domain) if isinstance(v, int | float) and not isinstance(v, bool)
    }
    # Only decimals are missed by rounding, and not every whole number fits into one.
    close = [code for code, v in numbers.items() if isinstance(value, float) and abs(v - value) < _NEAR]
    below = [code for code, v in numbers.items() if v < value]
    above = [code for code, v in numbers.items() if v > value]
    if close:
        return close[:1]
    return [*_extreme(numbers, below, 1), *_extreme(numbers, above, -1)]


def _extreme(numbers: Mapping[int, float], codes: list[int], sign: int) -> list[int]:
    return [max(codes, key=lambda code: sign * numbers[code])] if codes else []


def _unusual(parameter: Parameter) -> NDArray[np.int64]:
    """For each code of a free parameter, 1 where it is not the default."""
    unusual = np.zeros(len(parameter.domain), np.int64)
    default: Scalar | NoDefault = parameter.default
    if not isinstance(default, NoDefault) and (code := parameter.domain.code(default)) is not None:
        unusual[:] = 1
        unusual[code] = 0
    return unusual
