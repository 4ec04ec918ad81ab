"""A driver of a study in a process of its own: `python sampler_driver.py STORAGE TRIALS SEED [BASE]`."""

from __future__ import annotations

import sys
import warnings

import optuna

from spacegen import EmptySpaceError, Space
from spacegen.tune import FeasibleSampler

__all__ = ["SPACE", "opened"]

SPACE = Space.build(
    "shared", {"a": [1, 2, 3, 4], "b": [1, 2, 3, 4], "c": [False, True]}, ["a * b <= 8", "c or a != 2"]
)
"""20 solutions."""


def opened(storage: str) -> optuna.storages.BaseStorage:
    """The storage of a URL, or of a journal's path."""
    if not storage.startswith("sqlite"):
        return optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(storage))
    return optuna.storages.RDBStorage(storage, engine_kwargs={"connect_args": {"timeout": 60}})


def main(storage: str, trials: str, seed: str, base: str = "tpe") -> None:
    """Run that many trials, fewer where nothing is left to try."""
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = FeasibleSampler(SPACE, base, seed=int(seed))  # type: ignore[arg-type]
    study = optuna.load_study(study_name="shared", storage=opened(storage), sampler=sampler)
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        for _ in range(int(trials)):
            trial = study.ask(sampler.distributions)
            study.tell(trial, float(trial.params["a"]))
    except EmptySpaceError:
        print("empty")


if __name__ == "__main__":
    main(*sys.argv[1:])
