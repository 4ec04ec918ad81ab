"""Loads on a server that stands, and who is to blame where one gives nothing."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from spacegen.tune.load.protocol import LoadError, LoadGenerator
from spacegen.tune.outcome import Cause, Failure
from spacegen.tune.running.failures import complained
from spacegen.tune.running.process import LaunchProcess
from spacegen.tune.workload import Workload

__all__ = ["load_folder", "measured", "medians"]

_PATIENCE: Final = 5.0
"""A server that breaks off its answers may take this long to end."""


def load_folder(folder: Path, workload: Workload, number: int) -> Path:
    """Where the results of a load stand, counted from 1."""
    found = folder if workload.repeats == 1 else folder / f"load-{number}"
    found.mkdir(exist_ok=True)
    return found


def measured(
    load: LoadGenerator, server: LaunchProcess, url: str, folder: Path, workload: Workload
) -> tuple[dict[str, float], ...] | Failure:
    """The metrics of each load, or why there are none."""
    found: list[dict[str, float]] = []
    for number in range(1, workload.repeats + 1):
        deadline = time.monotonic() + workload.timeout
        try:
            metrics = load.run(url, load_folder(folder, workload, number), deadline, server.goes_on)
        except LoadError as error:
            return _blamed(error, server, workload)
        found.append(metrics)
    return tuple(found) if server.goes_on() else server.died()


def _blamed(error: LoadError, server: LaunchProcess, workload: Workload) -> Failure:
    if not server.goes_on() or (not error.timed_out and server.wait(_PATIENCE)):
        return server.died()
    server.log.read()
    if (found := complained(server.log, error.log_tail)) is not None:
        return found
    if error.timed_out:
        message = f"the load was not done after {workload.timeout:g} s"
        return Failure(cause=Cause.TIMEOUT, message=message, log_tail=(*server.log.tail, *error.log_tail))
    return Failure(cause=Cause.LOAD, message=error.message, log_tail=error.log_tail)


def medians(repeats: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The median of each metric that all loads have."""
    rows = list(repeats)
    return {
        name: statistics.median(row[name] for row in rows) for name in rows[0] if all(name in r for r in rows)
    }
