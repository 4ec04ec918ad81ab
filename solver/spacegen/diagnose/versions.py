"""The versions of servers that a diagnosis knows, and what arguments are called in them."""

from __future__ import annotations

from typing import Final

from spacegen.diagnose.launch import Launch
from spacegen.servers.renames import renamed

__all__ = ["ADVICE", "MINI", "NEWEST", "OLDER", "both_names", "name_in", "version_of"]

OLDER: Final = "0.5.6"
"""The version of sglang that logs in the older format are taken for."""
NEWEST: Final = "0.5.23"
"""The one that logs in the newer format are taken for."""
ADVICE: Final = OLDER
"""The version of sglang whose names advice uses."""
MINI: Final = "0.1.0"
"""The version of mini-SGLang that all its logs are taken for."""


def version_of(launch: Launch) -> str:
    """The version whose arguments a launch has, where its log does not say it the one that advice uses."""
    return launch.version or (MINI if launch.server == "minisgl" else ADVICE)


def both_names(name: str) -> tuple[str, ...]:
    """An argument of sglang as it is given, and what the older or the newer version calls it instead."""
    others = (renamed("sglang", name, OLDER, NEWEST), renamed("sglang", name, NEWEST, OLDER))
    return (name, *(other for other in others if other is not None))


def name_in(version: str, name: str) -> str:
    """What a version of sglang calls an argument of advice."""
    return renamed("sglang", name, ADVICE, version) or name
