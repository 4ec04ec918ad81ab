"""Metrics by name, objectives and service levels over them."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from spacegen.errors import Fault, UsageError, did_you_mean

__all__ = [
    "DEFAULT_GOALS",
    "RATES",
    "Direction",
    "Goal",
    "Limit",
    "derived",
    "missing",
    "read_goal",
    "read_limit",
    "refuse_unknown",
]

Direction: TypeAlias = Literal["minimize", "maximize"]

RATES: Final = ("tps", "total_tps", "requests_per_s")
_LIMIT: Final = re.compile(r"\s*([A-Za-z_]\w*)\s*(<=|>=|<|>)\s*([^\s]+)\s*")


def derived(metrics: Mapping[str, float], gpus: int) -> dict[str, float]:
    """Metrics with short names beside the load generator's own, and rates for each GPU (`tps_per_gpu`).

    `ttft` is the mean time to the first token in seconds, `tps` the output tokens a second, `total_tps` those
    with the input, `requests_per_s` the requests.
    """
    found = dict(metrics)
    short = {
        "ttft": ("mean_ttft_ms", 1e-3),
        "tpot": ("mean_tpot_ms", 1e-3),
        "itl": ("mean_itl_ms", 1e-3),
        "e2e": ("mean_e2e_latency_ms", 1e-3),
        "tps": ("output_throughput", 1.0),
        "total_tps": ("total_throughput", 1.0),
        "requests_per_s": ("request_throughput", 1.0),
    }
    for name, (source, factor) in short.items():
        if name not in found and source in metrics:
            found[name] = metrics[source] * factor
    if gpus:
        found |= {f"{name}_per_gpu": found[name] / gpus for name in RATES if name in found}
    return found


@dataclass(frozen=True, slots=True)
class Goal:
    """One objective: a metric and where it should go."""

    metric: str
    direction: Direction

    @property
    def sign(self) -> int:
        """1 to minimise, -1 to maximise: `sign * value` is always to be small."""
        return 1 if self.direction == "minimize" else -1

    def __str__(self) -> str:
        return f"{self.direction} {self.metric}"


DEFAULT_GOALS: Final = (Goal("ttft", "minimize"), Goal("tps", "maximize"))


def read_goal(text: str, direction: Direction) -> Goal:
    """The objective of an option. Raises UsageError."""
    name = text.strip()
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        hint = "a metric is a name such as `ttft`, `tps` or `p99_ttft_ms`"
        raise UsageError(Fault(f"`{text}` names no metric", hint=hint))
    return Goal(name, direction)


@dataclass(frozen=True, slots=True)
class Limit:
    """A service level: a metric and the bound that it must keep. Raises UsageError for one that is no finite
    number, which everything or nothing would keep."""

    metric: str
    comparison: Literal["<=", ">="]
    bound: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.bound):
            hint = f"without a bound for `{self.metric}` there is none"
            raise UsageError(Fault(f"`{self}` is no bound", hint=hint))

    def violation(self, metrics: Mapping[str, float]) -> float:
        """How far the bound is missed, as a share of it; at most 0 where it is kept, 1 where the metric is
        missing."""
        value = metrics.get(self.metric)
        if value is None:
            return 1.0
        beyond = value - self.bound if self.comparison == "<=" else self.bound - value
        return beyond / (abs(self.bound) or 1.0)

    def __str__(self) -> str:
        # To the last digit: it names the constraint, and is read again.
        return f"{self.metric}{self.comparison}{repr(float(self.bound)).removesuffix('.0')}"


def read_limit(text: str) -> Limit:
    """The service level of `p99_ttft_ms<=500`. Raises UsageError."""
    found = _LIMIT.fullmatch(text)
    try:
        if found is None:
            raise ValueError(text)
        bound = float(found[3])
    except ValueError:
        hint = "write a metric, `<=` or `>=`, and a number: `--slo 'p99_ttft_ms<=500'`"
        raise UsageError(Fault(f"`--slo {text}` is no bound", hint=hint)) from None
    return Limit(found[1], "<=" if found[2].startswith("<") else ">=", bound)


def refuse_unknown(
    goals: Iterable[Goal], limits: Iterable[Limit], known: Collection[str], told: str = "there will be"
) -> None:
    """Raises UsageError where an objective or a service level is about a metric that is not among those."""
    for name in (*(goal.metric for goal in goals), *(limit.metric for limit in limits)):
        if name not in known:
            hint = did_you_mean(name, known) or f"{told} {', '.join(sorted(known))}"
            raise UsageError(Fault(f"no metric is called `{name}`", hint=hint))


def missing(metrics: Mapping[str, float], goals: Iterable[Goal]) -> tuple[str, ...]:
    """The metrics that goals need and a measurement lacks."""
    return tuple(goal.metric for goal in goals if goal.metric not in metrics)
