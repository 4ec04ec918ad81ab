"""The runner that asks the SIMULATED formula, without a server."""

from __future__ import annotations

import os
import re
import statistics
import time
from collections.abc import Mapping
from typing import Any, Final

from spacegen.language.expr import Scalar
from spacegen.launch.config import LaunchConfig, validate
from spacegen.launch.mistakes import worded
from spacegen.servers.schema import TargetSchema, load
from spacegen.tune.jobs import Job, Report
from spacegen.tune.outcome import Cause, Outcome
from spacegen.tune.setup import Setup
from spacegen.tune.simulated.effective import effective
from spacegen.tune.simulated.formula import measured, memory, start_seconds
from spacegen.tune.simulated.speed import speed_in
from spacegen.tune.simulated.words import memory_words

__all__ = ["HARDWARE", "SimRunner"]

HARDWARE: Final = "SIMULATED 80 GiB"
_AGAIN: Final = re.compile(r"again-?(\d+)$")


class SimRunner:
    """Satisfies `Runner` without launching anything: metrics and failures are those of the formula.

    Times in outcomes are the formula's, too. GPUs are named, not leased. With SPACEGEN_SIM_SPEED in the
    setup's environment (else in this process's) a run takes as long as the formula says, divided by that.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._schema: TargetSchema = load(setup.server, setup.version)
        self._speed = speed_in(setup.environment, os.environ)

    def run(self, job: Job, report: Report) -> Outcome:
        """The outcome of a job. Raises nothing but KeyboardInterrupt."""
        arguments = {**self._setup.arguments, **job.config}
        gpu_ids = self._gpu_ids(job)
        known: dict[str, Any] = {
            "started": time.time(),
            "gpu_ids": gpu_ids,
            "gpus": job.gpus if self._setup.exclusive else None,
            "hardware": self._setup.hardware or HARDWARE,
            "simulated": True,
        }
        wrong = [worded(mistake, self._schema) for mistake in validate(self._schema, arguments, flags=True)]
        if wrong:
            return Outcome.failed(Cause.ARGUMENTS, f"SIMULATED: {wrong[0].message}", seconds=1.0, **known)
        if len(gpu_ids) < job.gpus:
            words = f"the launch takes {job.gpus} GPUs, and {len(gpu_ids)} are given"
            return Outcome.failed(Cause.ARGUMENTS, f"SIMULATED: {words}", seconds=1.0, **known)
        return self._measured(job, arguments, report, known)

    def _gpu_ids(self, job: Job) -> tuple[str, ...]:
        ids = self._setup.gpu_ids or tuple(map(str, range(job.gpus)))
        return ids if self._setup.exclusive else ids[: job.gpus]

    def _measured(
        self, job: Job, arguments: Mapping[str, Scalar], report: Report, known: dict[str, Any]
    ) -> Outcome:
        launch, workload = effective(self._schema, arguments), self._setup.workload
        known["command"] = LaunchConfig(self._schema, arguments).argv()
        report(job, "starting")
        seconds = start_seconds(launch)
        self._sleep(seconds)
        needs = memory(launch, workload.input_len + workload.output_len)
        if needs.failing is not None:
            words = memory_words(needs, launch)
            known |= {"log_tail": words, "seconds": seconds}
            return Outcome.failed(needs.failing, f"SIMULATED: {words[0]}", **known)
        repeats = []
        for i in range(workload.repeats):
            report(job, "measuring")
            repeats.append(measured(launch, workload, self._noise(job, i)))
            self._sleep(repeats[-1]["duration"])
            seconds += repeats[-1]["duration"]
        report(job, "stopping")
        metrics = {name: statistics.median(r[name] for r in repeats) for name in repeats[0]}
        return Outcome(metrics=metrics, repeats=tuple(repeats), seconds=seconds, **known)

    def _noise(self, job: Job, repeat: int) -> str:
        """What decides the noise: the seed, the config, and which measurement of it this is."""
        again = _AGAIN.search(job.name)
        config = sorted((name, repr(value)) for name, value in job.config.items())
        return f"{self._setup.workload.seed} {again[1] if again else 0} {repeat} {config}"

    def _sleep(self, seconds: float) -> None:
        if self._speed:
            time.sleep(seconds / self._speed)
