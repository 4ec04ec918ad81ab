"""Results of load generators: JSON from files and logs, as metrics."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["last_object", "numbers", "read_json", "text_of"]


def text_of(path: Path) -> str | None:
    """The text of a file, or None where there is none to read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def read_json(text: str) -> Any | None:
    """The document of a text; of a text that is none, the last line that is a JSON object.

    Takes the bare `Infinity` and `NaN` that Python's writers leave. None where nothing can be read.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return last_object(text)


def last_object(text: str) -> dict[str, Any] | None:
    """The last line that is a whole JSON object; lines that were cut short are passed over."""
    for line in reversed(text.splitlines()):
        if line.lstrip().startswith("{"):
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict):
                return found
    return None


def numbers(data: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers of an object; texts, booleans, nulls, lists and objects are left out."""
    return {
        name: float(value)
        for name, value in data.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value)
    }


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
