"""Which executor runs the jobs of a setup on this machine."""

from __future__ import annotations

from spacegen.tune.jobs import Executor, Report
from spacegen.tune.setup import Setup

__all__ = ["local_executor"]


def local_executor(setup: Setup, slots: int, report: Report) -> Executor:
    """What runs up to `slots` jobs side by side: processes that launch servers, or threads where a formula
    answers. Raises UsageError for a setup that can launch or measure nothing."""
    from spacegen.tune.running.runners import runner_for

    runner = runner_for(setup)
    if setup.runner == "sim":
        from spacegen.tune.running.threads import ThreadExecutor

        return ThreadExecutor(lambda job: runner.run(job, report), slots)
    from spacegen.tune.running.pool import WorkerPool

    return WorkerPool(setup, slots, report)
