"""A runner that keeps secrets to itself: neither its outcomes nor its files have them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from spacegen.launch.files import replacing
from spacegen.tune.jobs import Job, Report, Runner
from spacegen.tune.outcome import Outcome
from spacegen.tune.secret import Hider, is_secret, secrets_of
from spacegen.tune.setup import Setup

__all__ = ["DiscreetRunner"]


class DiscreetRunner:
    """Satisfies `Runner` with another one, which alone gets the secrets of a setup: its outcomes are given on
    without them, and once a launch has ended they are hidden in the files of its folder."""

    def __init__(self, runner: Runner, setup: Setup) -> None:
        self._runner, self._setup = runner, setup

    def run(self, job: Job, report: Report) -> Outcome:
        hider = Hider(_secrets(self._setup, job))
        try:
            outcome = self._runner.run(job, report)
        finally:
            if not hider.idle:
                _clean(self._setup.folder / job.name, hider)
        return _cleaned(outcome, hider)


def _secrets(setup: Setup, job: Job) -> Iterator[object]:
    for values in (setup.arguments, job.config, setup.environment):
        yield from (value for name, value in values.items() if is_secret(name))
    load = _split(setup.workload.command)
    for words in (setup.server_command, setup.bench_command, setup.workload.extra, load):
        yield from secrets_of(words or ())
    for template in (setup.launch_template, setup.stop_template):
        yield from secrets_of(_split(template))


def _split(text: str | None) -> list[str]:
    with suppress(ValueError):
        return shlex.split(text or "")
    return []


def _cleaned(outcome: Outcome, hider: Hider) -> Outcome:
    changed: dict[str, object] = {
        "command": hider.words(outcome.command),
        "load_command": hider.words(outcome.load_command),
    }
    if (failure := outcome.failure) is not None:
        tail = tuple(map(hider.text, failure.log_tail))
        told = {"message": hider.text(failure.message), "log_tail": tail}
        changed["failure"] = failure.model_copy(update=told)
    return outcome.model_copy(update=changed)


def _clean(folder: Path, hider: Hider) -> None:
    """Hides secrets in the files below a folder. What is no file of its own is left alone."""
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        before = path.read_bytes()
        after = hider.data(before)
        if after != before:
            with replacing(path, binary=True) as stream:
                stream.write(after)
