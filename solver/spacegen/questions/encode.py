"""Configs as rows of codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from spacegen.engines.protocol import Block, code_dtype
from spacegen.language.model import Domain, Model

__all__ = ["encode", "encode_all"]


def encode(model: Model, config: Mapping[str, object]) -> Block | None:
    """The config as a block of one row; None where a parameter or value is missing, unknown or foreign."""
    places, block = encode_all(model, [config])
    return block if places else None


def encode_all(model: Model, configs: Sequence[Mapping[str, object]]) -> tuple[list[int], Block]:
    """The places of the configs that can be encoded, and those configs as a block, in the same order."""
    found = {i: codes for i, config in enumerate(configs) if (codes := _codes(model, config)) is not None}
    rows = zip(*found.values(), strict=True) if found else ([] for _ in model.parameters)
    columns = tuple(
        np.array(row, code_dtype(p.domain)) for p, row in zip(model.parameters, rows, strict=False)
    )
    return list(found), Block(columns, len(found))


def _codes(model: Model, config: Mapping[str, object]) -> list[int] | None:
    codes = [p.domain.code(config[p.name]) if p.name in config else None for p in model.parameters]
    known = len(config) == len(codes) or _only_known(model, config)
    found = [code for code in codes if code is not None]
    return found if known and len(found) == len(codes) else None


def _only_known(model: Model, config: Mapping[str, object]) -> bool:
    return all(
        name in model.index or (name in model.fixed and value in Domain((model.fixed[name],)))
        for name, value in config.items()
    )
