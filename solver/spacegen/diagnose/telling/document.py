"""A diagnosis as JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spacegen.diagnose.diagnosis import Diagnosis
from spacegen.diagnose.finding import Finding
from spacegen.diagnose.telling.identity import command_of

if TYPE_CHECKING:
    from spacegen.diagnose.narrowing.narrowing import Narrowing

__all__ = ["as_document"]

_EDIT: Final = {"moves", "unless", "also", "narrows"}


def as_document(diagnosis: Diagnosis, narrowing: Narrowing | None = None) -> dict[str, Any]:
    """The launches with what their logs come to, the findings, the worst first, and what is left of the
    space."""
    return {
        "simulated": diagnosis.simulated,
        "launches": [launch.model_dump(mode="json") for launch in diagnosis.launches],
        "findings": [_finding(finding, narrowing) for finding in diagnosis.findings],
        "narrowed": None if narrowing is None else narrowing.as_dict(),
    }


def _finding(finding: Finding, narrowing: Narrowing | None) -> dict[str, Any]:
    edit = finding.model_dump(mode="json", include=_EDIT)
    found: dict[str, Any] = finding.model_dump(mode="json", exclude={*_EDIT, "actions"})
    found["command"] = command_of(finding, narrowing)
    return found | {"advice": list(finding.advice), "edit": edit if finding.moves else None}
