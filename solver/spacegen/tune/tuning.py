"""Tuning from Python: the best configs of a space by what a function measures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from optuna import Study
from optuna.samplers import BaseSampler

from spacegen.errors import Fault, UsageError
from spacegen.launch.files import replacing
from spacegen.questions.given import known_word
from spacegen.tune.callables import Benchmark, call
from spacegen.tune.files import check_files, file_name, refuse_other_than_front, study_name
from spacegen.tune.given import checked, counted
from spacegen.tune.jobs import Job, Runner, unreported
from spacegen.tune.metrics import Direction, Goal, Limit
from spacegen.tune.outcome import Outcome
from spacegen.tune.plan import Plan, StudyObserver, run
from spacegen.tune.record import Record
from spacegen.tune.running.threads import ThreadExecutor
from spacegen.tune.starting import WarmStart
from spacegen.tune.study.records import records
from spacegen.tune.study.stopping import Ended
from spacegen.tune.summary.console import in_words
from spacegen.tune.summary.document import as_document
from spacegen.tune.summary.measured import Measured
from spacegen.tune.summary.studies import summary_of
from spacegen.tune.summary.summary import Summary
from spacegen.tune.workload import Workload

if TYPE_CHECKING:
    from spacegen.api import Space

__all__ = ["Options", "Tuned", "save_summary", "tune"]


@dataclass(frozen=True, slots=True)
class Tuned:
    """A study that came to its end, why it did, and what it found."""

    study: Study
    ended: Ended
    summary: Summary
    records: tuple[Record, ...]

    @property
    def front(self) -> tuple[Measured, ...]:
        """The configs that no other one dominates, by the first goal."""
        return self.summary.front

    def save_json(self, path: str | Path) -> None:
        """Writes the front as JSON; the file appears whole or not at all."""
        save_summary(self.summary, Path(path))

    def __str__(self) -> str:
        return "\n".join(in_words(self.summary))


def save_summary(summary: Summary, path: Path) -> None:
    """Writes a summary as JSON; the file appears whole or not at all. Raises UsageError where another file
    than an earlier one would be lost."""
    refuse_other_than_front(path)
    with replacing(path) as stream:
        json.dump(as_document(summary), stream, ensure_ascii=False, indent=2)
        stream.write("\n")


class Options(TypedDict, total=False):
    """What `tune` may be told beside the space and the benchmark."""

    trials: int
    """How many finished trials the study has in the end; 100 unless given."""
    sampler: str | BaseSampler
    """`tpe` (unless given), `nsga2`, `nsga3`, `uniform`, `balanced`, or any sampler of Optuna."""
    seed: int
    goals: Goal | Sequence[Goal | tuple[str, Direction]]
    """What makes a config good: `Goal`s or pairs such as `("tps", "maximize")`; else ttft and tps."""
    limits: Limit | str | Sequence[Limit | str]
    """What it must keep: `Limit`s or bounds such as `"p99_ttft_ms<=500"`."""
    timeout: float | None
    """After so many seconds no trial is started."""
    budget_gpu_hours: float | None
    plateau: int | None
    """The study ends when so many trials in a row have not made the front any better."""
    warm_start: WarmStart | Sequence[WarmStart]
    """What is tried after the defaults: `"around"` them, `"balanced:N"`, files of configs, configs, or a list
    of these."""
    repeats: int
    """How often each member of the front is measured in all; 1 unless given."""
    workload: Workload
    """What the benchmark does, if that is to be part of what the study is about."""
    results: str | Path | None
    """A file of JSON lines to append records to."""
    migrate: bool
    """Whether to take over what still holds of a study of another space."""


def tune(
    space: Space,
    benchmark: Benchmark | Runner,
    *,
    storage: str | None = None,
    study: str | None = None,
    workers: int = 1,
    observer: StudyObserver | None = None,
    **options: Unpack[Options],
) -> Tuned:
    """Looks for the configs of a space with the best metrics, as `spacegen tune` does, with a function
    (called in `workers` threads) or a `Runner` that measures a config. `Options` has what else it takes.

    The study is kept in `storage` (the file `STUDY.db` of the current folder unless given; `"memory"`
    forgets): the same call goes on where the last one was interrupted.

    Raises UsageError for options that make no sense and for a study that is about something else,
    EmptySpaceError for a space without solutions.
    """
    name = study_name(space.name if study is None else study)
    plan = _plan(name, storage or f"sqlite:///{file_name(name)}.db", options)
    slots = counted(workers, "workers")
    measuring = _measuring(benchmark)
    check_files(plan.storage, plan.results, None)
    course = run(plan, space, lambda: ThreadExecutor(measuring, slots), observer=observer)
    found = course.opened.study
    return Tuned(found, course.ended, summary_of(found), tuple(records(found)))


def _plan(study: str, storage: str, options: Options) -> Plan:
    given: dict[str, Any] = {"workload": Workload(name="benchmark"), **options}
    for name in given:
        known_word(name, Options.__annotations__, "option")
    return Plan(study=study, storage=storage, **checked(given))


def _measuring(benchmark: Benchmark | Runner) -> Callable[[Job], Outcome]:
    if isinstance(benchmark, Runner):
        return lambda job: benchmark.run(job, unreported)
    if not callable(benchmark):
        hint = "give a function from a config to metrics by name, or what `runner_for` returns"
        raise UsageError(Fault(f"`{benchmark!r}` measures nothing", hint=hint))
    return lambda job: call(benchmark, job.config)
