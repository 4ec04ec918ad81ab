"""Honest times: one core, medians, each measurement in a process of its own, killed at its limit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

__all__ = ["Outcome", "answer_seconds", "pin_to_one_core", "process_seconds", "task"]


@dataclass(frozen=True)
class Outcome:
    """What a task answered and how long it took; `seconds` is None where it was stopped at the limit."""

    answer: int | None
    seconds: float | None

    @property
    def rate(self) -> float | None:
        """Answers a second."""
        return self.answer / self.seconds if self.answer is not None and self.seconds else None


def pin_to_one_core() -> str:
    """Keep this process and its children on one core, where the system can; says which."""
    if not hasattr(os, "sched_setaffinity"):
        return "any core (this system cannot pin)"
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return f"core {core}"


def process_seconds(
    commands: Sequence[Sequence[str]], runs: int, *, statuses: Sequence[int] = (0,)
) -> list[float]:
    """The median wall time of each command, run in turn so that a slow spell meets all of them. Raises
    RuntimeError where one exits with another status."""
    times: list[list[float]] = [[] for _ in commands]
    for _ in range(runs):
        for command, seconds in zip(commands, times, strict=True):
            started = time.perf_counter()
            done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True)
            seconds.append(time.perf_counter() - started)
            if done.returncode not in statuses:
                raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode()}")
    return [median(seconds) for seconds in times]


def task(name: str, peer: str, problem: str, *, limit: float, runs: int) -> Outcome:
    """The median of some runs of one task, fewer where it is slow."""
    outcomes: list[Outcome] = []
    while len(outcomes) < runs:
        outcome = _run(name, peer, problem, limit)
        if outcome.seconds is None:
            return outcome
        outcomes.append(outcome)
        if sum(o.seconds or 0 for o in outcomes) > limit / 2:
            break
    return sorted(outcomes, key=lambda o: o.seconds or 0)[len(outcomes) // 2]


def answer_seconds(name: str, runs: int) -> tuple[float, float]:
    """The median seconds of an answer of `benchmarks.answers`, and of its counterpart."""
    command = [sys.executable, "-m", "benchmarks.answers", name, str(runs)]
    done = subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    found = json.loads(done.stdout.splitlines()[-1])
    return found["seconds"], found["other"]


def _run(name: str, peer: str, problem: str, limit: float) -> Outcome:
    command = [sys.executable, "-m", "benchmarks.tasks", name, peer, problem]
    try:
        done = subprocess.run(
            command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=limit
        )
    except subprocess.TimeoutExpired:
        return Outcome(None, None)
    return Outcome(**json.loads(done.stdout.splitlines()[-1]))
