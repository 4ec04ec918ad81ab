"""`spacegen schema`."""

from __future__ import annotations

__all__ = ["schema"]


def schema() -> int:
    """Print the JSON Schema of the space language, for editors."""
    from spacegen.language import schema as language

    print(language.schema_text(language.schema()), end="")
    return 0
