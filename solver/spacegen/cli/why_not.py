"""`spacegen why-not`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from spacegen.cli.options import AsJson, EngineChoice, Selection, SpaceName, assignments, spread
from spacegen.cli.output import print_json

if TYPE_CHECKING:
    from spacegen.api import Space
    from spacegen.language.expr import Scalar

__all__ = ["why_not"]

Wanted: TypeAlias = Annotated[
    list[str],
    typer.Argument(metavar="PARAM=VALUE…", help="The values in question.", show_default=False),
]
Given: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--given",
        metavar="PARAM=VALUE",
        help="A value that is settled already.",
        show_default=False,
    ),
]


@spread
def why_not(
    space: SpaceName,
    wanted: Wanted,
    given: Given = None,
    engine: EngineChoice = "auto",
    json: AsJson = False,
    *,
    selection: Selection,
) -> int:
    """Say why values are impossible, or how many solutions have them.

    Exits with 0 where a solution has them, and with 1 where none has: then the rules and given values that
    exclude them are named, and the smallest change of the given ones that makes room.
    """
    chosen = selection.load(space, engine=engine)
    found = chosen.why_not(_read(chosen, wanted, "why-not"), _read(chosen, given, "--given"))
    if json:
        print_json(found.as_dict())
    else:
        print(found)
    return 0 if found.possible else 1


def _read(space: Space, texts: Iterable[str] | None, flag: str) -> dict[str, Scalar]:
    """The values as YAML or their domains spell them. Raises UsageError."""
    from spacegen.questions.configs import read_cell
    from spacegen.questions.edits import parameter

    named = assignments(texts, flag)
    return {name: read_cell(text, parameter(space.model, name).domain) for name, text in named.items()}
