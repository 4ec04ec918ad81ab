"""Configs as columns: what each parameter was in each trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from spacegen.language.expr import Scalar
from spacegen.language.scalars import write_scalar
from spacegen.tune.report.trials import Trial

__all__ = ["Column", "columns"]

_ABSENT = "(not given)"

_Key: TypeAlias = tuple[int, float, str]


@dataclass(frozen=True, slots=True)
class Column:
    """A parameter: the values that occur in their order, as YAML spells them, and the position of
    the value of each trial among them."""

    name: str
    labels: tuple[str, ...]
    codes: tuple[int, ...]

    @property
    def varies(self) -> bool:
        return len(self.labels) > 1

    def label(self, row: int) -> str:
        return self.labels[self.codes[row]]


def columns(trials: Sequence[Trial]) -> tuple[Column, ...]:
    """A column for each parameter of any trial, in the order in which they occur."""
    names = dict.fromkeys(name for trial in trials for name in trial.record.config)
    return tuple(_column(name, trials) for name in names)


def _column(name: str, trials: Sequence[Trial]) -> Column:
    found = [_spelled(trial.record.config, name) for trial in trials]
    places = {key: place for place, key in enumerate(sorted({key for key, _ in found}))}
    labels = {places[key]: label for key, label in reversed(found)}
    return Column(name, tuple(labels[i] for i in range(len(places))), tuple(places[key] for key, _ in found))


def _spelled(config: dict[str, Scalar], name: str) -> tuple[_Key, str]:
    """The place of a value in the order of values (absent, null, false and true, numbers, strings), and its
    text."""
    if name not in config:
        return (0, 0, ""), _ABSENT
    match config[name]:
        case None:
            return (1, 0, ""), "null"
        case bool(value):
            return (2, float(value), ""), write_scalar(value)
        case int() | float() as value:
            return (3, float(value), ""), write_scalar(value)
        case str(value):
            return (4, 0, value), write_scalar(value)
