"""Who watches a study."""

from __future__ import annotations

from collections.abc import Mapping

from spacegen.language.expr import Scalar
from spacegen.tune.outcome import Failure
from spacegen.tune.record import Record

__all__ = ["Observer"]


class Observer:
    """Told what a driver does; does nothing itself."""

    def started(self, trial: int, config: Mapping[str, Scalar], starts: int) -> None:
        """A trial was handed to the executor, for the `starts`-th time."""

    def retried(self, trial: int, failure: Failure) -> None:
        """A trial failed for no fault of its config, and will be started again."""

    def finished(self, record: Record) -> None:
        """A trial was told, and is in the storage for good."""

    def troubled(self, trouble: str) -> None:
        """The storage is out of reach, which may pass."""
