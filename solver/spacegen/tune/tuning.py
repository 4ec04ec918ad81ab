"""Tuning from Python: the best configs of a space by what a function measures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from optuna import Study
from optuna.samplers import BaseSampler

from spacegen.launch.files import replacing
from spacegen.questions.given import known_word
from spacegen.tune.callables import Benchmark, call
from spacegen.tune.jobs import Job, Runner
from spacegen.tune.metrics import DEFAULT_GOALS, Direction, Goal, Limit, read_goal, read_limit
from spacegen.tune.outcome import Outcome
from spacegen.tune.plan import Plan, Watcher, run
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

__all__ = ["Tuned", "save_summary", "tune"]


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
    """Writes a summary as JSON; the file appears whole or not at all."""
    with replacing(path) as stream:
        json.dump(as_document(summary), stream, ensure_ascii=False, indent=2)
        stream.write("\n")


def tune(
    space: Space,
    benchmark: Benchmark | Runner,
    *,
    trials: int = 100,
    sampler: str | BaseSampler = "tpe",
    storage: str | None = None,
    study: str | None = None,
    workers: int = 1,
    goals: Sequence[Goal | tuple[str, Direction]] = DEFAULT_GOALS,
    limits: Sequence[Limit | str] = (),
    seed: int = 0,
    timeout: float | None = None,
    budget_gpu_hours: float | None = None,
    plateau: int | None = None,
    warm_start: Sequence[WarmStart] = (),
    repeats: int = 1,
    workload: Workload | None = None,
    results: str | Path | None = None,
    migrate: bool = False,
    watcher: Watcher | None = None,
) -> Tuned:
    """Looks for the configs of a space with the best metrics, as `spacegen tune` does, with a function
    (called in `workers` threads) or a `Runner` that measures a config.

    The study is kept in `storage` (the file `STUDY.db` of the current folder unless given; `"memory"`
    forgets) and has `trials` finished trials in the end: the same call goes on where the last one was
    interrupted. `goals` are `Goal`s or pairs such as `("tps", "maximize")`, `limits` are `Limit`s or bounds
    such as `"p99_ttft_ms<=500"`; `results` is a file of JSON lines to append records to.

    Raises UsageError for options that make no sense and for a study that is about something else,
    EmptySpaceError for a space without solutions.
    """
    name = study or space.name
    plan = Plan(
        study=name,
        storage=storage or f"sqlite:///{name}.db",
        trials=trials,
        sampler=sampler,
        seed=seed,
        goals=tuple(goal if isinstance(goal, Goal) else _goal(*goal) for goal in goals),
        limits=tuple(limit if isinstance(limit, Limit) else read_limit(limit) for limit in limits),
        workload=workload or Workload(name="benchmark"),
        timeout=timeout,
        budget_gpu_hours=budget_gpu_hours,
        plateau=plateau,
        warm_start=tuple(warm_start),
        repeats=repeats,
        migrate=migrate,
        results=None if results is None else Path(results),
    )
    course = run(plan, space, lambda: ThreadExecutor(_measuring(benchmark), workers), watcher=watcher)
    found = course.opened.study
    return Tuned(found, course.ended, summary_of(found), tuple(records(found)))


def _goal(metric: str, direction: Direction) -> Goal:
    known_word(direction, get_args(Direction), "direction")
    return read_goal(metric, direction)


def _measuring(benchmark: Benchmark | Runner) -> Callable[[Job], Outcome]:
    if isinstance(benchmark, Runner):
        return lambda job: benchmark.run(job, _nobody)
    return lambda job: call(benchmark, job.config)


def _nobody(*_: object) -> None:
    """Told what jobs do."""
