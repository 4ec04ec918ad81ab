"""The trials of a report: each config once, with how it stands among the others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count

from spacegen.tune.metrics import Goal
from spacegen.tune.record import Record
from spacegen.tune.summary.measured import Measured, measured
from spacegen.tune.summary.summary import Summary

__all__ = ["State", "Trial", "numbered", "ranked"]


class State(StrEnum):
    """How a trial stands."""

    FRONT = "front"
    MEASURED = "measured"
    MISSED = "misses a limit"
    FAILED = "failed"
    LACKING = "no such metric"
    """The launch went well, and a metric that the goals need was not among its results."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A config, its first measurement, and what all its measurements come to."""

    record: Record
    state: State
    measured: Measured | None
    again: tuple[Record, ...] = ()
    violations: Mapping[str, float] = field(default_factory=dict)

    @property
    def number(self) -> int:
        return self.record.trial or 0

    def value(self, metric: str) -> float | None:
        """The median over all measurements."""
        found = self.record.outcome.values() if self.measured is None else self.measured.metrics
        return found.get(metric)

    def point(self, goals: Sequence[Goal]) -> list[float] | None:
        """Its values with signs that make less better; None where one is missing or no number."""
        values = [self.value(goal.metric) for goal in goals]
        if self.measured is None or not all(v is not None and math.isfinite(v) for v in values):
            return None
        return [goal.sign * (value or 0.0) for goal, value in zip(goals, values, strict=True)]


def numbered(records: Sequence[Record]) -> tuple[Record, ...]:
    """Records that have a trial each: those of a run, which has none, are numbered by their config."""
    taken = {record.trial for record in records}
    free = (number for number in count() if number not in taken)
    numbers: dict[object, int] = {}
    found = []
    for record in records:
        if record.trial is None:
            # 1 and true are equal, and not the same value.
            key = tuple((name, type(value), value) for name, value in record.config.items())
            if key not in numbers:
                numbers[key] = next(free)
            record = record.model_copy(update={"trial": numbers[key]})
        found.append(record)
    return tuple(found)


def ranked(records: Sequence[Record], summary: Summary) -> tuple[Trial, ...]:
    """The trials of numbered records by number, as the summary of the same records has them."""
    groups: dict[int | None, list[Record]] = {}
    for record in sorted(records, key=lambda record: (record.trial or 0, record.again)):
        groups.setdefault(record.trial, []).append(record)
    found = {one.record.trial: one for one in measured(records, summary.goals, summary.limits)}
    front = {one.record.trial for one in summary.front}
    return tuple(
        _trial(group, found.get(number), on_front=number in front) for number, group in groups.items()
    )


def _trial(group: Sequence[Record], one: Measured | None, *, on_front: bool) -> Trial:
    first, *again = group
    if one is None:
        state = State.LACKING if first.outcome.ok else State.FAILED
        return Trial(first, state, None, tuple(again), first.violations)
    state = State.FRONT if on_front else State.MEASURED if one.keeps else State.MISSED
    return Trial(first, state, one, tuple(again), one.violations)
