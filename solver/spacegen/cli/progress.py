"""How far a study is: a bar where stderr is a terminal, else a line for each finished trial."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from spacegen.cli.output import say
from spacegen.tune.outcome import Cause

if TYPE_CHECKING:
    from spacegen.tune.metrics import Goal
    from spacegen.tune.outcome import Outcome
    from spacegen.tune.record import Record

__all__ = ["Watch", "watch"]


class Watch(Protocol):
    """Told what a study does. A context manager."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def begin(self, what: str, done: int, total: int | None) -> None:
        """What is measured from now on, and how much of it is done already."""
        ...

    def doing(self, job: str, phase: str) -> None:
        """What a job does now."""
        ...

    def finished(self, job: str, record: Record, done: int | None = None) -> None:
        """A job is done; `done` are all of them, where others work on the same."""
        ...

    def known(self, record: Record) -> None:
        """What an earlier run of the study measured."""
        ...


def watch(goals: Sequence[Goal], *, quiet: bool) -> Watch:
    """What tells people how far a study is, on stderr."""
    if quiet:
        return _Silence()
    return _Bar(goals) if sys.stderr.isatty() else _Lines(goals)


class _Silence:
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def begin(self, what: str, done: int, total: int | None) -> None: ...

    def doing(self, job: str, phase: str) -> None: ...

    def finished(self, job: str, record: Record, done: int | None = None) -> None: ...

    def known(self, record: Record) -> None: ...


class _Lines(_Silence):
    """A line for each finished job."""

    def __init__(self, goals: Sequence[Goal]) -> None:
        self._goals = goals
        self._done, self._total = 0, ""
        self._lock = threading.Lock()

    def begin(self, what: str, done: int, total: int | None) -> None:  # noqa: ARG002 - lines need no heading
        self._done, self._total = done, "" if total is None else f"/{total}"

    def finished(self, job: str, record: Record, done: int | None = None) -> None:  # noqa: ARG002 - see _told
        with self._lock:
            self._done = self._done + 1 if done is None else done
            say(f"[{self._done}{self._total}] {_told(record, self._goals)}")


class _Bar(_Silence):
    """A bar with the time that is left, the best values so far, and what each job does."""

    def __init__(self, goals: Sequence[Goal]) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._goals = goals
        self._jobs: dict[str, str] = {}
        self._best: dict[str, float] = {}
        self._failed = 0
        self._mark = ""
        self._lock = threading.Lock()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        left = (TextColumn("left"), TimeRemainingColumn())
        # Trials take minutes: the speed of the last half minute, which is the default, would say nothing.
        self._progress = Progress(*columns, *left, speed_estimate_period=86400.0)
        self._task: Any = None
        self._live = Live(
            get_renderable=self._render,
            console=Console(stderr=True),
            transient=True,
            refresh_per_second=4,
            redirect_stdout=sys.stdout.isatty(),
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def begin(self, what: str, done: int, total: int | None) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(what, total=total, completed=done)

    def doing(self, job: str, phase: str) -> None:
        with self._lock:
            self._jobs[job] = phase

    def finished(self, job: str, record: Record, done: int | None = None) -> None:
        with self._lock:
            self._jobs.pop(job, None)
        if not record.outcome.ok:
            say(_told(record, self._goals))
        self.known(record)
        if self._task is not None and done is None:
            self._progress.advance(self._task)
        elif self._task is not None:
            self._progress.update(self._task, completed=done)

    def known(self, record: Record) -> None:
        values = record.outcome.values()
        with self._lock:
            self._mark = "SIMULATED: " if record.outcome.simulated else self._mark
            if not record.outcome.ok:
                self._failed += 1
                return
            if any(missed > 0 for missed in record.violations.values()):
                return
            for goal in self._goals:
                if goal.metric in values:
                    was = self._best.get(goal.metric, values[goal.metric])
                    pick = min if goal.sign > 0 else max
                    self._best[goal.metric] = pick(was, values[goal.metric])

    def _render(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        with self._lock:
            best = ", ".join(_value(name, value) for name, value in self._best.items())
            what = "best so far" if len(self._goals) == 1 else "best of each so far"
            lines = [self._mark + (f"{what}: {best}" if best else "nothing measured yet")]
            if self._failed:
                lines[0] += f"; {self._failed} failed"
            lines += [f"  {job}: {phase}" for job, phase in self._jobs.items()]
        return Group(self._progress, *(Text(line, no_wrap=True, overflow="ellipsis") for line in lines))


def _told(record: Record, goals: Sequence[Goal]) -> str:
    """A finished job in one line."""
    name = record.origin if record.study is None else f"trial {record.trial}"
    name = f"{name}, again {record.again}" if record.again else name
    mark = "SIMULATED " if record.outcome.simulated else ""
    failure = record.outcome.failure
    if failure is not None:
        message = failure.message.removeprefix("SIMULATED: ")
        return f"{name}: {mark}failed, {failure.cause}: {message}{_evidence(record.outcome)}"
    values = record.outcome.values()
    found = ", ".join(
        _value(goal.metric, values[goal.metric]) if goal.metric in values else f"no {goal.metric}"
        for goal in goals
    )
    missed = [limit for limit, share in record.violations.items() if share > 0]
    return f"{name}: {mark}{found}" + (f" (misses {', '.join(missed)})" if missed else "")


def _evidence(outcome: Outcome) -> str:
    """Where more about a failure stands than fits a line."""
    failure = outcome.failure
    told = (Cause.CRASH, Cause.TIMEOUT, Cause.LOAD)
    if outcome.log is None or failure is None or failure.cause not in told:
        return ""
    # That of a load stands beside the server's, in a folder of its own where there are several.
    path = Path(outcome.log).parent if failure.cause is Cause.LOAD else Path(outcome.log)
    return f" ({path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path})"


def _value(metric: str, value: float) -> str:
    from spacegen.tune.summary.console import amount, heading

    return f"{heading(metric)} {amount(metric, value)}"
