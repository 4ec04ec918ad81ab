"""Given configs, each measured once: no tuner, and what a results file has is not measured again."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from spacegen.language.expr import Scalar
from spacegen.launch.commands import gpus
from spacegen.launch.config import LaunchConfig, validate
from spacegen.launch.flags import negated
from spacegen.servers.schema import TargetSchema, load
from spacegen.tune.jobs import Executor, Job
from spacegen.tune.outcome import TRIES, Cause, Failure, Outcome
from spacegen.tune.record import Provenance, Record
from spacegen.tune.results import ResultsFile
from spacegen.tune.secret import public
from spacegen.tune.setup import Setup

__all__ = ["Candidate", "Finding", "Sweep", "SweepObserver"]

_TICK: Final = 0.5
_SIMULATED: Final = "spacegen.tune.simulated.server"

_Key: TypeAlias = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A config to measure under the name that messages give it; `rank` is its number in its space."""

    label: str
    config: Mapping[str, Scalar]
    rank: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A candidate with its record; `kept` says that the results file had it before."""

    candidate: Candidate
    record: Record
    kept: bool = False


class SweepObserver(Protocol):
    """Told what a sweep does."""

    def started(self, candidate: Candidate, job: Job) -> None:
        """A launch is about to be started."""
        ...

    def retried(self, candidate: Candidate, failure: Failure) -> None:
        """A launch failed for no fault of its config, and is started again."""
        ...

    def measured(self, found: Finding) -> None:
        """A record is in the file."""
        ...


class Sweep:
    """Measures configs of one setup and adds their records to a results file.

    A config counts as measured when the file has a record of the same launch under the same workload that
    says something about it: metrics, or a failure of its own. Records are numbered within their file.
    """

    def __init__(
        self, setup: Setup, results: ResultsFile, provenance: Provenance, observer: SweepObserver
    ) -> None:
        self._setup, self._results, self._provenance, self._observer = setup, results, provenance, observer
        self._schema = load(setup.server, setup.version)
        self._simulated = provenance.simulated or _SIMULATED in (setup.server_command or ())
        self._known: dict[_Key, Record] = {}

    def known(self, candidate: Candidate) -> Record | None:
        """What the results file has of a config, also from other processes. Raises ConfigError."""
        for record in self._results.fresh():
            if self._fits(record) and record.outcome.passing is None:
                self._known[self._key(record.config)] = record
        return self._known.get(self._key(candidate.config))

    def run(self, candidates: Iterable[Candidate], executor: Executor) -> list[Finding]:
        """The candidates with their records, in the order in which they came in.

        Whatever ends this early closes the executor; what was measured stays in the file.
        """
        waiting: deque[tuple[Candidate, int]] = deque((candidate, 1) for candidate in candidates)
        flying: dict[Future[Outcome], tuple[Candidate, int]] = {}
        found: list[Finding] = []
        try:
            while waiting or flying:
                while waiting and len(flying) < executor.slots:
                    self._start(*waiting.popleft(), executor, flying, found)
                done, _ = wait(flying, timeout=_TICK, return_when=FIRST_COMPLETED)
                for future in done:
                    candidate, tries = flying[future]
                    if self._ended(candidate, tries, future.result(), found):
                        waiting.appendleft((candidate, tries + 1))
                    del flying[future]
        except BaseException:
            executor.close()
            for future, (candidate, _) in flying.items():
                self._save(candidate, future, found)
            raise
        return found

    def _start(
        self,
        candidate: Candidate,
        tries: int,
        executor: Executor,
        flying: dict[Future[Outcome], tuple[Candidate, int]],
        found: list[Finding],
    ) -> None:
        record = self.known(candidate)
        if record is not None:
            found.append(Finding(candidate, record, kept=True))
            self._observer.measured(found[-1])
            return
        needed = self._gpus(candidate)
        job = Job(name=self._name(candidate, tries), config=dict(candidate.config), gpus=needed)
        self._observer.started(candidate, job)
        flying[executor.submit(job)] = candidate, tries

    def _gpus(self, candidate: Candidate) -> int:
        """How many GPUs a launch takes; 1 for one that the server will refuse."""
        given = {**self._setup.arguments, **candidate.config}
        refused = validate(self._schema, given)
        return 1 if refused else gpus(LaunchConfig(self._schema, given)) or 1

    def _ended(self, candidate: Candidate, tries: int, outcome: Outcome, found: list[Finding]) -> bool:
        """Whether a launch is worth another try; else its record is kept."""
        failure = outcome.passing
        if failure is not None and tries < TRIES:
            self._observer.retried(candidate, failure)
            return True
        self._keep(candidate, outcome, found)
        return False

    def _save(self, candidate: Candidate, future: Future[Outcome], found: list[Finding]) -> None:
        """Keeps what came to its end before the executor was closed, and is not in the file yet."""
        if (
            future.done()
            and not future.cancelled()
            and future.exception() is None
            and not self.known(candidate)
        ):
            outcome = future.result()
            if outcome.failure is None or outcome.failure.cause is not Cause.INTERRUPTED:
                self._keep(candidate, outcome, found)

    def _keep(self, candidate: Candidate, outcome: Outcome, found: list[Finding]) -> None:
        known = {
            "hardware": self._provenance.hardware or outcome.hardware,
            "simulated": self._provenance.simulated or outcome.simulated,
        }
        record = Record(
            rank=candidate.rank,
            config=public(candidate.config),
            outcome=outcome,
            origin=candidate.label,
            provenance=self._provenance.model_copy(update=known),
        )
        found.append(Finding(candidate, self._results.append_numbered(record)))
        self._observer.measured(found[-1])

    def _fits(self, record: Record) -> bool:
        """Whether a record is of the same target, model and workload, and as real."""
        theirs, ours = record.provenance, self._provenance
        return (
            theirs.target == ours.target
            and theirs.model == ours.model
            and record.outcome.simulated == self._simulated
            and theirs.workload.identity == ours.workload.identity
        )

    def _key(self, config: Mapping[str, Any]) -> _Key:
        """What names a launch: its arguments, whatever they are called there."""
        given = (pair for pair in public(config).items() if pair[1] is not None)
        return frozenset(_said(self._schema, name, value) for name, value in given)

    def _name(self, candidate: Candidate, tries: int) -> str:
        """A name for the folder of a job: that of the config, so that a launch that was cut short makes
        room for the next one."""
        text = json.dumps(sorted(self._key(candidate.config)))
        name = f"config-{hashlib.sha256(text.encode()).hexdigest()[:10]}"
        return name if tries == 1 else f"{name}-{tries}"


def _said(schema: TargetSchema, name: str, value: Any) -> tuple[str, str]:
    """An argument by the name of its field; 1 and 1.0 are one value, and neither is true."""
    argument = schema.arguments.get(name)
    field = None if argument is None else negated(schema, argument)
    if field is not None and isinstance(value, bool):
        return field.name, json.dumps(not value)
    whole = isinstance(value, float) and value.is_integer()
    return argument.name if argument else name, json.dumps(int(value) if whole else value, sort_keys=True)
