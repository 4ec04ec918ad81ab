"""The process around a verb: streams that may be closed or full, and signals that end it."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

__all__ = ["Failures", "abandon", "end_on_signals", "failed", "open_streams", "unread", "worded"]


def open_streams() -> None:
    """Makes both output streams fit to write to: nowhere where they are closed, and any character."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - open to the end
        stream: Any = getattr(sys, name)
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def end_on_signals() -> None:
    """Lets signals that end the process clean up first, unless whoever started it ignores them."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def failed(message: str) -> int:
    """Says what went wrong, where that can be said, and returns the exit status of failure."""
    try:
        print(f"error: {message}", file=sys.stderr, flush=True)
    except OSError:
        abandon(sys.stderr)
    return 2


def unread() -> int:
    """The exit status where whoever reads stdout has enough, as `head`: that of a process which SIGPIPE ends,
    so that half an answer passes for no whole one."""
    abandon(sys.stdout)
    return 128 + getattr(signal, "SIGPIPE", 13)


class Failures:
    """What goes wrong in blocks of work that others do not wait for: it is said at the end."""

    def __init__(self) -> None:
        self._said: list[str] = []

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        from spacegen.errors import SpacegenError

        if isinstance(error, OSError):
            self._said.append(worded(error))
        elif isinstance(error, SpacegenError):
            self._said.append(str(error))
        else:
            return False
        return True

    def say(self) -> int:
        """Says all of it on stderr; the exit status of that, or 0."""
        return max((failed(message) for message in self._said), default=0)


def worded(error: OSError) -> str:
    """What the system says, in our style."""
    where = f": {error.filename}" if error.filename else ""
    return f"{(error.strerror or str(error)).lower()}{where}"


def abandon(*streams: Any) -> None:
    """Sends what is left of streams nowhere, so that closing them cannot fail again."""
    for stream in streams:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
