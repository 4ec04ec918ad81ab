"""Processes found again by their environment, for when those who should have ended them were killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final
from uuid import uuid4

__all__ = ["end_marked", "marked", "new_mark", "with_mark"]

_VARIABLE: Final = "SPACEGEN_MARKS"
_STEP: Final = 0.05


def new_mark() -> str:
    return uuid4().hex


def with_mark(environment: Mapping[str, str], mark: str) -> dict[str, str]:
    """An environment for a process and all that it starts; marks of this process go along."""
    marks = " ".join(filter(None, (os.environ.get(_VARIABLE), mark)))
    return {**environment, _VARIABLE: marks}


def marked(mark: str, session: int | None = None) -> list[int]:
    """The living processes with a mark, or of a session (some servers overwrite their environment)."""
    import psutil

    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and _belongs(process, mark, session):
                found.append(process.pid)
    return found


def _belongs(process: object, mark: str, session: int | None) -> bool:
    import psutil

    assert isinstance(process, psutil.Process)
    if process.status() == psutil.STATUS_ZOMBIE:
        return False
    if session is not None and os.getsid(process.pid) == session:
        return True
    return mark in process.environ().get(_VARIABLE, "").split()


def end_marked(mark: str, session: int | None = None, *, grace: float = 0.0, patience: float = 10.0) -> bool:
    """Whether all are gone: waits `grace` seconds for that, then kills what is left."""
    now = time.monotonic()
    deadline, limit = now + grace, now + grace + patience
    while left := marked(mark, session):
        now = time.monotonic()
        if now >= limit:
            return False
        for pid in left if now >= deadline else ():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_STEP)
    return True
