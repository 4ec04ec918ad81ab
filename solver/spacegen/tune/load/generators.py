"""Which load generator measures a setup."""

from __future__ import annotations

from typing import assert_never

from spacegen.errors import UsageError
from spacegen.tune.load.command import CommandLoad
from spacegen.tune.load.protocol import LoadGenerator
from spacegen.tune.load.serving import BenchServing
from spacegen.tune.setup import Setup

__all__ = ["load_for"]


def load_for(setup: Setup) -> LoadGenerator:
    """The load generator of a setup with a server. Raises UsageError where the workload makes no sense for
    it; the offline benchmark, which has no server, is `spacegen.tune.load.offline`."""
    match setup.workload.generator:
        case "bench_serving":
            return BenchServing(setup)
        case "command":
            return CommandLoad(setup)
        case "offline":
            raise UsageError("`generator: offline` measures an engine, not a server")
        case unknown:
            assert_never(unknown)
