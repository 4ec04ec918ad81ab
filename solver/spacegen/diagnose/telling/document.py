"""A diagnosis as JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spacegen.diagnose.diagnosis import Diagnosis
from spacegen.diagnose.finding import Finding

if TYPE_CHECKING:
    from spacegen.diagnose.narrowing.narrowing import Narrowing

__all__ = ["as_document"]


def as_document(diagnosis: Diagnosis, narrowing: Narrowing | None = None) -> dict[str, Any]:
    """The launches with what their logs come to, the findings, the worst first, and what is left of the
    space."""
    return {
        "simulated": diagnosis.simulated,
        "launches": [launch.model_dump(mode="json") for launch in diagnosis.launches],
        "findings": [_finding(finding) for finding in diagnosis.findings],
        "narrowed": None if narrowing is None else narrowing.as_dict(),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    found: dict[str, Any] = finding.model_dump(mode="json")
    parts = {name: found.pop(name) for name in ("moves", "unless", "also", "narrows")}
    found["edit"] = parts if parts["moves"] else None
    return found
