"""What came of launching a config and putting a workload on it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from pydantic import Field, field_validator

from spacegen.tune.values import Value

__all__ = ["TRIES", "Cause", "Failure", "GpuUse", "Outcome"]

TRIES: Final = 3
"""How often a config is launched whose failures pass."""


class Cause(StrEnum):
    """Why a launch gave no metrics."""

    ARGUMENTS = "arguments"
    """The server refused its arguments."""
    LOADING_MEMORY = "out of memory while loading"
    GRAPH_MEMORY = "out of memory at graph capture"
    SERVING_MEMORY = "out of memory while serving"
    TIMEOUT = "time-out"
    PORT = "port in use"
    CRASH = "crash"
    """The server ended, or never came up, for a reason that its log does not name."""
    LOAD = "load generator"
    """The server stood, the load generator failed."""
    INTERRUPTED = "interrupted"
    """Somebody ended the measurement; it says nothing about the config."""

    @property
    def teaches(self) -> bool:
        """Whether the failure is the config's own, which a sampler should learn from; else it may
        pass."""
        return self not in (Cause.INTERRUPTED, Cause.PORT, Cause.LOAD)

    @property
    def of_memory(self) -> bool:
        """Whether the GPUs had too little memory."""
        return self in (Cause.LOADING_MEMORY, Cause.GRAPH_MEMORY, Cause.SERVING_MEMORY)


class Failure(Value):
    """Why a launch gave no metrics, in one line, with the end of the log as evidence."""

    cause: Cause
    message: str
    log_tail: tuple[str, ...] = ()


class GpuUse(Value):
    """What the GPUs of a launch did while it was under load: shares within 0 … 1, memory in MiB."""

    utilisation: float
    peak_memory_mib: float
    samples: int


class Outcome(Value):
    """Metrics by name, or the failure. Exactly one of `metrics` and `failure` says something."""

    metrics: dict[str, float] = Field(default_factory=dict)
    """The medians over `repeats`."""
    failure: Failure | None = None
    repeats: tuple[dict[str, float], ...] = ()
    """The metrics of each load, in order."""
    started: float = 0.0
    """Seconds since the epoch."""
    seconds: float = 0.0
    """How long launch, loads and teardown took."""
    lost_gpu_seconds: float = 0.0
    """What launches took that were tried before this one and gave nothing."""
    gpu_ids: tuple[str, ...] = ()
    """The GPUs that nobody else could have meanwhile."""
    gpus: int | None = None
    """How many of them the config takes, where that is not all."""
    command: tuple[str, ...] = ()
    """The words that started the server."""
    load_command: tuple[str, ...] = ()
    log: str | None = None
    """The server's log file."""
    altered: dict[str, tuple[Any, Any]] = Field(default_factory=dict)
    """Arguments that the server runs otherwise than they were given: as given, as run."""
    gpu_use: GpuUse | None = None
    hardware: str | None = None
    simulated: bool = False
    """Whether a formula stood in for a server, so that nothing here is about hardware."""

    @field_validator("metrics", mode="before")
    @classmethod
    def _finite(cls, metrics: Any) -> Any:
        """JSON has no numbers that are not finite, and nothing can be learnt from them: they are left out."""
        return _without_gaps(metrics)

    @field_validator("repeats", mode="before")
    @classmethod
    def _all_finite(cls, repeats: Any) -> Any:
        return tuple(map(_without_gaps, repeats)) if isinstance(repeats, list | tuple) else repeats

    @property
    def ok(self) -> bool:
        return self.failure is None

    @property
    def passing(self) -> Failure | None:
        """A failure that says nothing of the config, and is worth another try; None for all else."""
        return None if self.failure is None or self.failure.cause.teaches else self.failure

    @property
    def used(self) -> int:
        """The GPUs by which rates are divided."""
        return len(self.gpu_ids) if self.gpus is None else self.gpus

    @property
    def gpu_seconds(self) -> float:
        return self.seconds * len(self.gpu_ids) + self.lost_gpu_seconds

    @classmethod
    def failed(cls, cause: Cause, message: str, **known: Any) -> Outcome:
        """A failure with whatever else is known of the launch."""
        tail = tuple(known.pop("log_tail", ()))
        return cls(failure=Failure(cause=cause, message=message, log_tail=tail), **known)

    def metric(self, name: str) -> float | None:
        """A metric, also one derived from others: see `spacegen.tune.metrics`."""
        from spacegen.tune.metrics import derived

        return derived(self.metrics, self.used).get(name)

    def __contains__(self, name: str) -> bool:
        return self.metric(name) is not None

    def values(self) -> Mapping[str, float]:
        """All metrics with those derived from them."""
        from spacegen.tune.metrics import derived

        return derived(self.metrics, self.used)


def _without_gaps(metrics: Any) -> Any:
    if not isinstance(metrics, Mapping):
        return metrics
    return {
        name: value
        for name, value in metrics.items()
        if value is not None and (not isinstance(value, float) or math.isfinite(value))
    }
