"""How fast what is SIMULATED happens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from spacegen.errors import Fault, UsageError

__all__ = ["SPEED", "speed_in"]

SPEED: Final = "SPACEGEN_SIM_SPEED"
"""The variable with how many times faster than the formula says everything happens."""


def speed_in(*environments: Mapping[str, str]) -> float | None:
    """The speed that the first environment with the variable asks for. Raises UsageError."""
    text = next((e[SPEED] for e in environments if e.get(SPEED)), None)
    if text is None:
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        hint = "20 is twenty times as fast as the formula says"
        raise UsageError(Fault(f"{SPEED} is `{text}`, which is no speed", hint=hint))
    return speed
