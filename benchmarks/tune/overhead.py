"""What a proposal costs beyond the time of the sampler that proposes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

import spacegen
from spacegen.tune import FeasibleSampler
from spacegen.tune.sampling import sampler as module
from spacegen.tune.sampling.bases import base_for

__all__ = ["overheads"]


@dataclass
class Clock:
    """Seconds that pass inside, where it is not inside already."""

    seconds: float = 0.0
    depth: int = field(default=0, repr=False)
    started: float = field(default=0.0, repr=False)

    def __enter__(self) -> None:
        if self.depth == 0:
            self.started = time.perf_counter()
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1
        if self.depth == 0:
            self.seconds += time.perf_counter() - self.started


class Timed(BaseSampler):
    """A sampler that does all through another, by the clock."""

    def __init__(self, inner: BaseSampler, clock: Clock) -> None:
        self.inner, self.clock = inner, clock

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        with self.clock:
            return self.inner.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        with self.clock:
            return self.inner.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        with self.clock:
            return self.inner.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        with self.clock:
            self.inner.before_trial(study, trial)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        with self.clock:
            self.inner.after_trial(study, trial, state, values)


def overheads(name: str, base: Any, storage: str | None, trials: int) -> list[tuple[float, float]]:
    """For each trial the seconds of the sampler that proposes, and those of all that `FeasibleSampler` does
    beside it."""
    space = spacegen.load(name)
    inner, outer = Clock(), Clock()

    def timed_base(base: Any, seed: int) -> BaseSampler:
        made = base_for(base, seed)
        assert made is not None
        return Timed(made, inner)

    with patch.object(module, "base_for", timed_base):
        sampler = FeasibleSampler(space, base)
        study = optuna.create_study(
            directions=["minimize", "maximize"], sampler=Timed(sampler, outer), storage=storage
        )
        found = []
        for _ in range(trials):
            before = inner.seconds, outer.seconds
            trial = study.ask(sampler.distributions)
            size = len(str(trial.params))
            study.tell(trial, (size, len(set(str(trial.params)))))
            own = inner.seconds - before[0]
            found.append((own, outer.seconds - before[1] - own))
    return found
