"""A summary as JSON for programs."""

from __future__ import annotations

from typing import Any

from spacegen.tune.summary.console import SIMULATED
from spacegen.tune.summary.measured import Measured
from spacegen.tune.summary.summary import Summary

__all__ = ["as_document"]


def as_document(summary: Summary) -> dict[str, Any]:
    """The study, how many trials it finished, and its front: for each member the trial, its goals by name
    (`ttft` in seconds, `tps` in output tokens a second), its parameters and its state. What else is known
    stands beside that."""
    known = summary.provenance
    return {
        "study_name": summary.study,
        "n_trials": summary.finished,
        "pareto_front": [_member(one, summary) for one in summary.front],
        "objectives": [{"metric": goal.metric, "direction": goal.direction} for goal in summary.goals],
        "limits": [str(limit) for limit in summary.limits],
        "hypervolume": summary.hypervolume,
        "missed_limits": len(summary.missed),
        "failures": summary.failures,
        "defaults": None if summary.defaults is None else _member(summary.defaults, summary),
        "gpu_hours": summary.gpu_hours,
        "simulated": summary.simulated,
        **({"note": SIMULATED} if summary.simulated else {}),
        **({} if known is None else known.model_dump(mode="json", exclude={"simulated"})),
    }


def _member(one: Measured, summary: Summary) -> dict[str, Any]:
    outcome = one.record.outcome
    return {
        "trial_number": one.trial,
        **{goal.metric: one.metrics[goal.metric] for goal in summary.goals},
        "parameters": dict(one.record.config),
        "state": "COMPLETE",
        "rank": one.record.rank,
        "origin": one.record.origin,
        "command": list(outcome.command),
        "gpu_ids": list(outcome.gpu_ids),
        "log": outcome.log,
        "measurements": one.times,
        "failed_measurements": one.failed,
        "spread": {
            goal.metric: {"min": spread.low, "max": spread.high, "relative": spread.share}
            for goal in summary.goals
            if (spread := one.spread.get(goal.metric)) is not None
        },
        "violations": dict(one.violations),
        "metrics": dict(one.metrics),
    }
