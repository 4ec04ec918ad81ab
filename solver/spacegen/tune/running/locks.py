"""Locks between processes: files that the kernel unlocks when their last holder is gone (flock(2))."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from spacegen.errors import Fault, UsageError

__all__ = ["held", "lock_folder", "note", "read_note", "try_lock", "unlock"]

_STEP: Final = 0.005


def lock_folder(folder: Path | None = None) -> Path:
    """The folder of locks, made where it is missing; by default one for this user on this machine.

    It lies below the temporary folder, not in XDG_RUNTIME_DIR: that goes when a user logs out, while a study
    may run on. Raises UsageError where it belongs to somebody else.
    """
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    path = Path(tempfile.gettempdir()) / f"spacegen-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        hint = "set TMPDIR to a folder of your own, or name another folder for leases"
        raise UsageError(Fault(f"`{path}` is no folder that only you can write to", hint=hint))
    return path


def try_lock(path: Path) -> int | None:
    """The open, locked file, or None where somebody holds it. Whoever inherits it holds it too."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        # A file that was removed meanwhile locks nobody else out.
        if _is_at(file, path):
            return file
        os.close(file)


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def unlock(file: int) -> None:
    """Unlocks and closes a file, also for processes that were forked meanwhile and inherited it unasked."""
    fcntl.flock(file, fcntl.LOCK_UN)
    os.close(file)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Holds a lock that nobody holds for long."""
    while (file := try_lock(path)) is None:
        time.sleep(_STEP)
    try:
        yield
    finally:
        unlock(file)


def note(file: int, text: str) -> None:
    """Writes into a locked file who holds it."""
    os.ftruncate(file, 0)
    os.pwrite(file, text.encode(), 0)


def read_note(path: Path) -> str:
    """What the holder of a lock wrote; empty where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
