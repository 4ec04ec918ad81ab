"""Configs as rows of codes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spacegen.engines.protocol import Block, code_dtype
from spacegen.language.model import Domain, Model

__all__ = ["encode"]


def encode(model: Model, config: Mapping[str, object]) -> Block | None:
    """The config as a block of one row; None where a parameter or value is missing, unknown or foreign."""
    codes = [p.domain.code(config[p.name]) if p.name in config else None for p in model.parameters]
    if any(code is None for code in codes) or not _only_known(model, config):
        return None
    columns = tuple(
        np.array([code], code_dtype(p.domain)) for p, code in zip(model.parameters, codes, strict=True)
    )
    return Block(columns, 1)


def _only_known(model: Model, config: Mapping[str, object]) -> bool:
    return all(
        name in model.index or (name in model.fixed and value in Domain((model.fixed[name],)))
        for name, value in config.items()
    )
