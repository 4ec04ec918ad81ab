"""`spacegen schema`."""

from __future__ import annotations

__all__ = ["schema"]


def schema() -> int:
    """Print the JSON Schema of the space language, for editors."""
    from spacegen.language.schema import schema_text, space_schema

    print(schema_text(space_schema()), end="")
    return 0
