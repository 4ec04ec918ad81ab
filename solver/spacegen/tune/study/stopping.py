"""When a study ends before it has all its trials."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

import numpy as np

from spacegen.errors import how_many
from spacegen.tune.front import hypervolume
from spacegen.tune.metrics import Goal, missing
from spacegen.tune.outcome import Outcome
from spacegen.tune.record import Record, gpu_hours

__all__ = ["Budget", "Ended", "Hopeless", "Plateau", "Reason", "Stop", "TimeOut", "broken"]

Reason: TypeAlias = Literal["trials", "time-out", "budget", "plateau", "exhausted", "broken", "again"]


@dataclass(frozen=True, slots=True)
class Ended:
    """Why a study asks for no more trials. `broken`: one trial after the other failed for no fault of its
    config. `again`: another process measures the front again."""

    reason: Reason
    message: str


def broken(outcome: Outcome, goals: Sequence[Goal], trials: int) -> Ended:
    """That so many trials gave nothing, and why the last of them did not."""
    if outcome.failure is not None:
        why = f"{outcome.failure.cause}: {outcome.failure.message}"
    else:
        lacking = "`, `".join(goal.metric for goal in goals if goal.metric not in outcome)
        why = f"no `{lacking}` among what was measured: {', '.join(outcome.values())}"
    return Ended("broken", f"{trials} trials in a row gave nothing: {why}")


class Stop(Protocol):
    """Looks at a study whenever a trial could begin."""

    def ended(self, records: Sequence[Record]) -> Ended | None:
        """Why no more trials should begin; None where they should."""
        ...


class TimeOut:
    """Ends a study some seconds after this was made; trials that run are finished."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._begin = seconds, time.monotonic()

    def ended(self, records: Sequence[Record]) -> Ended | None:  # noqa: ARG002 - the same for all
        if time.monotonic() - self._begin < self._seconds:
            return None
        return Ended("time-out", f"the {self._seconds:g} seconds are over")


class Budget:
    """Ends a study that has used so many GPU-hours, in all its runs together; trials that run are
    finished."""

    def __init__(self, gpu_hours: float) -> None:
        self._hours = gpu_hours

    def ended(self, records: Sequence[Record]) -> Ended | None:
        used = gpu_hours(records)
        return None if used < self._hours else Ended("budget", f"{used:.2f} GPU-hours are used")


class Hopeless:
    """Ends a run whose first trials all failed in the same words: that is hardly their configs' fault. What
    an earlier run of the study met may be mended.

    Three such trials are enough where nothing was ever measured, eight where something was or memory did not
    suffice, which many configs share.
    """

    FEW: Final = 3
    FIRST: Final = 8

    def __init__(self) -> None:
        self._before: set[int | None] | None = None

    def ended(self, records: Sequence[Record]) -> Ended | None:
        if self._before is None:
            self._before = {record.trial for record in records}
        mine = [record for record in records if record.again == 0 and record.trial not in self._before]
        failures = [record.outcome.failure for record in mine]
        messages = {None if failure is None else failure.message for failure in failures}
        if len(messages) != 1 or (failure := failures[0]) is None:
            return None
        certain = not failure.cause.of_memory and not any(record.outcome.ok for record in records)
        if len(failures) < (self.FEW if certain else self.FIRST):
            return None
        said = f"{failure.cause}: {failure.message}"
        log = f"; the log of the last is {mine[-1].outcome.log}" if mine[-1].outcome.log else ""
        return Ended("broken", f"all {len(failures)} trials failed in the same words: {said}{log}")


class Plateau:
    """Ends a study whose last `length` trials raised the hypervolume of the front by 0.1 % or less.

    The reference point is fixed by the first trials that gave metrics: the worst of each objective, and a
    tenth of its range beyond, so that the volumes of one study compare.
    """

    FIRST: Final = 10
    GAIN: Final = 1e-3

    def __init__(self, length: int, goals: Sequence[Goal]) -> None:
        self._length, self._goals = length, goals

    def ended(self, records: Sequence[Record]) -> Ended | None:
        first = [record for record in records if record.again == 0]
        points = [self._point(record) for record in first]
        usable = [point for point in points if point is not None]
        if len(first) < self._length + self.FIRST or len(usable) < self.FIRST:
            return None
        start = np.array(usable[: self.FIRST])
        low, high = start.min(axis=0), start.max(axis=0)
        reference = high + 0.1 * np.where(high > low, high - low, np.abs(high) + 1e-9)
        before = self._volume(points[: -self._length], reference)
        now = self._volume(points, reference)
        if before <= 0 or now > before * (1 + self.GAIN):
            return None
        return Ended(
            "plateau", f"the last {how_many(self._length, 'trial')} improved the front by 0.1 % or less"
        )

    def _point(self, record: Record) -> list[float] | None:
        """What is to be small; None for what cannot be on a front."""
        metrics = record.outcome.values()
        missed = any(share > 0 for share in record.violations.values())
        if not record.outcome.ok or missed or missing(metrics, self._goals):
            return None
        return [goal.sign * metrics[goal.metric] for goal in self._goals]

    def _volume(self, points: Sequence[list[float] | None], reference: np.ndarray) -> float:
        return hypervolume([point for point in points if point is not None], reference)
