"""How configs are launched and measured: all that a runner needs, as a value that goes to other processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PositiveFloat

from spacegen.tune.values import Value
from spacegen.tune.workload import Workload

__all__ = ["Setup", "Timeouts"]


class Timeouts(Value):
    """How long each phase may take, in seconds."""

    gpus: PositiveFloat = 24 * 3600.0
    """Waiting for GPUs that others use."""
    ready: PositiveFloat = 1800.0
    """From launch to a server that answers."""
    stop: PositiveFloat = 30.0
    """From asking a server to end to ending it."""
    cooldown: float = Field(default=0.0, ge=0)
    """Rest after each launch."""


class Setup(Value):
    """What every launch of a study or a run has in common."""

    server: str
    version: str
    """The target, whose arguments configs are made of."""
    workload: Workload
    folder: Path
    """Where logs and results of launches go, a folder for each job."""
    runner: Literal["server", "sim"] = "server"
    """`sim` evaluates the formula of `spacegen.tune.simulated` and launches nothing."""
    gpu_ids: tuple[str, ...] = ()
    """The GPUs that launches share, as CUDA_VISIBLE_DEVICES takes them."""
    exclusive: bool = False
    """Whether each launch gets all of them."""
    lease_folder: Path | None = None
    """Where leases of GPUs are kept; null for the place that all studies of this user on a machine share."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Arguments of the target for every launch, such as `model_path`; those of a config win."""
    python: str = "python"
    """The interpreter that has the server (and its load generator)."""
    server_command: tuple[str, ...] | None = None
    """Words that start the server in place of `python -m MODULE`; arguments follow."""
    launch_template: str | None = None
    """A command that starts the launch elsewhere (ssh, docker, srun), with places `{command}` (or `{line}`),
    `{gpus}`, `{count}`, `{port}` and `{name}`."""
    stop_template: str | None = None
    """A command with the same places that ends such a launch for sure, such as `docker rm --force {name}`."""
    bench_command: tuple[str, ...] | None = None
    """Words that start the load generator in place of the target's own."""
    host: str = "127.0.0.1"
    """Where the server is reached."""
    environment: dict[str, str] = Field(default_factory=dict)
    timeouts: Timeouts = Timeouts()
    hardware: str | None = None
    """What the GPUs are called in results; null asks the driver."""

    @property
    def target(self) -> str:
        return f"{self.server}=={self.version}"
