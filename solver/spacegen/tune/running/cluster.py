"""Jobs run by a Ray cluster, each a task that asks for its GPUs, so that Ray packs jobs of all sizes.

A task hands its job to a worker process of its own (`spacegen.tune.running.worker`), as the pool of one
machine does: that process ends with the task, whatever ends the task.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from threading import Event, Lock
from types import TracebackType
from typing import Any, Final, Self

from spacegen.errors import how_many
from spacegen.extras import require
from spacegen.tune.jobs import Job, Phase, Report
from spacegen.tune.outcome import Cause, Outcome
from spacegen.tune.running.connecting import Connection
from spacegen.tune.running.pool import WORKER, WorkerFault, WorkerPool
from spacegen.tune.setup import Setup

__all__ = ["RayExecutor"]

_ATTEMPTS: Final = 3
# What a task may take to end beyond the time that its server has for that.
_PATIENCE: Final = 20.0
# A task is told to end by an exception that blocked calls do not see.
_GLANCE: Final = 0.1


class RayExecutor:
    """An executor over the nodes of the Ray cluster at `address` (`auto`: the one of this machine; None: one
    that starts with the GPUs of the setup, and ends with this executor).

    `report` is called from threads, one call at a time. Raises UsageError where Ray is not installed or there
    is no such cluster.
    """

    def __init__(
        self,
        setup: Setup,
        address: str | None,
        slots: int,
        report: Report,
        *,
        command: Sequence[str] = WORKER,
    ) -> None:
        self._ray: Any = require("ray", "ray", "`--executor ray`")
        self._setup = setup
        self._report = report
        self._reporting = Lock()
        self._command = tuple(command)
        self._lock = Lock()
        self._closed = Event()
        self._running: dict[str, Any] = {}
        self._slots = slots
        self._connection = Connection(self._ray, address, setup.gpu_ids)
        # Without max_calls, a process that had GPUs is thrown away; ours never touch them.
        options = {"num_cpus": 0, "max_retries": 0, "max_calls": 0, "num_returns": "streaming"}
        self._task = self._ray.remote(**options)(_measured)
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="ray-job")

    @property
    def slots(self) -> int:
        return self._slots

    @property
    def largest_node(self) -> int:
        """The most GPUs that a launch can have: those of one node."""
        return self._connection.largest_node()

    def submit(self, job: Job) -> Future[Outcome]:
        """See `Executor`. A job that no node is large enough for fails at once: Ray would wait for one."""
        return self._threads.submit(self._run, job)

    def close(self) -> None:
        """See `Executor`. Takes as long as servers take to stop: `setup.timeouts.stop` and a little."""
        self._closed.set()
        self._cancel(force=False)
        waiting = ThreadPoolExecutor(1, thread_name_prefix="ray-close")
        ended = waiting.submit(self._threads.shutdown)
        try:
            ended.result(self._setup.timeouts.stop + _PATIENCE)
        except TimeoutError:
            # The worker process of a task ends with it, and the server with that.
            self._cancel(force=True)
        finally:
            waiting.shutdown()
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, job: Job) -> Outcome:
        """Runs a job, again where its task dies."""
        most = self.largest_node
        if job.gpus > most:
            needed = how_many(job.gpus, "GPU")
            told = f"the launch takes {needed}, and the largest node of the cluster has {most}"
            return Outcome.failed(Cause.ARGUMENTS, told, started=time.time())
        errors, death = self._ray.exceptions, "nothing"
        for _ in range(_ATTEMPTS):
            if self._closed.is_set():
                break
            try:
                return self._attempt(job)
            except errors.TaskCancelledError:
                return _interrupted()
            except errors.RayTaskError as error:
                if self._closed.is_set():
                    return _interrupted()
                raise WorkerFault(str(error)) from None
            except errors.RayError as error:
                death = str(error).strip().split("\n", 1)[0]
        if self._closed.is_set():
            return _interrupted()
        return Outcome.failed(
            Cause.CRASH, f"the Ray task of this config died {_ATTEMPTS} times, last: {death}"
        )

    def _attempt(self, job: Job) -> Outcome:
        said = (self._setup.model_dump_json(), job.model_dump_json(), self._command)
        self._tell(job, "waiting for GPUs")
        gpus = self.largest_node if self._setup.exclusive else job.gpus
        lines = self._task.options(num_gpus=gpus, name=job.name).remote(*said)
        with self._lock:
            self._running[job.name] = lines
        if self._closed.is_set():
            self._cancel(force=False)
        try:
            for line in lines:
                match self._ray.get(line):
                    case {"phase": str(phase)}:
                        self._tell(job, phase)
                    case {"outcome": outcome}:
                        return Outcome.model_validate_json(outcome)
        finally:
            with self._lock:
                self._running.pop(job.name, None)
        return _interrupted()

    def _tell(self, job: Job, phase: Phase) -> None:
        with self._reporting:
            self._report(job, phase)

    def _cancel(self, *, force: bool) -> None:
        with self._lock:
            running = list(self._running.values())
        for lines in running:
            self._ray.cancel(lines, force=force)


def _interrupted() -> Outcome:
    return Outcome.failed(Cause.INTERRUPTED, "the run was ended")


def _measured(setup_json: str, job_json: str, command: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """The task: tells what the job does, and at last its outcome."""
    import ray

    context = ray.get_runtime_context()
    setup = _here(Setup.model_validate_json(setup_json), ray.get_gpu_ids(), context.get_node_id())
    # Ray sets this to the number of CPUs that a task asks for, and a server would inherit it.
    os.environ.pop("OMP_NUM_THREADS", None)
    phases: SimpleQueue[Phase] = SimpleQueue()
    with WorkerPool(setup, 1, lambda _, phase: phases.put(phase), command=command) as pool:
        future = pool.submit(Job.model_validate_json(job_json))
        while not (future.done() and phases.empty()):
            try:
                yield {"phase": phases.get(timeout=_GLANCE)}
            except Empty:
                continue
        yield {"outcome": future.result().model_dump_json()}


def _here(setup: Setup, gpus: Sequence[int | str], node: str) -> Setup:
    """A setup with the GPUs that Ray has given a task. A folder of leases that nodes share has a part for
    each: GPU 0 of one is not GPU 0 of another."""
    leases = setup.lease_folder / node if setup.lease_folder else None
    ids = sorted(map(str, gpus), key=lambda one: (len(one), one))
    return setup.model_copy(update={"gpu_ids": tuple(ids), "lease_folder": leases})
