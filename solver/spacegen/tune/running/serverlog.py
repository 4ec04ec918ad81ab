"""The log of a server while it grows: how far the launch is, and what went wrong in it."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, assert_never

from spacegen.servers.logwords import (
    ABORTED,
    CAPTURE_FAILED,
    COLLECTIVE,
    INSTALLATION,
    KILLED,
    MEMORY,
    POOL,
    PORT,
    READY,
    REFUSED,
    SERVING_MEMORY,
    SIMULATED,
    WATCHDOG,
    WIDTH,
    Tracebacks,
    worded,
)
from spacegen.servers.milestones import Milestone, milestone
from spacegen.tune.outcome import Cause

__all__ = ["Evidence", "ServerLog", "Stage"]

_TAIL: Final = 40
_CHUNK: Final = 2**20


class Stage(StrEnum):
    """How far a launch is, as the log tells; the value says what it does then."""

    STARTING = "starting"
    LOADING = "loading weights"
    ALLOCATING = "allocating the KV cache"
    CAPTURING = "capturing graphs"
    SERVING = "serving"


# What the warden of a launch elsewhere says of it.
_WARDEN: Final = re.compile(r"^(started|ended) (-?\d+)$")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a line of the log says about the failure."""

    cause: Cause
    line: str


class ServerLog:
    """Reads a log as far as it is written. Holds the end of it and what was found, however long it is.

    `evidence` is the first line that tells why a launch fails, `complaint` one that tells of requests without
    memory on a server that goes on. `fatal` is the last line of the traceback that ended a process,
    `exception` that or the last one that there was. `killed` is the signal that ended a process of the
    server, `code` how a launch `elsewhere` ended, `simulated` whether a formula answers in place of a server.
    """

    def __init__(self, path: Path, *, elsewhere: bool = False) -> None:
        self._path, self._elsewhere = path, elsewhere
        self._at = 0
        self._rest = b""
        self._tail: deque[str] = deque(maxlen=_TAIL)
        self._traceback = Tracebacks()
        self.stage = Stage.STARTING
        self.ready = False
        self.evidence: Evidence | None = None
        self.complaint: Evidence | None = None
        self.killed: int | None = None
        self.code: int | None = None
        self.simulated = False

    @property
    def tail(self) -> tuple[str, ...]:
        return tuple(self._tail)

    @property
    def fatal(self) -> str | None:
        return self._traceback.fatal

    @property
    def exception(self) -> str | None:
        return self._traceback.fatal or self._traceback.last

    def read(self) -> ServerLog:
        """Takes in what was written since; the last line counts also without its end."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                while chunk := file.read(_CHUNK):
                    self._at += len(chunk)
                    self._take(chunk)
        except FileNotFoundError:
            pass
        return self

    def _take(self, chunk: bytes) -> None:
        *lines, rest = (self._rest + chunk).split(b"\n")
        # A line that never ends is cut: what matters stands at its end.
        self._rest = rest[-_CHUNK:]
        for raw in lines:
            text = raw.decode("utf-8", errors="replace").rstrip()
            self._line(text.rsplit("\r", 1)[-1])

    def close(self) -> ServerLog:
        """Takes in all that is left, also a last line that was never ended."""
        self.read()
        if self._rest:
            self._take(b"\n")
        return self

    def _line(self, line: str) -> None:
        if found := _WARDEN.match(line) if self._elsewhere else None:
            self.code = int(found[2]) if found[1] == "ended" else None
        # After its end only what watched over it has something to say.
        if found or self.code is not None or not line.strip():
            return
        self._tail.append(line[:WIDTH])
        self.simulated = self.simulated or SIMULATED.match(line) is not None
        if reached := milestone(line):
            self.stage = _stage(reached)
        if READY.search(line):
            # What was said before did not keep the server from coming up.
            self.stage, self.ready, self.evidence = Stage.SERVING, True, None
            self._traceback = Tracebacks()
        self._look(line)

    def _look(self, line: str) -> None:
        exception = self._traceback.take(line)
        if self.evidence is None and (cause := self._cause(line, exception is not None)) is not None:
            self.evidence = Evidence(cause, exception or worded(line))
        if self.complaint is None and ABORTED.search(line):
            self.complaint = Evidence(Cause.SERVING_MEMORY, worded(line))
        if found := KILLED.search(line):
            self.killed = -int(found[1])

    def _cause(self, line: str, ended: bool) -> Cause | None:
        if found := CAPTURE_FAILED.search(line):
            short = MEMORY.search(found[1]) or "out of memory" in found[1].lower()
            return Cause.GRAPH_MEMORY if short else None
        if SERVING_MEMORY.search(line):
            return Cause.SERVING_MEMORY
        if POOL.search(line):
            return Cause.LOADING_MEMORY
        if MEMORY.search(line):
            return _memory(self.stage)
        if PORT.search(line):
            return Cause.PORT
        if WATCHDOG.search(line) or COLLECTIVE.search(line):
            return Cause.TIMEOUT
        of_arguments = ended and self._traceback.of_arguments and not INSTALLATION.match(line)
        if self.stage is Stage.STARTING and (of_arguments or REFUSED.match(line)):
            return Cause.ARGUMENTS
        return None


def _stage(reached: Milestone) -> Stage:
    match reached:
        case Milestone.LOADING | Milestone.MINI_LOADING:
            return Stage.LOADING
        case Milestone.LOADED | Milestone.POOL | Milestone.MINI_POOL | Milestone.MINI_INITIALIZED:
            return Stage.ALLOCATING
        case Milestone.CAPTURING | Milestone.MINI_CAPTURING:
            return Stage.CAPTURING
        case Milestone.CAPTURED | Milestone.MINI_CAPTURED | Milestone.MINI_WITHOUT_GRAPHS | Milestone.SET_UP:
            return Stage.SERVING
    assert_never(reached)


def _memory(stage: Stage) -> Cause:
    match stage:
        case Stage.CAPTURING:
            return Cause.GRAPH_MEMORY
        case Stage.SERVING:
            return Cause.SERVING_MEMORY
        case _:
            return Cause.LOADING_MEMORY
