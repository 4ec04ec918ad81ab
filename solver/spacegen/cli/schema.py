"""`spacegen schema`."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["schema"]


def schema(
    pack: Annotated[bool, typer.Option("--pack", help="The schema of rule packs instead of spaces.")] = False,
    workload: Annotated[bool, typer.Option("--workload", help="The schema of workloads instead.")] = False,
) -> int:
    """Print the JSON Schema of the YAML files, for editors."""
    from spacegen.language import schema as language

    if pack and workload:
        from spacegen.errors import UsageError

        raise UsageError("`--pack` and `--workload` are two schemas: ask for one")
    if workload:
        from spacegen.tune.load.schema import workload_schema

        found = workload_schema()
    else:
        found = language.schema("pack" if pack else "space")
    print(language.schema_text(found), end="")
    return 0
