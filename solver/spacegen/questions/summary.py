"""How often each value occurs, and which occur nearly always or hardly ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spacegen.engines.protocol import Block, Engine
from spacegen.errors import how_many
from spacegen.language.expr import Scalar
from spacegen.language.model import Model
from spacegen.questions.edits import shorten, words

__all__ = ["Frequency", "Summary", "of_block", "of_space", "percent"]

OFTEN = 0.95
SELDOM = 0.005
FAR_FROM_EVEN = 0.1


@dataclass(frozen=True, slots=True)
class Frequency:
    """How many solutions have this value of this parameter."""

    parameter: str
    value: Scalar
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Summary:
    """Value counts: `counts[parameter][i]` belongs to the value `values[parameter][i]`."""

    total: int
    values: dict[str, tuple[Scalar, ...]]
    counts: dict[str, tuple[int, ...]]

    def frequencies(self, parameter: str) -> tuple[Frequency, ...]:
        """One frequency a value, in the order of the domain."""
        pairs = zip(self.values[parameter], self.counts[parameter], strict=True)
        return tuple(Frequency(parameter, v, n, n / self.total if self.total else 0.0) for v, n in pairs)

    def lopsided(self) -> tuple[Frequency, ...]:
        """The values that over 95 % of the solutions have, and those that some but under 0.5 % have, which is
        also under a tenth of an even share; only of parameters with several values. Those that all solutions
        have come last."""
        choices = (name for name, values in self.values.items() if len(values) > 1)
        found = (frequency for name in choices for frequency in self._lopsided(name))
        return tuple(sorted(found, key=lambda f: (f.share == 1, f.share < OFTEN)))

    def unused(self) -> dict[str, tuple[Scalar, ...]]:
        """By parameter, the values that no solution has, where the solutions have several others."""
        found = {}
        for name in self.values if self.total else ():
            shares = self.frequencies(name)
            if all(f.share < 1 for f in shares) and (none := tuple(f.value for f in shares if f.count == 0)):
                found[name] = none
        return found

    def _lopsided(self, parameter: str) -> tuple[Frequency, ...]:
        shares = self.frequencies(parameter) if self.total else ()
        # Of 200 values and more, each has under 0.5 % even where all occur equally often.
        seldom = min(SELDOM, FAR_FROM_EVEN / len(shares)) if shares else 0
        return tuple(f for f in shares if f.share > OFTEN or 0 < f.share < seldom)

    def __str__(self) -> str:
        width = max(map(len, self.values), default=0)
        lines = [f"{how_many(self.total, 'solution')} of {how_many(len(self.values), 'parameter')}"]
        for name in self.values:
            cells = ", ".join(f"{words(f.value)} {percent(f.share)}" for f in self.frequencies(name))
            lines.append(f"  {name:<{width}}  {shorten(cells)}")
        return "\n".join(lines)


def percent(share: float, *, digits: int | None = None, signed: bool = False) -> str:
    """A share in percent, with as many digits as a share near 0 or 1 needs, or with this number of them after
    the point; a `signed` one says how something changed."""
    if signed or digits is not None or not 0 <= share <= 1:
        return f"{share * 100:{'+' if signed else ''}.{1 if digits is None else digits}f} %"
    if share in (0.0, 1.0):
        return f"{share * 100:.0f} %"
    text = f"{share * 100:.{1 if min(share, 1 - share) >= 0.001 else 3}f}"
    if float(text) == 0:
        return f"{share * 100:.2g} %"
    return "> 99.999 %" if float(text) == 100 else f"{text} %"


def of_space(engine: Engine) -> Summary:
    """The exact counts over all solutions."""
    return _summary(engine.model, engine.count(), engine.marginals())


def of_block(model: Model, block: Block) -> Summary:
    """The counts over the rows of a block."""
    counts = [
        np.bincount(column, minlength=len(p.domain)).tolist()
        for p, column in zip(model.parameters, block.columns, strict=True)
    ]
    return _summary(model, len(block), counts)


def _summary(model: Model, total: int, counts: Sequence[Sequence[int]]) -> Summary:
    return Summary(
        total,
        {p.name: p.domain.values for p in model.parameters},
        {p.name: tuple(n) for p, n in zip(model.parameters, counts, strict=True)},
    )
