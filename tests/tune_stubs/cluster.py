"""A worker whose runner holds its GPUs for a while, and one that ends the task above it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from spacegen.tune.jobs import Job, Report
from spacegen.tune.outcome import Outcome
from spacegen.tune.running.guarded import guard
from spacegen.tune.running.leases import lease
from spacegen.tune.running.worker import serve
from spacegen.tune.setup import Setup


class StubRunner:
    def __init__(self, setup: Setup) -> None:
        self._setup = setup

    def run(self, job: Job, report: Report) -> Outcome:
        match str(job.config["do"]):
            case "hold":
                return self._hold(job, report)
            case "die once" if not (mark := self._setup.folder / "died").exists():
                mark.touch()
                os.kill(os.getppid(), signal.SIGKILL)
                time.sleep(60)
            case "die once":
                return Outcome(metrics={"threads": float(os.environ.get("OMP_NUM_THREADS", 0))})
            case "err":
                raise ZeroDivisionError("of the stub")
            case "serve":
                self._serve(job)
        raise AssertionError("nobody interrupted this")

    def _hold(self, job: Job, report: Report) -> Outcome:
        ids, began = self._setup.gpu_ids, time.time()
        # A GPU that somebody else has is not waited for.
        with lease(ids, job.gpus, folder=self._setup.lease_folder, timeout=0.0) as held:
            report(job, "measuring")
            time.sleep(0.1)
            return Outcome(metrics={"tps": 1.0}, gpu_ids=held.ids, started=began, seconds=time.time() - began)

    def _serve(self, job: Job) -> None:
        folder = self._setup.folder / job.name
        with guard(["sh", "-c", "sleep 60"], cwd=folder, grace=self._setup.timeouts.stop):
            (folder / "serving").touch()
            try:
                time.sleep(60)
            finally:
                Path(folder, "ended").touch()


if __name__ == "__main__":
    serve(StubRunner)
