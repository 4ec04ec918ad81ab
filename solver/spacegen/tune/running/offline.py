"""The runner of the offline benchmark: an engine that measures itself, without a server."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from spacegen.errors import UsageError
from spacegen.tune.gpus import GpuSampler, hardware_label
from spacegen.tune.jobs import Job, Report
from spacegen.tune.load.offline import offline_metrics, offline_words
from spacegen.tune.load.protocol import LoadError
from spacegen.tune.outcome import Cause, Failure, Outcome
from spacegen.tune.running.failures import late
from spacegen.tune.running.launching import Launch, Launcher
from spacegen.tune.running.measuring import load_folder, medians
from spacegen.tune.running.process import LaunchProcess, StartError
from spacegen.tune.running.sites import Site, at_site
from spacegen.tune.setup import Setup

__all__ = ["OfflineRunner"]

_STEP: Final = 0.2


class OfflineRunner:
    """Satisfies `Runner` with sglang's offline benchmark, launched anew for each repeat. Raises UsageError at
    once for servers without one."""

    def __init__(self, setup: Setup) -> None:
        if setup.server != "sglang":
            raise UsageError(f"`generator: offline` is sglang's; `{setup.server}` has no such program")
        self._setup = setup
        self._launcher = Launcher(setup)

    def run(self, job: Job, report: Report) -> Outcome:
        arguments = self._launcher.arguments(job)
        refused = self._launcher.refused(arguments)
        if refused is not None:
            return Outcome.failed(Cause.ARGUMENTS, refused, started=time.time())
        flags = self._launcher.flags(arguments)
        return at_site(self._setup, job, report, lambda site: self._at(site, job, flags, report))

    def _at(self, site: Site, job: Job, flags: tuple[str, ...], report: Report) -> Outcome:
        setup, began = self._setup, time.monotonic()
        known: dict[str, Any] = {"started": time.time(), "gpu_ids": site.gpus, "log": str(site.log)}
        known["hardware"] = setup.hardware or (None if setup.launch_template else hardware_label(site.gpus))
        found: list[dict[str, float]] = []
        report(job, "measuring")
        with GpuSampler(() if setup.launch_template else site.gpus) as sampler:
            for number in range(1, setup.workload.repeats + 1):
                folder = load_folder(site.folder, setup.workload, number)
                words = offline_words(setup, flags, folder)
                known |= {"command": words, "load_command": words}
                metrics = self._once(self._launcher.command(job, words, site.gpus, site.port), site, folder)
                if isinstance(metrics, Failure):
                    known["failure"] = metrics
                    break
                found.append(metrics)
        if "failure" not in known:
            known |= {"metrics": medians(found), "repeats": tuple(found)}
        return Outcome(seconds=time.monotonic() - began, gpu_use=sampler.use, **known)

    def _once(self, launch: Launch, site: Site, folder: Path) -> dict[str, float] | Failure:
        seconds = self._setup.timeouts.ready + self._setup.workload.timeout
        deadline = time.monotonic() + seconds
        try:
            with LaunchProcess(launch, site, self._setup) as engine:
                while engine.goes_on():
                    if time.monotonic() > deadline:
                        return late(engine.log, "done", seconds)
                    engine.wait(_STEP)
                failure = engine.died()
                if engine.code != 0:
                    return failure
        except StartError as error:
            return Failure(cause=Cause.INTERRUPTED, message=str(error))
        try:
            return offline_metrics(folder)
        except LoadError as error:
            return Failure(cause=Cause.LOAD, message=error.message, log_tail=engine.log.tail)
