"""Feasible configs measured on servers, and the study that looks for the best of them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from spacegen.extras import require

if TYPE_CHECKING:
    from spacegen.tune.load.reading import read_workload
    from spacegen.tune.metrics import Goal, Limit
    from spacegen.tune.objective import Objective
    from spacegen.tune.outcome import Cause, Outcome
    from spacegen.tune.running.runners import runner_for
    from spacegen.tune.sampling.enqueue import enqueue
    from spacegen.tune.sampling.sampler import FeasibleSampler
    from spacegen.tune.setup import Setup
    from spacegen.tune.summary.studies import print_results
    from spacegen.tune.tuning import Tuned, tune
    from spacegen.tune.workload import Workload

__all__ = [
    "Cause",
    "FeasibleSampler",
    "Goal",
    "Limit",
    "Objective",
    "Outcome",
    "Setup",
    "Tuned",
    "Workload",
    "enqueue",
    "print_results",
    "read_workload",
    "runner_for",
    "tune",
]

# Optuna takes long to import: a name brings its module with it when it is first used (PEP 562).
_HOME_OF: Final = {
    "Cause": "outcome",
    "FeasibleSampler": "sampling.sampler",
    "Goal": "metrics",
    "Limit": "metrics",
    "Objective": "objective",
    "Outcome": "outcome",
    "Setup": "setup",
    "Tuned": "tuning",
    "Workload": "workload",
    "enqueue": "sampling.enqueue",
    "print_results": "summary.studies",
    "read_workload": "load.reading",
    "runner_for": "running.runners",
    "tune": "tuning",
}
_PLAIN: Final = ("load.reading", "metrics", "outcome", "running.runners", "setup", "workload")
"""Those that need no library beyond what spacegen itself needs."""


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if _HOME_OF[name] not in _PLAIN:
        require("optuna", "tune", f"`{__name__}.{name}`")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
