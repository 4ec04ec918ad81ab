"""Processes found again by their environment, for when those who should have ended them were killed."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from spacegen.tune.running import warden

if TYPE_CHECKING:
    from psutil import Process

__all__ = ["end_marked", "marked", "new_mark", "with_mark"]

_VARIABLE: Final = "SPACEGEN_MARKS"
_STEP: Final = 0.05
# After this long the kernel holds what was killed, and waiting is of no use.
_PATIENCE: Final = 10.0


def new_mark() -> str:
    return uuid4().hex


def with_mark(environment: Mapping[str, str], mark: str) -> dict[str, str]:
    """An environment for a process and all that it starts; marks of this process go along."""
    marks = " ".join(filter(None, (os.environ.get(_VARIABLE), mark)))
    return {**environment, _VARIABLE: marks}


def marked(mark: str, session: int | None = None) -> list[Process]:
    """The living processes with a mark, or of a session (some servers overwrite their environment)."""
    import psutil

    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and _belongs(process, mark, session):
                found.append(process)
    return found


def _belongs(process: Process, mark: str, session: int | None) -> bool:
    if process.status() == "zombie":
        return False
    if session is not None and os.getsid(process.pid) == session:
        return True
    return mark in process.environ().get(_VARIABLE, "").split()


def end_marked(mark: str, session: int | None = None, *, grace: float = 0.0) -> bool:
    """Whether all are gone: leaves wardens `grace` seconds to see to that, then kills what is left."""
    import psutil

    began = time.monotonic()
    while left := marked(mark, session):
        waited = time.monotonic() - began
        if waited >= grace + _PATIENCE:
            return False
        if waited >= grace or not any(map(_is_warden, left)):
            for process in left:
                with suppress(psutil.Error):
                    process.kill()
        time.sleep(_STEP)
    return True


def _is_warden(process: Process) -> bool:
    import psutil

    try:
        return warden.__file__ in process.cmdline()
    except psutil.Error:
        return False
