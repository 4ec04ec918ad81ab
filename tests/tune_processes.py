"""Waiting for processes to appear and to go."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

__all__ = ["alive", "open_files", "until", "with_word"]


def with_word(word: str, program: str = "") -> list[psutil.Process]:
    """The living processes whose command line or environment has a word, of some program."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            command = process.cmdline()
            said = any(word in part for part in (*command, *process.environ().values()))
            runs = any(program in part for part in command)
            if said and runs and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return [process for process in found if process.pid != psutil.Process().pid]


def alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def open_files() -> set[tuple[int, str]]:
    """The files that this process has open."""
    found = set()
    for file in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add((int(file.name), str(file.readlink())))
    return found


def until(happens: Callable[[], object], seconds: float = 10.0) -> None:
    """Waits for something; fails where it does not come about."""
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
