"""Given configs on their way through a sweep, and what people are told meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from spacegen import __version__
from spacegen.api import Space
from spacegen.cli.candidates import rank_of
from spacegen.cli.options import Selection
from spacegen.cli.progress import Watch, watch
from spacegen.errors import Fault, UsageError, how_many
from spacegen.tune.climb import Climb, climb, values_beside
from spacegen.tune.jobs import Executor, Job, Phase
from spacegen.tune.metrics import DEFAULT_GOALS
from spacegen.tune.outcome import Failure, Outcome
from spacegen.tune.record import Provenance
from spacegen.tune.results import ResultsFile
from spacegen.tune.running.executors import local_executor
from spacegen.tune.secret import discreet
from spacegen.tune.setup import Setup
from spacegen.tune.sweep import Candidate, Finding, Sweep

__all__ = ["Bench"]


@dataclass(frozen=True, slots=True)
class Bench:
    """What configs are measured with."""

    space: Space
    setup: Setup
    results: ResultsFile
    workers: int
    selection: Selection

    def measure(self, candidates: Sequence[Candidate]) -> list[Finding]:
        """The records of configs, old and new."""
        with self._watched() as progress:
            sweep, telling = self._sweep(progress)
            kept = sum(sweep.known(candidate) is not None for candidate in candidates)
            if kept:
                told = f"{kept} of {how_many(len(candidates), 'config')} measured before"
                self.selection.say(f"note: {told}: {self.results.path} has what came of it")
            progress.begin("configs", kept, len(candidates))
            with closing(local_executor(self.setup, self.workers, telling.doing)) as executor:
                return sweep.run(candidates, executor)

    def climb(self, name: str, candidates: Sequence[Candidate]) -> Climb:
        """How far a parameter of one config can go.

        Raises UsageError where there is no one config, and where a launch fails for no fault of it.
        """
        if not self.space.parameters:
            raise UsageError(Fault("`--climb` needs the values of a space", hint="name it with `--space`"))
        if len(candidates) != 1:
            message = f"`--climb` starts from one config, not from {len(candidates)}"
            raise UsageError(Fault(message, hint="run the command for each of them"))
        (start,) = candidates
        values = values_beside(self.space, name, start.config)
        with self._watched() as progress:
            sweep, telling = self._sweep(progress)
            progress.begin("probes, at most", 0, len(values).bit_length())
            with closing(local_executor(self.setup, 1, telling.doing)) as executor:
                return climb(name, values, lambda value: self._probe(sweep, executor, start, name, value))

    def _probe(self, sweep: Sweep, executor: Executor, start: Candidate, name: str, value: Any) -> Outcome:
        config = {**start.config, name: value}
        candidate = Candidate(f"{name}={value}", config, rank_of(self.space, config))
        (found,) = sweep.run((candidate,), executor)
        failure = found.record.outcome.passing
        if failure is not None:
            raise UsageError(f"nothing is known of {candidate.label}: {failure.cause}: {failure.message}")
        return found.record.outcome

    def _watched(self) -> Watch:
        return watch(DEFAULT_GOALS, quiet=self.selection.quiet)

    def _sweep(self, progress: Watch) -> tuple[Sweep, _Telling]:
        telling = _Telling(progress, self.selection)
        return Sweep(self.setup, self.results, self._provenance(), telling), telling

    def _provenance(self) -> Provenance:
        setup, model = self.setup, self.setup.arguments.get("model_path")
        named = bool(self.space.parameters)
        return Provenance(
            spacegen=__version__,
            space=self.space.name if named else None,
            fingerprint=self.space.fingerprint if named else None,
            target=setup.target,
            model=None if model is None else str(model),
            workload=discreet(setup.workload),
            simulated=setup.runner == "sim",
        )


class _Telling:
    """Passes on what a sweep does to a bar or to lines."""

    def __init__(self, progress: Watch, selection: Selection) -> None:
        self._progress, self._selection = progress, selection
        self._labels: dict[str, str] = {}

    def doing(self, job: Job, phase: Phase) -> None:
        """What a worker does now."""
        gpus = f" on {job.gpus} GPU{'' if job.gpus == 1 else 's'}"
        self._progress.doing(self._labels.get(job.name, job.name), phase + gpus)

    def started(self, candidate: Candidate, job: Job) -> None:
        self._labels[job.name] = candidate.label

    def retried(self, candidate: Candidate, failure: Failure) -> None:
        self._selection.say(f"note: {candidate.label} is tried again, {failure.cause}: {failure.message}")

    def measured(self, found: Finding) -> None:
        if found.kept:
            self._progress.known(found.record)
        else:
            self._progress.finished(found.candidate.label, found.record)
