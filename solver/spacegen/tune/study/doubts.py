"""Outcomes that say something about the study, and nothing about their configs."""

from __future__ import annotations

from typing import Final

from spacegen.errors import UsageError
from spacegen.tune.metrics import refuse_unknown
from spacegen.tune.outcome import Outcome
from spacegen.tune.study.identity import Identity
from spacegen.tune.study.records import Measurements
from spacegen.tune.study.stopping import Ended, broken

__all__ = ["Doubts"]

_BROKEN: Final = 3
"""After so many trials in a row that failed for no fault of their configs, nothing will come of more."""


class Doubts:
    """What the outcomes of a run tell of its study: metrics that nothing measures, and that nothing works.

    `misnamed` is set by the first measurement where an objective or a service level is about a metric that
    neither it nor any measurement before has.
    """

    def __init__(self, known: Identity, measurements: Measurements) -> None:
        self._known, self._measurements = known, measurements
        self._measured, self._failures = False, 0
        self.misnamed: UsageError | None = None

    def look(self, outcome: Outcome) -> bool:
        """Whether an outcome can be told: its metrics are those that the study is about."""
        if outcome.ok and not self._measured:
            self._measured = True
            names = {name for record in self._measurements.records() for name in record.outcome.values()}
            measured = names | outcome.values().keys()
            try:
                refuse_unknown(self._known.goals, self._known.limits, measured, "there are")
            except UsageError as error:
                self.misnamed = error
        return self.misnamed is None

    def count(self, outcome: Outcome, failed: bool) -> Ended | None:
        """That one trial after the other failed, once that is certain."""
        self._failures = self._failures + 1 if failed else 0
        return broken(outcome, self._known.goals, _BROKEN) if self._failures >= _BROKEN else None
