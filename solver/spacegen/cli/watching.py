"""What a study does, told to people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spacegen.cli.options import Selection
from spacegen.cli.progress import Watch
from spacegen.errors import how_many
from spacegen.tune.jobs import Job, Phase
from spacegen.tune.outcome import Failure
from spacegen.tune.plan import StudyObserver
from spacegen.tune.record import Record
from spacegen.tune.study.opening import OpenStudy

__all__ = ["Telling"]


class Telling(StudyObserver):
    """Passes on what a study does to a bar or to lines."""

    def __init__(self, progress: Watch, selection: Selection) -> None:
        self._progress, self._selection = progress, selection
        self._done: int | None = None

    def opened(self, opened: OpenStudy, known: Sequence[Record]) -> None:
        label, finished = opened.storage.label, sum(not record.again for record in known)
        if not opened.new:
            done = f"{how_many(finished, 'trial')} {'is' if finished == 1 else 'are'} finished"
            self._selection.say(f"`{opened.study.study_name}` goes on in {label}: {done}")
        for record in known:
            self._progress.known(record)

    def noted(self, note: str) -> None:
        self._selection.say(f"note: {note}")

    def begins(self, what: str, done: int, total: int) -> None:
        self._progress.begin(what, done, total)

    def doing(self, job: Job, phase: Phase) -> None:
        """What a worker does now."""
        gpus = f" on {job.gpus} GPU{'' if job.gpus == 1 else 's'}"
        self._progress.doing(_name(job.name), phase + gpus)

    def started(self, trial: int, config: Mapping[str, Any], starts: int) -> None:  # noqa: ARG002
        self._progress.doing(f"trial {trial}", "waiting" if starts == 1 else f"waiting, start {starts}")

    def retried(self, trial: int, failure: Failure) -> None:
        self._selection.say(f"note: trial {trial} is tried again, {failure.cause}: {failure.message}")

    def advanced(self, done: int) -> None:
        self._done = done

    def finished(self, record: Record) -> None:
        again = f", again {record.again}" if record.again else ""
        self._progress.finished(f"trial {record.trial}{again}", record, None if again else self._done)


def _name(job: str) -> str:
    """What people call a job: `trial-00012-again-1` is `trial 12, again 1`."""
    _, number, *more = job.split("-")
    return f"trial {int(number)}" + (f", again {more[1]}" if more[:1] == ["again"] else "")
