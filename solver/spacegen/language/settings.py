"""What the reader of a space may choose: constants, kinds of rule, single rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from spacegen.language.expr import Scalar
from spacegen.language.model import Kind

__all__ = ["Settings"]


def _nothing() -> Mapping[str, Scalar]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Settings:
    """Choices on top of a file. `with_kinds` adds to the kinds that the space takes, `without_kinds` wins
    over both; a constant set to None is unknown; `target` is another version, such as `sglang==0.5.23`.

    `fixed` has more arguments of the server, which rules see and every output has.

    `hardware` (a name of the catalogue or a file) and `model` (a folder or its config.json) give constants
    their values; those of `constants` win over both."""

    constants: Mapping[str, Scalar] = field(default_factory=_nothing)
    with_kinds: frozenset[Kind] = frozenset()
    without_kinds: frozenset[Kind] = frozenset()
    without_rules: frozenset[str] = frozenset()
    strict_target: bool = False
    effective: bool = False
    target: str | None = None
    hardware: str | None = None
    model: str | Path | None = None
    fixed: Mapping[str, Scalar] = field(default_factory=_nothing)
