"""The time of a SIMULATED server: as many times faster as its speed says, in its log and in its answers."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

__all__ = ["Clock"]


class Clock:
    """Simulated seconds since the server was started."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._began = time.monotonic()
        self._day = datetime.now()

    def now(self) -> float:
        return (time.monotonic() - self._began) * self.speed

    def owed(self, at: float) -> float:
        """How many seconds of real time it is until then; negative where that is past."""
        return at / self.speed - (time.monotonic() - self._began)

    def stamp(self, at: float | None = None) -> str:
        """The time of day as logs write it, now unless said."""
        since = timedelta(seconds=self.now() if at is None else at)
        return (self._day + since).strftime("%Y-%m-%d %H:%M:%S")
