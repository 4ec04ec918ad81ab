"""Jobs in threads of this process: for functions that measure."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Self

from spacegen.tune.jobs import Job
from spacegen.tune.outcome import Cause, Outcome

__all__ = ["ThreadExecutor"]


class ThreadExecutor:
    """Calls a function with each job, in `slots` threads. What it raises is a fault of this program: a
    function that may fail catches that itself.

    Nobody can end a thread: `close` leaves it to its call, whose result nobody waits for, and the thread
    ends with the process at the latest.
    """

    def __init__(self, function: Callable[[Job], Outcome], slots: int = 1) -> None:
        self._function, self._slots = function, slots
        self._waiting: deque[tuple[Job, Future[Outcome]]] = deque()
        self._open: set[Future[Outcome]] = set()
        self._lock = threading.Lock()
        self._running = 0
        self._closed = False

    @property
    def slots(self) -> int:
        return self._slots

    def submit(self, job: Job) -> Future[Outcome]:
        """Starts a job when a slot is free."""
        future: Future[Outcome] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("the executor is closed")
            self._open.add(future)
            self._waiting.append((job, future))
            if self._running < self._slots:
                self._running += 1
                threading.Thread(target=self._work, name=f"measuring {job.name}", daemon=True).start()
        return future

    def close(self) -> None:
        """Gives every job that is not finished an `interrupted` outcome."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            left, self._open = self._open, set()
        for future in left:
            with suppress(InvalidStateError):
                future.set_result(Outcome.failed(Cause.INTERRUPTED, "the measurement was given up"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _work(self) -> None:
        while (taken := self._next()) is not None:
            job, future = taken
            try:
                outcome = self._function(job)
            except BaseException as error:  # noqa: BLE001 - it goes to whoever waits
                with suppress(InvalidStateError):
                    future.set_exception(error)
            else:
                with suppress(InvalidStateError):
                    future.set_result(outcome)
            with self._lock:
                self._open.discard(future)

    def _next(self) -> tuple[Job, Future[Outcome]] | None:
        with self._lock:
            if self._waiting and not self._closed:
                return self._waiting.popleft()
            self._running -= 1
            return None
