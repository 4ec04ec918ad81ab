"""Jobs run side by side by processes on this machine: see `spacegen.tune.running.worker`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from os import environ
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from types import TracebackType
from typing import Final, Self

from spacegen.tune.jobs import Job, Phase, Report
from spacegen.tune.outcome import Cause, Outcome
from spacegen.tune.running.leftovers import end_marked, new_mark, with_mark
from spacegen.tune.running.worker import Line
from spacegen.tune.setup import Setup

__all__ = ["WORKER", "WorkerFault", "WorkerPool"]

# -P: the folder where somebody happens to be must not shadow the standard library.
WORKER: Final = (sys.executable, "-P", "-m", "spacegen.tune.running.worker")
"""The words that start a worker."""

_ATTEMPTS: Final = 3
# What a worker may take to end beyond the time that its server has for that.
_PATIENCE: Final = 15.0


class WorkerFault(Exception):  # noqa: N818 - what it carries is the traceback of an error
    """A fault of this program, met in a worker; the message is its traceback there."""


class WorkerPool:
    """An executor over `slots` processes, which start when they are needed and end with this one.

    They are in sessions of their own, so that Ctrl-C reaches this process alone. `report` is called from
    threads, one call at a time.
    """

    def __init__(self, setup: Setup, slots: int, report: Report, *, command: Sequence[str] = WORKER) -> None:
        self._setup = setup
        self._report = report
        self._reporting = Lock()
        self._command = command
        self._waiting: SimpleQueue[tuple[Job, Future[Outcome]] | None] = SimpleQueue()
        self._lock = Lock()
        self._closed = False
        self._workers: dict[int, _Worker] = {}
        self._threads = [Thread(target=self._serve, args=(slot,), daemon=True) for slot in range(slots)]
        for thread in self._threads:
            thread.start()

    @property
    def slots(self) -> int:
        return len(self._threads)

    def submit(self, job: Job) -> Future[Outcome]:
        """See `Executor`. Raises RuntimeError after `close`."""
        future: Future[Outcome] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("the pool is closed")
            self._waiting.put((job, future))
        return future

    def close(self) -> None:
        """See `Executor`. Takes as long as servers take to stop: `setup.timeouts.stop` and a little."""
        with self._lock:
            if not self._closed:
                self._closed = True
                for _ in self._threads:
                    self._waiting.put(None)
            workers = list(self._workers.values())
        for worker in workers:
            worker.dismiss()
        deadline = time.monotonic() + self._setup.timeouts.stop + _PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for worker in workers:
            worker.kill()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _serve(self, slot: int) -> None:
        while (item := self._waiting.get()) is not None:
            job, future = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                outcome = self._measure(slot, job)
            except BaseException as error:  # noqa: BLE001 - whoever waits for the future gets it
                # The worker may still be at this job.
                self._bury(slot)
                future.set_exception(error)
            else:
                future.set_result(outcome)
        self._bury(slot)

    def _measure(self, slot: int, job: Job) -> Outcome:
        """Runs a job, again where its worker dies."""
        ended = None
        for _ in range(_ATTEMPTS):
            worker = self._worker(slot)
            if worker is None:
                return Outcome.failed(Cause.INTERRUPTED, "the run was ended")
            try:
                return self._outcome(worker, job)
            except _DiedError:
                ended = self._bury(slot)
        message = f"the process that measured this config died {_ATTEMPTS} times, last {_ending(ended)}"
        return Outcome.failed(Cause.CRASH, message, log=str(_log(self._setup)))

    def _outcome(self, worker: _Worker, job: Job) -> Outcome:
        worker.say(job.model_dump_json())
        while True:
            match worker.hear():
                case {"phase": str(phase)}:
                    self._tell(job, phase)
                case {"outcome": outcome}:
                    return Outcome.model_validate(outcome)
                case {"fault": trace}:
                    raise WorkerFault(trace)
                case other:
                    raise WorkerFault(f"a worker said {other!r}")

    def _tell(self, job: Job, phase: Phase) -> None:
        with self._reporting:
            self._report(job, phase)

    def _worker(self, slot: int) -> _Worker | None:
        """The worker of a slot, or None where none may be started any more."""
        with self._lock:
            if self._closed:
                return None
            if slot not in self._workers:
                self._workers[slot] = _Worker(self._setup, self._command)
            return self._workers[slot]

    def _bury(self, slot: int) -> int | None:
        with self._lock:
            worker = self._workers.get(slot)
        code = None if worker is None else worker.end(self._setup.timeouts.stop)
        with self._lock:
            self._workers.pop(slot, None)
        return code


class _DiedError(Exception):
    """A worker ended in the middle of a job."""


class _Worker:
    """The process of a slot, seen from here."""

    def __init__(self, setup: Setup, command: Sequence[str]) -> None:
        self._mark = new_mark()
        setup.folder.mkdir(parents=True, exist_ok=True)
        with _log(setup).open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a program of ours
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=with_mark(environ, self._mark),
                start_new_session=True,
            )
        # One that is already dead is noticed with its first job.
        with suppress(_DiedError):
            self.say(setup.model_dump_json())

    def say(self, line: str) -> None:
        """Raises _DiedError."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            raise _DiedError from None

    def hear(self) -> Line:
        """Raises _DiedError."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise _DiedError
        answer: Line = json.loads(line)
        return answer

    def dismiss(self) -> None:
        """Tells the process to end, and to interrupt its job."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def kill(self) -> None:
        self._process.kill()

    def end(self, grace: float) -> int:
        """Waits until the process and all that it started are gone, and gives its code."""
        assert self._process.stdout is not None
        self.dismiss()
        try:
            code = self._process.wait(grace + _PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            code = self._process.wait()
        self._process.stdout.close()
        end_marked(self._mark, grace=grace + _PATIENCE)
        return code


def _log(setup: Setup) -> Path:
    return setup.folder / "workers.log"


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return f"by {signal.Signals(-code).name}"
    return f"with code {code}"
