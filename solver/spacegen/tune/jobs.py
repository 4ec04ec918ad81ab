"""Jobs: configs on their way to a runner, wherever that runs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeAlias, runtime_checkable

from spacegen.language.expr import Scalar
from spacegen.tune.outcome import Outcome
from spacegen.tune.values import Value

__all__ = ["Executor", "Job", "Phase", "Report", "Runner", "unreported"]


class Job(Value):
    """A launch config to measure. `name` is unique among the jobs of one folder, and fit for a file name."""

    name: str
    config: dict[str, Scalar]
    """Arguments of the target by name; null leaves one to the server."""
    gpus: int = 1
    """How many GPUs the launch takes."""


Phase: TypeAlias = str
"""What a job does now: `waiting for GPUs`, `starting`, `loading`, `measuring`, `stopping`."""

Report: TypeAlias = Callable[[Job, Phase], None]
"""Told what each job does."""


def unreported(_job: Job, _phase: Phase) -> None:
    """A report that goes nowhere."""


@runtime_checkable
class Runner(Protocol):
    """Measures one config after the other. Never raises for what a config or a server does: that is an
    outcome. What a run starts it also ends, however it ends."""

    def run(self, job: Job, report: Report) -> Outcome:
        """Launches, measures and stops. KeyboardInterrupt stops the server first and is then raised again."""
        ...


class Executor(Protocol):
    """Runs jobs side by side, at most `slots` at once. A context manager: leaving it ends what still runs."""

    @property
    def slots(self) -> int: ...

    def submit(self, job: Job) -> Future[Outcome]:
        """Starts a job when a slot is free. The future raises nothing but what is a fault of this program;
        a worker that dies is replaced and its job started again."""
        ...

    def close(self) -> None:
        """Ends whatever runs and waits for it; jobs that were not finished get an `interrupted` outcome."""
        ...
