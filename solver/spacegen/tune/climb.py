"""The largest value of a parameter that survives a workload, by bisection."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from spacegen.api import Space
from spacegen.errors import Fault, UsageError, did_you_mean
from spacegen.language.expr import Scalar
from spacegen.questions.edits import words
from spacegen.tune.outcome import Outcome

__all__ = ["ASSUMPTION", "Climb", "Probe", "climb", "values_beside"]

ASSUMPTION: Final = "what fails with a value is taken to fail with every larger one"
"""What bisection relies on, and nobody checks."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A value that was tried, and what came of it."""

    value: Scalar
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Climb:
    """What is known of the values of a parameter: `best` is the largest that survived, `failing` the smallest
    that did not, both None where there is none. `probes` are in the order in which they were made."""

    parameter: str
    values: tuple[Scalar, ...]
    probes: tuple[Probe, ...]
    best: Scalar = None
    failing: Scalar = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "parameter": self.parameter,
            "simulated": any(probe.outcome.simulated for probe in self.probes),
            "values": list(self.values),
            "best": self.best,
            "failing": self.failing,
            "assumption": ASSUMPTION,
            "probes": [
                {
                    "value": probe.value,
                    "survives": probe.outcome.ok,
                    "failure": probe.outcome.failure and probe.outcome.failure.model_dump(mode="json"),
                }
                for probe in self.probes
            ],
        }


def values_beside(space: Space, parameter: str, config: Mapping[str, Scalar]) -> tuple[Scalar, ...]:
    """The values of a parameter that the space allows beside the other values of a config, small ones first.

    Null is none of them: it stands for no size. Raises UsageError for a parameter that the space does not
    search or that has no order, and where nothing is left to choose from.
    """
    known = [p.name for p in space.parameters]
    if parameter not in known:
        hint = did_you_mean(parameter, known)
        raise UsageError(Fault(f"`{parameter}` is no parameter of `{space.name}`", hint=hint))
    found = next(p for p in space.parameters if p.name == parameter)
    sizes = [value for value in found.domain if value is not None]
    if any(isinstance(value, bool | str) for value in sizes):
        raise UsageError(f"the values of `{parameter}` have no order: {words(sizes[0])} is one of them")
    others = {name: value for name, value in config.items() if name in known and name != parameter}
    beside = space.pinned(others)
    allowed = beside.marginals()[parameter] if beside.count() else {}
    left = sorted(value for value in sizes if allowed.get(value))
    if not left:
        hint = "`spacegen check` says what is wrong with it"
        raise UsageError(
            Fault(f"no value of `{parameter}` is valid beside the rest of the config", hint=hint)
        )
    return tuple(left)


def climb(parameter: str, values: Sequence[Scalar], probe: Callable[[Scalar], Outcome]) -> Climb:
    """Tries values (in rising order) until it is known which is the largest that survives.

    That takes about log2 as many probes as there are values. See `ASSUMPTION`.
    """
    probes: list[Probe] = []
    low, high = -1, len(values)
    while high - low > 1:
        middle = (low + high) // 2
        probes.append(Probe(values[middle], probe(values[middle])))
        if probes[-1].outcome.ok:
            low = middle
        else:
            high = middle
    return Climb(
        parameter,
        tuple(values),
        tuple(probes),
        best=values[low] if low >= 0 else None,
        failing=values[high] if high < len(values) else None,
    )
