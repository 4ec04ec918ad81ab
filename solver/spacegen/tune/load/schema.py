"""The JSON Schema of workload files, for editors."""

from __future__ import annotations

from typing import Any

from spacegen.language.schema import DIALECT, PlainGenerator
from spacegen.tune.load.reading import KEYS
from spacegen.tune.workload import Workload

__all__ = ["workload_schema"]


def workload_schema() -> dict[str, Any]:
    """The schema of a workload file."""
    found = Workload.model_json_schema(schema_generator=PlainGenerator)
    version = {"const": 1, "description": "The version of this format."}
    properties = {name: known for name, known in found["properties"].items() if name in KEYS}
    return {
        "$schema": DIALECT,
        **found,
        "title": "spacegen workload",
        "properties": {"workload": version, **properties},
        "required": ["workload"],
    }
