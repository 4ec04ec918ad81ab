"""A config with what all its measurements come to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median

from spacegen.tune.metrics import Goal, Limit, missing
from spacegen.tune.record import Record

__all__ = ["Measured", "Spread", "measured"]


@dataclass(frozen=True, slots=True)
class Spread:
    """The least and the most that a metric was, and their distance as a share of the median."""

    low: float
    high: float
    share: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A config that was measured at least once without a failure.

    `record` is the first measurement, `metrics` has the medians over all of them, with the metrics that are
    derived from others, and `violations` judges those medians. `spread` is empty for a single measurement;
    `failed` counts the measurements that gave nothing.
    """

    record: Record
    metrics: Mapping[str, float]
    violations: Mapping[str, float]
    spread: Mapping[str, Spread]
    times: int
    failed: int = 0

    @property
    def keeps(self) -> bool:
        """Whether every service level is kept."""
        return all(missed <= 0 for missed in self.violations.values())

    @property
    def trial(self) -> int:
        return -1 if self.record.trial is None else self.record.trial


def measured(
    records: Iterable[Record], goals: Sequence[Goal], limits: Sequence[Limit]
) -> tuple[Measured, ...]:
    """The trials of a study whose first measurement has every metric that goals ask for, by trial."""

    def trial(record: Record) -> tuple[int, int]:
        return -1 if record.trial is None else record.trial, record.again

    groups = groupby(sorted(records, key=trial), key=lambda record: record.trial)
    found = (_together(list(group), goals, limits) for _, group in groups)
    return tuple(one for one in found if one is not None)


def _together(records: Sequence[Record], goals: Sequence[Goal], limits: Sequence[Limit]) -> Measured | None:
    first = records[0]
    found = [dict(r.outcome.values()) for r in records if r.outcome.ok]
    found = [metrics for metrics in found if not missing(metrics, goals)]
    if first.again or not first.outcome.ok or missing(first.outcome.values(), goals):
        return None
    names = [name for name in found[0] if all(name in metrics for metrics in found)]
    metrics = {name: median(one[name] for one in found) for name in names}
    return Measured(
        record=first,
        metrics=metrics,
        violations={str(limit): limit.violation(metrics) for limit in limits},
        spread={} if len(found) == 1 else {name: _spread([one[name] for one in found]) for name in names},
        times=len(found),
        failed=len(records) - len(found),
    )


def _spread(values: Sequence[float]) -> Spread:
    low, high, middle = min(values), max(values), median(values)
    return Spread(low, high, (high - low) / abs(middle) if middle else 0.0)
