"""How far a study had come after each trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spacegen.tune.front import hypervolume, pareto
from spacegen.tune.metrics import Goal
from spacegen.tune.report.trials import State, Trial

__all__ = ["History", "history"]


@dataclass(frozen=True, slots=True)
class History:
    """The share of the box between the best and the worst value of each goal that is dominated after each
    trial, within 0 … 1."""

    trials: tuple[int, ...]
    volumes: tuple[float, ...]


def history(trials: Sequence[Trial], goals: Sequence[Goal]) -> History:
    """The hypervolume over the trials by number; only those count that keep every limit."""
    kept = {State.FRONT, State.MEASURED}
    points = {
        i: point
        for i, trial in enumerate(trials)
        if trial.state in kept and (point := trial.point(goals)) is not None
    }
    numbers = tuple(trial.number for trial in trials)
    if not points:
        return History(numbers, (0.0,) * len(trials))
    table = np.array(list(points.values()))
    best, worst = table.min(axis=0), table.max(axis=0)
    span = np.where(worst > best, worst - best, 1.0)
    # A goal in which all trials are alike says nothing: its side of the box is whole.
    scaled = dict(zip(points, np.where(worst > best, (table - best) / span, 0.0), strict=True))
    front = np.empty((0, len(goals)))
    volumes: list[float] = []
    for i in range(len(trials)):
        volumes.append(volumes[-1] if volumes else 0.0)
        point = scaled.get(i)
        if point is None or (front <= point).all(axis=1).any():
            continue
        front = np.vstack([front, point])
        front = front[pareto(front)]
        volumes[-1] = hypervolume(front, np.ones(len(goals)))
    return History(numbers, tuple(round(volume, 6) for volume in volumes))
