"""What the engine tests share: every engine, and solutions as tuples of codes."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np

import oracle
from spacegen.engines.protocol import ANYTHING, Block, Engine, Given
from spacegen.language.model import Model, identity

__all__ = ["ENGINES", "Codes", "block_of", "codes_of", "enumerated", "solutions"]

ENGINES: Final = ("jointree", "cpsat", "backtrack")
Codes: TypeAlias = tuple[int, ...]


def codes_of(block: Block) -> list[Codes]:
    columns = [column.tolist() for column in block.columns]
    return [tuple(column[i] for column in columns) for i in range(len(block))]


def block_of(model: Model, rows: list[Codes]) -> Block:
    columns = np.array(rows, np.uint8).reshape(-1, len(model.parameters)).T
    return Block(tuple(columns), len(rows))


def enumerated(engine: Engine, given: Given = ANYTHING, rows: int = 7) -> list[Codes]:
    return [row for block in engine.enumerate(given, rows=rows) for row in codes_of(block)]


def solutions(model: Model) -> list[Codes]:
    """By the oracle, in the order of the declared domains."""
    codes = [{identity(v): i for i, v in enumerate(p.domain)} for p in model.parameters]
    rows = oracle.solutions(model)
    return [tuple(code[identity(v)] for code, v in zip(codes, row, strict=True)) for row in rows]
