"""A diagnosis as JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spacegen.diagnose.diagnosis import Diagnosis
from spacegen.diagnose.finding import Finding
from spacegen.diagnose.launch import Launch
from spacegen.tune.secret import HIDDEN, is_secret

if TYPE_CHECKING:
    from spacegen.diagnose.narrowing.narrowing import Narrowing

__all__ = ["as_document"]


def as_document(diagnosis: Diagnosis, narrowing: Narrowing | None = None) -> dict[str, Any]:
    """The launches with what their logs come to, the findings, the worst first, and what is left of the
    space."""
    return {
        "simulated": diagnosis.simulated,
        "launches": [_launch(launch) for launch in diagnosis.launches],
        "findings": [_finding(finding) for finding in diagnosis.findings],
        "narrowed": None if narrowing is None else narrowing.as_dict(),
    }


def _launch(launch: Launch) -> dict[str, Any]:
    found: dict[str, Any] = launch.model_dump(mode="json")
    arguments = found["arguments"]
    found["arguments"] = {name: HIDDEN if is_secret(name) else arguments[name] for name in arguments}
    return found


def _finding(finding: Finding) -> dict[str, Any]:
    found: dict[str, Any] = finding.model_dump(mode="json")
    parts = {name: found.pop(name) for name in ("moves", "unless", "also", "narrows")}
    found["edit"] = parts if parts["moves"] else None
    return found
