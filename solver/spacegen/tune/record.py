"""Records: one measured config with everything that says where its numbers come from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import Field

from spacegen.language.expr import Scalar
from spacegen.tune.outcome import Outcome
from spacegen.tune.values import Value
from spacegen.tune.workload import Workload

__all__ = ["Provenance", "Record", "gpu_hours"]


class Provenance(Value):
    """What all records of a study or a run share."""

    spacegen: str
    """The version of this program."""
    space: str | None = None
    fingerprint: str | None = None
    """Of the space; with a rank it names a config for ever."""
    target: str | None = None
    """Such as `sglang==0.5.23`."""
    model: str | None = None
    hardware: str | None = None
    workload: Workload
    simulated: bool = False


class Record(Value):
    """A line of a results file. A record that measures a config again has `again`, counted from 1."""

    study: str | None = None
    study_id: str | None = None
    """Of the study: others may have its name, in other storages."""
    trial: int | None = None
    rank: int | None = None
    config: dict[str, Scalar]
    outcome: Outcome
    violations: dict[str, float] = Field(default_factory=dict)
    """By how much service levels are missed, as shares; positive ones are missed."""
    again: int = 0
    origin: str | None = None
    """Where the config came from: `defaults`, `repaired defaults`, `warm start` or `sampler`."""
    provenance: Provenance

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return self.model_dump(mode="json")


def gpu_hours(records: Iterable[Record]) -> float:
    """The GPU-hours of all launches that came to an end, those that were tried again included."""
    return sum(record.outcome.gpu_seconds for record in records) / 3600
