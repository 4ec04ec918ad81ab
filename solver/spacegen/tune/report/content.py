"""What the script of the page works on: the trials as plain data."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from spacegen.language.scalars import write_scalar
from spacegen.tune.record import Record
from spacegen.tune.report.columns import Column, columns
from spacegen.tune.report.commands import launch_command
from spacegen.tune.report.failures import Failures, failures
from spacegen.tune.report.history import History, history
from spacegen.tune.report.importances import FEWEST, importances
from spacegen.tune.report.trials import State, Trial, ranked
from spacegen.tune.summary.summary import Summary

__all__ = ["Content", "content"]

_USUAL: Final = ("ttft", "tpot", "itl", "e2e", "tps", "total_tps", "requests_per_s", "tps_per_gpu")


@dataclass(frozen=True, slots=True)
class Content:
    """Everything on the page. `defaults` is the row of the launch without changes, `metrics` the goals, the
    metrics of limits and the usual ones that were measured."""

    summary: Summary
    trials: tuple[Trial, ...]
    columns: tuple[Column, ...]
    metrics: tuple[str, ...]
    history: History
    importances: Mapping[str, Mapping[str, float]]
    failures: tuple[Failures, ...]
    defaults: int | None

    def changes(self, row: int) -> list[tuple[str, str, str]]:
        """The parameters in which a trial differs from the defaults: name, default, value."""
        if self.defaults is None:
            return []
        return [
            (column.name, column.label(self.defaults), column.label(row))
            for column in self.columns
            if column.codes[row] != column.codes[self.defaults]
        ]

    def data(self) -> dict[str, Any]:
        """The same for the script: JSON without NaN and infinities."""
        states = list(State)
        return {
            "goals": [{"metric": g.metric, "direction": g.direction} for g in self.summary.goals],
            "metrics": self.metrics,
            "states": [str(state) for state in states],
            "columns": [{"name": c.name, "labels": c.labels, "codes": c.codes} for c in self.columns],
            "trials": [_row(trial, self.metrics, states) for trial in self.trials],
            "defaults": self.defaults,
            "fewest": FEWEST,
            "history": self.history.volumes,
            "importances": self.importances,
        }


def content(records: Sequence[Record], summary: Summary) -> Content:
    """What the records, numbered, come to."""
    trials = ranked(records, summary)
    found = columns(trials)
    origin = None if summary.defaults is None else summary.defaults.record.trial
    return Content(
        summary=summary,
        trials=trials,
        columns=found,
        metrics=_metrics(trials, summary),
        history=history(trials, summary.goals),
        importances=importances(trials, found, summary.goals),
        failures=failures(trials),
        defaults=next((i for i, trial in enumerate(trials) if trial.record.trial == origin), None),
    )


def _metrics(trials: Sequence[Trial], summary: Summary) -> tuple[str, ...]:
    asked = dict.fromkeys(goal.metric for goal in summary.goals)
    asked |= dict.fromkeys(limit.metric for limit in summary.limits)
    measured = {name for trial in trials for name in trial.record.outcome.values()}
    return (*asked, *(name for name in _USUAL if name in measured and name not in asked))


def _row(trial: Trial, metrics: Sequence[str], states: Sequence[State]) -> dict[str, Any]:
    """A trial; what it has nothing to say about is left out."""
    outcome = trial.record.outcome
    said: dict[str, Any] = {
        "number": trial.number,
        "state": states.index(trial.state),
        "metrics": [_number(trial.value(name)) for name in metrics],
        "seconds": _number(outcome.seconds) or None,
        "gpus": len(outcome.gpu_ids) or None,
        "gpu_ids": ", ".join(outcome.gpu_ids),
        "origin": trial.record.origin,
        "rank": None if trial.record.rank is None else str(trial.record.rank),
        "command": launch_command(trial.record),
        "load": shlex.join(outcome.load_command),
        "log": outcome.log,
        "altered": [[name, *map(_text, values)] for name, values in outcome.altered.items()],
        "spread": _spread(trial, metrics),
        "missed": [name for name, share in trial.violations.items() if share > 0],
    }
    if outcome.failure is not None:
        said |= {
            "cause": str(outcome.failure.cause),
            "message": outcome.failure.message,
            "tail": "\n".join(outcome.failure.log_tail),
        }
    if outcome.gpu_use is not None:
        said |= {
            "use": _number(outcome.gpu_use.utilisation),
            "memory": _number(outcome.gpu_use.peak_memory_mib),
        }
    return {name: value for name, value in said.items() if value not in (None, "", [], {})}


def _spread(trial: Trial, metrics: Sequence[str]) -> dict[str, list[float | None]]:
    if trial.measured is None:
        return {}
    found = trial.measured.spread
    return {name: [_number(found[name].low), _number(found[name].high)] for name in metrics if name in found}


def _number(value: float | None) -> float | None:
    """A number that JSON has."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def _text(value: Any) -> str:
    return write_scalar(value) if value is None or isinstance(value, bool | int | float | str) else str(value)
