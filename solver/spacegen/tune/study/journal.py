"""Optuna's journal file, appended so that a writer that is killed harms nobody.

Optuna's own locks are files that stay behind when their holder is killed, and others then wait out a grace
period; a line that was cut short makes the next one unreadable, and with it the file. Here the kernel holds
the lock, so it ends with its holder, and whoever writes next first removes what was cut short. (Locks of
`flock` work over NFS from version 3 on, with a lock daemon.)
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from optuna.exceptions import StorageInternalError
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]

__all__ = ["Journal", "locked_file"]

_BLOCK: Final = 1 << 16


class Journal(JournalFileBackend):
    """A journal file whose lines are whole, whoever is killed while writing."""

    def __init__(self, path: Path) -> None:
        # Without `flock` Optuna's lock file does; with it, it is never used.
        super().__init__(str(path), lock_obj=JournalFileOpenLock(str(path)))
        self._path = path

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Appends one line for each log, durably."""
        if fcntl is None:
            super().append_logs(logs)
            return
        text = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        with _failing(), locked_file(self._path) as file:
            end = _end_of_lines(file)
            file.truncate(end)
            file.seek(end)
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def _failing() -> Iterator[None]:
    """Names a file that cannot be written (its disk is full) as storages do."""
    try:
        yield
    except OSError as error:
        raise StorageInternalError(error.strerror or str(error)) from error


@contextmanager
def locked_file(path: Path) -> Iterator[BinaryIO]:
    """A file, made where there is none, that no other process and no other thread has locked; it waits until
    then. The lock ends with its holder. Where the system has no `flock`, nobody is kept out."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
    with os.fdopen(descriptor, "r+b") as file:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield file


def _end_of_lines(file: BinaryIO) -> int:
    """The offset behind the last line that is whole."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - _BLOCK)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
