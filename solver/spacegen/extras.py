"""Libraries that only some installations have."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from spacegen.errors import Fault, UsageError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

__all__ = ["installing", "require"]


def require(library: str, extra: str, what: str) -> ModuleType:
    """The library, for what needs it. Raises UsageError where it is not installed, with the command that
    installs it."""
    try:
        return import_module(library)
    except ImportError as error:
        name = library.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != name:
            raise  # the library is there, and broken
        raise UsageError(Fault(f"{what} needs `{name}`", hint=installing(extra))) from None


def installing(extra: str) -> str:
    """The command that installs what an extra has, into the environment that runs this.

    Libraries by name, since an index need not have spacegen: what is missing, or all if nothing seems to be.
    """
    try:
        needed = tuple(_needed(extra))
    except metadata.PackageNotFoundError:
        return f"in a checkout of spacegen: {_pip()} install '.[{extra}]'"
    missing = tuple(requirement for requirement in needed if not _is_installed(requirement))
    return f"{_pip()} install {' '.join(map(_spelled, missing or needed))}"


def _needed(extra: str) -> Iterator[Requirement]:
    from packaging.requirements import Requirement  # slow, and only what is missing is named

    for requirement in map(Requirement, metadata.requires("spacegen") or ()):
        marker = requirement.marker
        if marker and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""}):
            yield requirement


def _is_installed(requirement: Requirement) -> bool:
    try:
        return requirement.specifier.contains(metadata.version(requirement.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False


def _spelled(requirement: Requirement) -> str:
    parts = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return shlex.quote(f"{requirement.name}{parts}{requirement.specifier}")


def _pip() -> str:
    """`pip` where the first one on the path is that of this environment, which need not be activated."""
    found = shutil.which("pip")
    here = Path(sys.executable or "python")
    return "pip" if found and Path(found).parent == here.parent else f"{shlex.quote(str(here))} -m pip"
