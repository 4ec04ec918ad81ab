"""Samplers side by side: a study each, on a made-up server, with what a plain user does about rules."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import optuna
from optuna.samplers import BaseSampler, NSGAIISampler, TPESampler

import spacegen
from benchmarks.tune.tradeoffs import TRADEOFFS, gained, measured
from spacegen.tune import FeasibleSampler

__all__ = ["OURS", "SAMPLERS", "Sampler", "Tried", "fronts", "quiet", "tried"]

Rules = Literal["kept", "constraint", "pruned"]
SPACE = "sglang-tuner-18"


@cache
def space(device_num: int = 8) -> spacegen.Space:
    """The space that all of them search."""
    return spacegen.load(SPACE, constants={"device_num": device_num})


@dataclass(frozen=True)
class Sampler:
    """A way to choose trials. `rules` says what becomes of a config that breaks some: there is none, the
    study is told how many as a constraint, or the trial is pruned."""

    make: Callable[[int], BaseSampler]
    rules: Rules = "kept"


def _ours(base: Any) -> Sampler:
    return Sampler(lambda seed: FeasibleSampler(space(), base, seed=seed))


OURS = ("FeasibleSampler(TPE)", "FeasibleSampler(NSGA-II)")
SAMPLERS: dict[str, Sampler] = {
    OURS[0]: _ours("tpe"),
    OURS[1]: _ours("nsga2"),
    "uniform draws": Sampler(lambda seed: FeasibleSampler(space(), None, seed=seed, startup="uniform")),
    "TPE, constraints": Sampler(lambda seed: TPESampler(seed=seed), "constraint"),
    "TPE multivariate, constraints": Sampler(
        lambda seed: TPESampler(seed=seed, multivariate=True), "constraint"
    ),
    "TPE, pruned": Sampler(lambda seed: TPESampler(seed=seed), "pruned"),
    "NSGA-II, constraints": Sampler(lambda seed: NSGAIISampler(seed=seed), "constraint"),
    "NSGA-II of 16, constraints": Sampler(
        lambda seed: NSGAIISampler(seed=seed, population_size=16), "constraint"
    ),
    "NSGA-II, pruned": Sampler(lambda seed: NSGAIISampler(seed=seed), "pruned"),
}


def quiet() -> None:
    """Nothing of Optuna's on stderr."""
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def suggested(trial: optuna.Trial, of: spacegen.Space) -> dict[str, Any]:
    """A config as an objective asks for it."""
    return {p.name: trial.suggest_categorical(p.name, p.domain.values) for p in of.parameters}


def fronts(name: str, tradeoff: str, seed: int, marks: tuple[int, ...]) -> tuple[list[float], int]:
    """How much the front has gained after each of some numbers of trials, and the trials that broke rules."""
    sampler, asked = SAMPLERS[name], TRADEOFFS[tradeoff]
    defaults: dict[str, Any] = {p.name: p.default for p in space().parameters}
    start = measured(defaults, asked)
    points: list[tuple[float, float] | None] = []

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        config = suggested(trial, space())
        broken = 0 if sampler.rules == "kept" else len(space().check(config).broken)
        points.append(None if broken else measured(config, asked))
        if broken and sampler.rules == "pruned":
            raise optuna.TrialPruned
        if sampler.rules == "constraint":
            trial.set_constraint("rules", broken)
        return points[-1] or (10 * start[0], start[1] / 10)

    study = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler.make(seed))
    study.optimize(objective, n_trials=max(marks))
    found = [gained([p for p in points[:mark] if p is not None], start) for mark in marks]
    return found, points.count(None)


@dataclass(frozen=True)
class Tried:
    """What a study tried: trials, how many of them break rules, how many were there before."""

    trials: int
    infeasible: int
    repeated: int


def tried(base: Any, device_num: int, seed: int, trials: int) -> Tried:
    """A study of the 18 parameters on so many GPUs, of a made-up server where there are 8."""
    own = space(device_num)
    asked = TRADEOFFS["chat"]
    sampler = FeasibleSampler(own, base, seed=seed)
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler)
    study.optimize(lambda trial: measured(suggested(trial, own), asked), n_trials=trials)
    configs = [trial.params for trial in study.trials]
    valid = sum(verdict.valid for verdict in own.check_all(configs))
    return Tried(len(configs), len(configs) - valid, len(configs) - len({str(config) for config in configs}))
