"""Load generators: what puts a workload on a server and measures it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol, TypeAlias

__all__ = ["Alive", "LoadError", "LoadGenerator", "always"]

Alive: TypeAlias = Callable[[], bool]
"""Whether the server under load still runs."""


def always() -> bool:
    return True


class LoadError(Exception):
    """A load gave no metrics. `timed_out` where it was ended for being late."""

    def __init__(self, message: str, log_tail: Iterable[str] = (), *, timed_out: bool = False) -> None:
        self.message = message
        self.log_tail = tuple(log_tail)
        self.timed_out = timed_out
        super().__init__(message)


class LoadGenerator(Protocol):
    """Puts the workload of a setup on a server, as often as it is asked."""

    def words(self, base_url: str, folder: Path) -> tuple[str, ...]:
        """The command of the load; its result and log will stand in `folder`."""
        ...

    def run(self, base_url: str, folder: Path, deadline: float, alive: Alive = always) -> dict[str, float]:
        """The metrics of one load under the generator's own names, finite numbers only.

        The load is ended at `deadline` (of `time.monotonic`), and soon after `alive` says no. Raises
        LoadError.
        """
        ...
