"""What reads a source, once its first bytes tell what it is: a log, or metrics."""

from __future__ import annotations

from typing import Final, Protocol

from spacegen.diagnose.collecting.services import Services
from spacegen.diagnose.launch import Launch
from spacegen.diagnose.reading.prometheus import MetricsReader
from spacegen.diagnose.reading.scrapes import looks_like_metrics

__all__ = ["Reader"]

_ENOUGH: Final = 3
_LONGEST: Final = 2**16
"""Lines, or bytes, that tell what a source is."""


class _Reading(Protocol):
    def take(self, chunk: bytes) -> None: ...

    def close(self) -> None: ...

    def move_on(self, name: str) -> None: ...

    @property
    def launches(self) -> tuple[Launch, ...]: ...


class Reader:
    """Reads a source of any length in constant memory; pieces may end anywhere."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._held = b""
        self._reading: _Reading | None = None

    @property
    def launches(self) -> tuple[Launch, ...]:
        """The launches until now, the last as far as it is."""
        return () if self._reading is None else self._reading.launches

    def take(self, chunk: bytes) -> None:
        """Takes in what comes next. Raises UsageError where metrics are read without the library for it."""
        if self._reading is None:
            self._held += chunk
            # Before metrics there may be a line with the time, in a piece of its own.
            if self._held.count(b"\n") < _ENOUGH and len(self._held) < _LONGEST:
                return
            chunk = self._held
        self._begun(chunk).take(chunk)

    def close(self) -> None:
        """Takes in a last line that never ended."""
        if held := self._held:
            self._begun(held).take(held)
        if self._reading is not None:
            self._reading.close()

    def move_on(self, name: str) -> None:
        """What comes next stands in another file, which goes on where this one ended."""
        if held := self._held:
            self._begun(held).take(held)
        if self._reading is not None:
            self._reading.move_on(name)
        self._name = name

    def _begun(self, first: bytes) -> _Reading:
        if self._reading is None:
            self._reading = (MetricsReader if looks_like_metrics(first) else Services)(self._name)
            self._held = b""
        return self._reading
