"""Search spaces of server launch parameters: count, sample, check and explain only what can run."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from spacegen.api import Space, load
    from spacegen.errors import (
        ConfigError,
        EmptySpaceError,
        EngineError,
        SpaceError,
        SpacegenError,
        TooWideError,
        UsageError,
    )
    from spacegen.language.model import NO_DEFAULT, Domain, Kind, Parameter, Rule
    from spacegen.questions.diff.diff import Comparison
    from spacegen.questions.info import Info
    from spacegen.questions.lint.finding import Finding
    from spacegen.questions.summary import Summary
    from spacegen.questions.verdict import Verdict
    from spacegen.questions.why.conflict import Conflict
    from spacegen.solutions import AllSolutions, Solutions

__all__ = [
    "NO_DEFAULT",
    "AllSolutions",
    "Comparison",
    "ConfigError",
    "Conflict",
    "Domain",
    "EmptySpaceError",
    "EngineError",
    "Finding",
    "Info",
    "Kind",
    "Parameter",
    "Rule",
    "Solutions",
    "Space",
    "SpaceError",
    "SpacegenError",
    "Summary",
    "TooWideError",
    "UsageError",
    "Verdict",
    "__version__",
    "load",
]

__version__ = "0.1.0"

# `import spacegen` stays light: a name brings its module with it when it is first used (PEP 562).
_HOMES: Final[dict[str, tuple[str, ...]]] = {
    "api": ("Space", "load"),
    "errors": (
        "ConfigError",
        "EmptySpaceError",
        "EngineError",
        "SpaceError",
        "SpacegenError",
        "TooWideError",
        "UsageError",
    ),
    "language.model": ("NO_DEFAULT", "Domain", "Kind", "Parameter", "Rule"),
    "questions.verdict": ("Verdict",),
    "questions.why.conflict": ("Conflict",),
    "questions.diff.diff": ("Comparison",),
    "questions.lint.finding": ("Finding",),
    "questions.info": ("Info",),
    "questions.summary": ("Summary",),
    "solutions": ("AllSolutions", "Solutions"),
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
