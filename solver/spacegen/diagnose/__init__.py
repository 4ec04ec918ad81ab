"""Server logs read, findings with advice, and spaces narrowed by them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from spacegen.diagnose.diagnosis import Diagnosis, diagnose, examine
    from spacegen.diagnose.finding import Finding, Move, Severity
    from spacegen.diagnose.launch import Launch

__all__ = ["Diagnosis", "Finding", "Launch", "Move", "Severity", "diagnose", "examine"]

_HOMES: Final = {
    "diagnosis": ("Diagnosis", "diagnose", "examine"),
    "finding": ("Finding", "Move", "Severity"),
    "launch": ("Launch",),
}
_HOME_OF: Final = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
