"""Which runner measures a setup."""

from __future__ import annotations

from typing import assert_never

from spacegen.tune.jobs import Runner
from spacegen.tune.running.discreet import DiscreetRunner
from spacegen.tune.setup import Setup

__all__ = ["runner_for"]


def runner_for(setup: Setup) -> Runner:
    """The runner of a setup, whose outcomes and files are without its secrets. Raises UsageError for a setup
    that can launch or measure nothing."""
    return DiscreetRunner(_plain(setup), setup)


def _plain(setup: Setup) -> Runner:
    match setup.runner:
        case "sim":
            from spacegen.tune.simulated.runner import SimRunner

            return SimRunner(setup)
        case "server" if setup.workload.generator == "offline":
            from spacegen.tune.running.offline import OfflineRunner

            return OfflineRunner(setup)
        case "server":
            from spacegen.tune.running.server import ServerRunner

            return ServerRunner(setup)
        case unknown:
            assert_never(unknown)
