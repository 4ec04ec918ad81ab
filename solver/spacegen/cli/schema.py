"""`spacegen schema`."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["schema"]


def schema(
    pack: Annotated[bool, typer.Option("--pack", help="The schema of rule packs instead of spaces.")] = False,
) -> int:
    """Print the JSON Schema of the space language, for editors."""
    from spacegen.language import schema as language

    print(language.schema_text(language.schema("pack" if pack else "space")), end="")
    return 0
