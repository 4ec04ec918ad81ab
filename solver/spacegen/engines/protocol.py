"""What every engine offers: the questions that the rest of the package asks of a compiled space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spacegen.language.model import Domain, Model

__all__ = ["ANYTHING", "Block", "Codes", "Draw", "Engine", "Given", "Method", "RankedEngine", "code_dtype"]

Codes: TypeAlias = NDArray[np.unsignedinteger[Any]]
Method: TypeAlias = Literal["uniform", "balanced"]
Given: TypeAlias = Mapping[str, tuple[int, ...]]
"""Parameter name to the codes it may take; a parameter that is not named is free."""

ANYTHING: Final[Given] = MappingProxyType({})


def code_dtype(domain: Domain) -> np.dtype[Any]:
    """The smallest unsigned integer type that holds the codes of a domain."""
    return np.min_scalar_type(max(len(domain) - 1, 0))


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Assignments as columns of codes (positions in the declared domain), one column a parameter,
    in declared order, each of shape (length,)."""

    columns: tuple[Codes, ...]
    length: int

    def __len__(self) -> int:
        return self.length

    def rows(self, selection: slice | NDArray[Any]) -> Block:
        """Some of the rows: a slice, an index array or a mask."""
        columns = tuple(column[selection] for column in self.columns)
        length = len(columns[0]) if columns else len(np.empty(self.length)[selection])
        return Block(columns, length)

    @staticmethod
    def concatenate(model: Model, blocks: list[Block]) -> Block:
        """The rows of all blocks in order; no blocks give no rows."""
        columns = tuple(
            np.concatenate([b.columns[i] for b in blocks] or [np.empty(0, code_dtype(p.domain))])
            for i, p in enumerate(model.parameters)
        )
        return Block(columns, sum(len(b) for b in blocks))


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
