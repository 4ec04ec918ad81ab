"""Feasible configs measured on servers, and the study that looks for the best of them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from spacegen.tune.metrics import Goal, Limit
    from spacegen.tune.sampling.enqueue import enqueue
    from spacegen.tune.sampling.sampler import FeasibleSampler
    from spacegen.tune.setup import Setup
    from spacegen.tune.workload import Workload

__all__ = ["FeasibleSampler", "Goal", "Limit", "Setup", "Workload", "enqueue"]

# Optuna takes long to import: a name brings its module with it when it is first used (PEP 562).
_HOME_OF: Final = {
    "FeasibleSampler": "sampling.sampler",
    "Goal": "metrics",
    "Limit": "metrics",
    "Setup": "setup",
    "Workload": "workload",
    "enqueue": "sampling.enqueue",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
