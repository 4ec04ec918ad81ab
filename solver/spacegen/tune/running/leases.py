"""GPUs to oneself: leases that the kernel ends with the last process that holds them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import quote

from spacegen.errors import Fault, UsageError, how_many
from spacegen.tune.running.locks import held, lock_folder, note, read_note, try_lock, unlock

__all__ = ["Holder", "Lease", "LeaseTimeoutError", "Waiting", "lease", "who_has"]

_STEP: Final = 0.05


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a GPU."""

    id: str
    name: str
    pid: int | None


def who_has(holders: Iterable[Holder]) -> str:
    """GPUs and who has them, in words: `0, 1: trial-7, process 4242`."""
    ids: dict[tuple[str, int | None], list[str]] = {}
    for holder in holders:
        ids.setdefault((holder.name, holder.pid), []).append(holder.id)
    return "; ".join(
        f"{', '.join(theirs)}: {name}" + ("" if pid is None else f", process {pid}")
        for (name, pid), theirs in ids.items()
    )


@dataclass(frozen=True, slots=True)
class Lease:
    """GPUs, as CUDA_VISIBLE_DEVICES takes them, and the open files that hold them: whoever inherits these
    holds the GPUs."""

    ids: tuple[str, ...]
    fds: tuple[int, ...]


class LeaseTimeoutError(Exception):
    """The GPUs were not free in time."""

    def __init__(self, count: int, seconds: float, holders: tuple[Holder, ...]) -> None:
        self.count = count
        self.seconds = seconds
        self.holders = holders
        super().__init__(count, seconds, holders)

    def __str__(self) -> str:
        late = f"{how_many(self.count, 'GPU')} not free within {self.seconds:g} s"
        return f"{late} ({who_has(self.holders)})" if self.holders else late


Waiting: TypeAlias = Callable[[tuple[Holder, ...]], None]
"""Told who has the GPUs that somebody waits for, at first and whenever that changes."""


@contextmanager
def lease(
    ids: Sequence[str],
    count: int,
    *,
    folder: Path | None = None,
    exclusive: bool = False,
    timeout: float | None = None,
    waiting: Waiting = lambda _: None,
    name: str = "",
) -> Iterator[Lease]:
    """Waits for `count` of the GPUs (all of them where `exclusive`) and holds them.

    Who asked first for some of the same GPUs is served first, so that large jobs do not starve. Raises
    UsageError where there are too few, LeaseTimeoutError after `timeout` seconds.
    """
    wanted = tuple(dict.fromkeys(ids))
    if count > len(wanted):
        have = f"{len(wanted)} given ({', '.join(wanted)})" if wanted else "none given"
        raise UsageError(Fault(f"{how_many(count, 'GPU')} needed, {have}"))
    count = len(wanted) if exclusive else count
    queue = _Queue(lock_folder(folder), wanted, count, name)
    with ExitStack() as stack:
        try:
            files = queue.wait(timeout, waiting)
            for file in files.values():
                stack.callback(os.close, file)
        finally:
            queue.leave()
        yield Lease(tuple(files), tuple(files.values()))


class _Queue:
    """A place in the queue: a file with a number, locked for as long as its owner lives.

    All changes happen under one lock, so that the order is the same for all and nobody holds only a part.
    """

    def __init__(self, folder: Path, ids: tuple[str, ...], count: int, name: str) -> None:
        self._folder = folder
        self._ids = ids
        self._count = count
        self._name = name or "a job"
        self._ticket, self._place = self._enqueue()

    def _enqueue(self) -> tuple[int, Path]:
        with held(self._folder / "gate.lock"):
            number = max(map(_number, self._tickets()), default=0) + 1
            place = self._folder / f"ticket-{number:012d}"
            ticket = try_lock(place)
            assert ticket is not None
            note(ticket, json.dumps(self._ids))
            return ticket, place

    def leave(self) -> None:
        self._place.unlink(missing_ok=True)
        unlock(self._ticket)

    def wait(self, timeout: float | None, waiting: Waiting) -> dict[str, int]:
        """The open files of the GPUs by their ids."""
        began = time.monotonic()
        told: tuple[Holder, ...] | None = None
        while True:
            with held(self._folder / "gate.lock"):
                files = self._take() if self._is_next() else None
                if files is not None:
                    return files
                holders = tuple(filter(None, map(self._holder, self._ids)))
            if timeout is not None and time.monotonic() - began >= timeout:
                raise LeaseTimeoutError(self._count, timeout, holders)
            if holders != told:
                told = holders
                waiting(holders)
            time.sleep(_STEP)

    def _is_next(self) -> bool:
        """Whether nobody before asked for any of these GPUs; places whose owner died are cleared away."""
        for place in self._tickets():
            if _number(place) >= _number(self._place):
                break
            stale = try_lock(place)
            if stale is not None:
                place.unlink(missing_ok=True)
                unlock(stale)
            elif set(json.loads(read_note(place) or "[]")) & set(self._ids):
                return False
        return True

    def _take(self) -> dict[str, int] | None:
        free = {id: file for id in self._ids if (file := try_lock(self._lock(id))) is not None}
        chosen = _together(self._ids, free.keys(), self._count)
        for id in free.keys() - set(chosen or ()):
            unlock(free[id])
        if chosen is None:
            return None
        for id in chosen:
            note(free[id], json.dumps({"id": id, "name": self._name, "pid": os.getpid()}))
        return {id: free[id] for id in chosen}

    def _holder(self, id: str) -> Holder | None:
        file = try_lock(self._lock(id))
        if file is not None:
            unlock(file)
            return None
        try:
            return Holder(**json.loads(read_note(self._lock(id))))
        except (ValueError, TypeError):
            return Holder(id, "somebody", None)

    def _lock(self, id: str) -> Path:
        return self._folder / f"gpu-{quote(id, safe='')}.lock"

    def _tickets(self) -> list[Path]:
        return sorted(self._folder.glob("ticket-*"), key=_number)


def _together(ids: tuple[str, ...], free: Collection[str], count: int) -> tuple[str, ...] | None:
    """So many of the free ones, or None where there are too few: an aligned block where there is one (GPUs on
    one switch or socket are numbered in a row), else some in a row, else the first."""
    if count > len(free):
        return None
    starts = range(len(ids) - count + 1)
    for start in sorted(starts, key=lambda start: start % count if count else 0):
        block = ids[start : start + count]
        if all(id in free for id in block):
            return block
    return tuple(id for id in ids if id in free)[:count]


def _number(ticket: Path) -> int:
    return int(ticket.name.removeprefix("ticket-"))
