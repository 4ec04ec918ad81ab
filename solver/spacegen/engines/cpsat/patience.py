"""How long a question may take: what cannot be had in time is refused, never answered differently."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from spacegen.errors import EngineError, Fault

__all__ = ["LIMIT", "Patience"]

LIMIT: Final = 60.0
"""Seconds for a question, beside those that its size is worth."""


@dataclass(slots=True)
class Patience:
    """A clock that runs from the last `restart` on; `limit` is in place of LIMIT."""

    limit: float | None = None
    _allowed: float = field(default_factory=lambda: LIMIT)
    _began: float = field(default_factory=monotonic)

    def restart(self, more: float = 0.0) -> None:
        """Allows the limit and `more` seconds from now on."""
        limit = LIMIT if self.limit is None else self.limit
        self._allowed, self._began = limit + more, monotonic()

    @property
    def left(self) -> float:
        """The seconds that are left."""
        return max(0.0, self._allowed - (monotonic() - self._began))

    def check(self) -> None:
        """Raises EngineError once the time is over."""
        if monotonic() - self._began > self._allowed:
            raise EngineError(
                Fault(
                    f"engine `cpsat` found no answer in {self._allowed:,.3g} seconds",
                    hint="`--timeout SECONDS` gives it more, a smaller space (pin or restrict parameters) "
                    "needs less",
                )
            )
