"""Small studies for tests: a space of 21 solutions, and measurements that are made up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spacegen import Space
from spacegen.tune import FeasibleSampler, Workload
from spacegen.tune.jobs import Job
from spacegen.tune.metrics import DEFAULT_GOALS
from spacegen.tune.outcome import Outcome
from spacegen.tune.study.identity import Identity
from spacegen.tune.study.opening import OpenStudy, open_study
from spacegen.tune.study.storage import StudyStorage, open_storage

__all__ = ["TINY", "address", "identity", "measure", "measured", "opened"]

TINY = Space.build("tiny", {"a": [1, 2, 3, 4], "b": [True, False], "c": ["x", "y", None]}, ["a < 4 or b"])


def measure(config: Mapping[str, Any]) -> Outcome:
    """An outcome that depends on the config alone."""
    metrics = {"ttft": config["a"] / 10, "tps": 100.0 * config["a"] + (config["c"] == "y")}
    return Outcome(metrics=metrics, gpu_ids=("0",), seconds=36.0)


def measured(job: Job) -> Outcome:
    return measure(job.config)


def address(kind: str, folder: Path) -> str:
    return {"memory": "memory", "journal": f"journal:{folder}/j", "sqlite": f"sqlite:///{folder}/s.db"}[kind]


def identity(space: Space = TINY, **changed: Any) -> Identity:
    known: dict[str, Any] = {"workload": Workload(), "goals": DEFAULT_GOALS, "labels": True} | changed
    return Identity.of(space, known.pop("workload"), known.pop("goals"), known.pop("limits", ()), **known)


def opened(
    storage: StudyStorage | str = "memory", name: str = "s", space: Space = TINY, **changed: Any
) -> OpenStudy:
    kept = open_storage(storage) if isinstance(storage, str) else storage
    migrate = changed.pop("migrate", False)
    sampler = FeasibleSampler(space, "tpe", labels=changed.get("labels", True))
    return open_study(kept, name, identity(space, **changed), space, sampler, migrate=migrate)
