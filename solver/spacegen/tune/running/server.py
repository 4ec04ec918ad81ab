"""The runner of real servers: launch, readiness, load, what the server says of itself, and its end."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from typing import Any

from spacegen.errors import Fault, UsageError
from spacegen.tune.gpus import GpuSampler, hardware_label
from spacegen.tune.jobs import Job, Report
from spacegen.tune.load.generators import load_for
from spacegen.tune.outcome import Cause, Failure, Outcome
from spacegen.tune.running.effective import altered
from spacegen.tune.running.failures import late, taken
from spacegen.tune.running.launching import Launch, Launcher
from spacegen.tune.running.measuring import load_folder, measured, medians
from spacegen.tune.running.process import LaunchProcess, StartError
from spacegen.tune.running.readiness import Endpoints, await_ready, server_info
from spacegen.tune.running.serverlog import ServerLog
from spacegen.tune.running.sites import Site, at_site
from spacegen.tune.setup import Setup

__all__ = ["ServerRunner"]


class ServerRunner:
    """Satisfies `Runner` with servers that are launched for each job. Raises UsageError at once for a setup
    that can launch or measure nothing."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._launcher = Launcher(setup)
        self._load = load_for(setup)
        program = self._load.words(f"http://{setup.host}", setup.folder)[0]
        if shutil.which(program, path=setup.environment.get("PATH")) is None:
            hint = "it is the first word of the load: `--bench-cmd`, `command` of the workload, or `--python`"
            raise UsageError(Fault(f"there is no program `{program}` to put the load on servers", hint=hint))

    def run(self, job: Job, report: Report) -> Outcome:
        arguments = self._launcher.arguments(job)
        refused = self._launcher.refused(arguments)
        if refused is not None:
            return Outcome.failed(Cause.ARGUMENTS, refused, started=time.time())
        return at_site(self._setup, job, report, lambda site: self._at(site, job, arguments, report))

    def _at(self, site: Site, job: Job, arguments: Mapping[str, Any], report: Report) -> Outcome:
        launch = self._launcher.launch(job, arguments, site.gpus, site.port)
        began, known = time.monotonic(), self._known(launch, site)
        report(job, "starting")

        try:
            with LaunchProcess(launch, site, self._setup, lambda: report(job, "loading")) as server:
                endpoints = Endpoints(launch.url, arguments.get("api_key"))
                failure = self._awaited(server, endpoints)
                if failure is None:
                    report(job, "measuring")
                    known |= self._told(endpoints, arguments)
                    known |= self._loaded(server, launch, site)
                else:
                    known["failure"] = failure
                report(job, "stopping")
        except StartError as error:
            known["failure"] = Failure(cause=Cause.INTERRUPTED, message=str(error))
            return Outcome(seconds=time.monotonic() - began, **known)
        return _labelled(Outcome(seconds=time.monotonic() - began, **known), server.log)

    def _known(self, launch: Launch, site: Site) -> dict[str, Any]:
        setup = self._setup
        # The driver of this machine knows nothing of GPUs elsewhere.
        hardware = setup.hardware or (None if launch.elsewhere else hardware_label(site.gpus))
        return {
            "started": time.time(),
            "gpu_ids": site.gpus,
            "command": launch.words,
            "log": str(site.log),
            "hardware": hardware,
        }

    def _awaited(self, server: LaunchProcess, endpoints: Endpoints) -> Failure | None:
        """Why the server does not get ready, if it does not."""
        seconds = self._setup.timeouts.ready
        # mini-SGLang has no endpoint that tells of its health; its log does.
        logged = (lambda: server.log.ready) if self._setup.server == "minisgl" else None
        if await_ready(endpoints, time.monotonic() + seconds, server.goes_on, logged):
            return None if self._is_ours(server) else taken(server.log, endpoints.url)
        return late(server.log, "ready", seconds) if server.goes_on() else server.died()

    def _is_ours(self, server: LaunchProcess) -> bool:
        """Whether it is the launch that answers. What a command of the user's own starts, nobody knows."""
        known = not (self._setup.server_command or self._setup.launch_template)
        return server.listens() or not known

    def _told(self, endpoints: Endpoints, arguments: Mapping[str, Any]) -> dict[str, Any]:
        info = server_info(endpoints)
        if info is None:
            return {}
        return {"altered": altered(self._launcher.schema, arguments, info)}

    def _loaded(self, server: LaunchProcess, launch: Launch, site: Site) -> dict[str, Any]:
        workload = self._setup.workload
        words = self._load.words(launch.url, load_folder(site.folder, workload, 1))
        with GpuSampler(() if launch.elsewhere else site.gpus) as sampler:
            found = measured(self._load, server, launch.url, site.folder, workload)
        told = {"load_command": words, "gpu_use": sampler.use}
        if isinstance(found, Failure):
            return {**told, "failure": found}
        return {**told, "metrics": medians(found), "repeats": found}


def _labelled(outcome: Outcome, log: ServerLog) -> Outcome:
    """An outcome that says so where a formula stood in for the server, and that no hardware did."""
    if not log.close().simulated:
        return outcome
    failure = outcome.failure
    if failure is not None:
        failure = failure.model_copy(update={"message": f"SIMULATED: {failure.message}"})
    return outcome.model_copy(update={"simulated": True, "hardware": "SIMULATED", "failure": failure})
