"""Waiting for a storage that is out of reach for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from spacegen.tune.study.interrupts import at_once
from spacegen.tune.study.storage import BROKEN, StudyStorage, why

__all__ = ["Patience"]

_PATIENCE: Final = 300.0
"""Seconds to wait for a storage that is out of reach."""
_PAUSE: Final = 2.0

T = TypeVar("T")


class Patience:
    """Waits for a storage that may come back: a server restarts, a disk is full. `troubled` is told when it
    is lost."""

    def __init__(self, storage: StudyStorage, troubled: Callable[[str], None]) -> None:
        self._storage, self._troubled = storage, troubled
        self._since: float | None = None

    def bear(self, error: Exception) -> None:
        """Waits a little; raises the error again where the storage stays away."""
        if self._since is None:
            self._since = time.monotonic()
            self._troubled(f"{self._storage.label} is out of reach, trying again: {why(error)}")
        elif time.monotonic() - self._since > _PATIENCE:
            raise error
        at_once(lambda: time.sleep(_PAUSE))

    def eased(self) -> None:
        """The storage is there."""
        self._since = None

    def through(self, step: Callable[[], T]) -> T:
        """What a step gives that can be done again, once the storage lets it."""
        while True:
            try:
                found = step()
            except BROKEN as error:
                self.bear(error)
            else:
                self.eased()
                return found
