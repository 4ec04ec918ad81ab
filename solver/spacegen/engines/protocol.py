"""What every engine offers: the questions that the rest of the package asks of a compiled space."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.blocks import ANYTHING, Block, Codes, Given, code_dtype
from spacegen.engines.costs import Cost, Costed
from spacegen.language.model import Model

__all__ = ["ANYTHING", "Block", "Codes", "Draw", "Engine", "Given", "Method", "RankedEngine", "code_dtype"]

Method: TypeAlias = Literal["uniform", "balanced"]


@dataclass(frozen=True, slots=True)
class Draw:
    """A sample, with what the user must know of how it was made (None: exactly as asked)."""

    block: Block
    note: str | None = None


class Engine(Protocol):
    """A compiled space. Engines agree on every answer but the random rows that `sample` draws."""

    @property
    def name(self) -> str:
        """The name that `--engine` takes."""
        ...

    @property
    def model(self) -> Model: ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the choice of engine."""
        ...

    def count(self, given: Given = ANYTHING) -> int:
        """The exact number of solutions that agree with `given`."""
        ...

    def enumerate(self, given: Given = ANYTHING, *, rows: int = 65536) -> Iterator[Block]:
        """All solutions in canonical order, in blocks of at most `rows` rows; none is empty."""
        ...

    def marginals(self, given: Given = ANYTHING) -> tuple[tuple[int, ...], ...]:
        """For each parameter and each code of its declared domain, how many solutions have it."""
        ...

    def sample(
        self,
        size: int,
        rng: np.random.Generator,
        *,
        method: Method = "uniform",
        replace: bool = False,
        given: Given = ANYTHING,
    ) -> Draw:
        """`size` random solutions: distinct (all of them in random order where fewer exist), or with
        `replace` independent draws. Raises EmptySpaceError where `replace` has nothing to draw from."""
        ...

    def costed(self, costs: Sequence[Cost], given: Given = ANYTHING) -> Costed:
        """The solutions that agree with `given`, each of which costs the sum of the parts `costs`."""
        ...


class RankedEngine(Engine, Protocol):
    """An engine that knows the number of each solution in the canonical order."""

    @property
    def fingerprint(self) -> str:
        """The name of the space's meaning: the same fingerprint and rank name the same config for ever."""
        ...

    def rank(self, block: Block) -> NDArray[Any]:
        """The ranks of solutions, shape (length,): int64 while every rank of the space fits, else Python
        ints in an object array. Raises ValueError where a row is no solution."""
        ...

    def unrank(self, ranks: NDArray[Any]) -> Block:
        """The solutions with these ranks. Raises IndexError outside 0 … count - 1."""
        ...
