"""One parameter at a time: the solution nearest to a base with each value, and why more had to change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.breaches import Breaks
from spacegen.engines.costs import Costed
from spacegen.engines.protocol import Block, Engine, code_dtype
from spacegen.errors import EmptySpaceError
from spacegen.language.expr import Scalar
from spacegen.language.model import Domain, Model, NoDefault, Rule
from spacegen.questions.edits import words
from spacegen.questions.near.distance import Distance
from spacegen.questions.near.nearest import nearest
from spacegen.questions.near.repair import Change
from spacegen.questions.verdict import listed

__all__ = ["Around", "Variant", "Within", "around", "defaults", "within"]


@dataclass(frozen=True, slots=True)
class Variant:
    """The solution nearest to the base that has a value: what else had to change, and the rules that the
    base breaks with that value alone."""

    parameter: str
    value: Scalar
    also: tuple[Change, ...]
    because: tuple[Rule, ...]

    def as_dict(self) -> dict[str, Any]:
        """The variant as plain data."""
        return {
            "parameter": self.parameter,
            "value": self.value,
            "also": [change.as_dict() for change in self.also],
            "because": [rule.id for rule in self.because],
        }

    @property
    def reason(self) -> str:
        """What else had to change and why, in words; empty where nothing had to."""
        if not self.also:
            return ""
        noun = "rule" if len(self.because) == 1 else "rules"
        rules = listed(f"`{rule.id}`" for rule in self.because)
        return f"also {'; '.join(map(str, self.also))} ({noun} {rules})"


@dataclass(frozen=True, slots=True)
class Around:
    """The base, then the solutions nearest to it with each value that it lacks, each solution once.

    The first row of `block` is `base`, a solution; `moved` says what was changed of the config that was
    asked for to make it one. `variants[i]` are the values that row i + 1 is for; `impossible` are those that
    no solution has.
    """

    block: Block
    base: Mapping[str, Scalar]
    moved: tuple[Change, ...]
    variants: tuple[tuple[Variant, ...], ...]
    impossible: tuple[tuple[str, Scalar], ...]

    def as_dict(self) -> dict[str, Any]:
        """All but the rows as plain data."""
        return {
            "base": dict(self.base),
            "moved": [change.as_dict() for change in self.moved],
            "variants": [[variant.as_dict() for variant in row] for row in self.variants],
            "impossible": [{"parameter": name, "value": value} for name, value in self.impossible],
        }

    def rows(self, n: int) -> Around:
        """The same with the first `n` rows."""
        return replace(self, block=self.block.rows(slice(n)), variants=self.variants[: max(n - 1, 0)])

    def notes(self) -> Iterator[str]:
        """What people should know beside the rows."""
        if self.moved:
            yield f"the base is no solution; the nearest one has {'; '.join(map(str, self.moved))}"
        alike: dict[tuple[str, str], list[str]] = {}
        for variant in (variant for row in self.variants for variant in row if variant.also):
            alike.setdefault((variant.parameter, variant.reason), []).append(words(variant.value))
        for (name, reason), values in alike.items():
            yield f"{name} = {', '.join(values)}: {reason}"
        if self.impossible:
            yield f"no solution has {listed((f'{n} = {words(v)}' for n, v in self.impossible), 20)}"


def around(model: Model, engine: Engine, config: Mapping[str, Any]) -> Around:
    """The neighbours of a config, one for each value of each parameter, in declared order. What the config
    leaves open is at its default, or nearly so.

    Raises EmptySpaceError where there is no solution.
    """
    block, moved = _base(model, engine, config)
    start = tuple(int(column[0]) for column in block.columns)
    base = {p.name: p.domain[code] for p, code in zip(model.parameters, start, strict=True)}
    distance = Distance(model, base, {})
    possible = engine.costed(distance.costs).least_by_value()
    rows: dict[tuple[int, ...], list[Variant]] = {}
    impossible: list[tuple[str, Scalar]] = []
    for place, parameter in enumerate(model.parameters):
        for code, value in enumerate(parameter.domain):
            if possible[place][code] is None:
                impossible.append((parameter.name, value))
            elif code != start[place]:
                found = engine.costed(distance.costs, {parameter.name: (code,)}).best(1).block
                row = tuple(int(column[0]) for column in found.columns)
                rows.setdefault(row, []).append(_variant(model, base, start, row, place))
    codes = np.array([start, *rows], np.intp).reshape(1 + len(rows), len(start)).T
    columns = (column.astype(code_dtype(p.domain)) for p, column in zip(model.parameters, codes, strict=True))
    variants = tuple(map(tuple, rows.values()))
    return Around(Block(tuple(columns), 1 + len(rows)), base, moved, variants, tuple(impossible))


def _base(model: Model, engine: Engine, config: Mapping[str, Any]) -> tuple[Block, tuple[Change, ...]]:
    distance = Distance(model, config, {})
    found = nearest(engine, distance)
    if found is None:
        raise EmptySpaceError("there is no solution to start from")
    values = found.values(distance)
    changed = (name for name in distance.named if config[name] not in Domain((values[name],)))
    return found.block, tuple(Change(name, config[name], values[name]) for name in changed)


def _variant(
    model: Model, base: Mapping[str, Scalar], start: tuple[int, ...], row: tuple[int, ...], place: int
) -> Variant:
    parameter = model.parameters[place]
    also = tuple(
        Change(p.name, base[p.name], p.domain[code])
        for i, (p, code) in enumerate(zip(model.parameters, row, strict=True))
        if i != place and code != start[i]
    )
    alone = [np.array([row[i] if i == place else code]) for i, code in enumerate(start)]
    because = tuple(_broken(model, alone, place)) if also else ()
    return Variant(parameter.name, parameter.domain[row[place]], also, because)


def _broken(model: Model, columns: Sequence[NDArray[np.intp]], place: int) -> Iterator[Rule]:
    """The rules that a row breaks; all of them mention the parameter that was changed."""
    for rule in model.conditions:
        breaks = Breaks(model, rule)
        if place in breaks.scope and breaks.rows([columns[v] for v in breaks.scope], 1).any():
            yield rule


def defaults(model: Model) -> dict[str, Scalar]:
    """The config with every parameter at its default; those without one are left open."""
    return {p.name: p.default for p in model.parameters if not isinstance(p.default, NoDefault)}


@dataclass(frozen=True, slots=True)
class Within:
    """The solutions that differ from a config in at most `radius` of the parameters that it names."""

    costed: Costed
    radius: int

    def count(self) -> int:
        """How many there are."""
        return self.costed.count_within(self.radius)

    def blocks(self, *, rows: int = 65536) -> Iterator[Block]:
        """All of them in canonical order; no block is empty."""
        return self.costed.within(self.radius, rows=rows)


def within(model: Model, engine: Engine, config: Mapping[str, Any], radius: int) -> Within:
    """The solutions within `radius` changes of a config."""
    return Within(engine.costed(Distance(model, config, {}).changes), radius)
