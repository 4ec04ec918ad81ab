"""The process of a load generator: run to its end, or ended when it is late or its server is gone."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from spacegen.tune.load.protocol import Alive, LoadError
from spacegen.tune.running.guarded import guard
from spacegen.tune.setup import Setup

__all__ = ["LOG", "environment", "last_lines", "run_load"]

LOG: Final = "load.log"
_TAIL: Final = 20
_PATIENCE: Final = 0.2


def run_load(
    words: Sequence[str],
    setup: Setup,
    folder: Path,
    deadline: float,
    alive: Alive,
    *,
    stdout: Path | None = None,
) -> Path:
    """Runs a command with what it says in a log file, its standard output in `stdout` where that is given,
    and gives the log. Raises LoadError where it fails, is not done at `deadline` (of `time.monotonic`), or
    loses its server."""
    log = folder / LOG
    folder.mkdir(parents=True, exist_ok=True)
    for file in (log, stdout):
        if file is not None:
            file.unlink(missing_ok=True)
    try:
        process = guard(
            words, env=environment(setup), log=log, stdout=stdout, grace=min(5.0, setup.timeouts.stop)
        )
    except OSError as error:
        reason = error.strerror or str(error)
        raise LoadError(f"the load generator `{words[0]}` does not start: {reason.lower()}") from None
    try:
        while (status := process.wait(_PATIENCE)) is None:
            _check(deadline, alive, log)
    finally:
        process.stop()
    if status != 0:
        tail = (*(last_lines(stdout) if stdout else ()), *last_lines(log))
        words = f": {tail[-1].strip()}" if tail and status > 0 else ""
        raise LoadError(f"the load generator ended {_how(status)}{words}", tail[-_TAIL:])
    return log


def _how(status: int) -> str:
    return f"by signal {-status}" if status < 0 else f"with status {status}"


def _check(deadline: float, alive: Alive, log: Path) -> None:
    if not alive():
        raise LoadError("the server ended under load", last_lines(log))
    if time.monotonic() > deadline:
        raise LoadError("the load did not end in time", last_lines(log), timed_out=True)


def environment(setup: Setup) -> dict[str, str]:
    """The variables of a load generator. No proxy may stand between it and the server."""
    given = {**os.environ, **setup.environment}
    for name in ("NO_PROXY", "no_proxy"):
        given[name] = ",".join(filter(None, (given.get(name), setup.host, "127.0.0.1", "localhost")))
    return given


def last_lines(log: Path, count: int = _TAIL) -> tuple[str, ...]:
    """The end of a log; what redraws a line, such as a progress bar, counts as its last state."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 2**16))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ()
    lines = (line.rstrip().rsplit("\r", 1)[-1] for line in text.split("\n"))
    return tuple(line for line in lines if line.strip())[-count:]
