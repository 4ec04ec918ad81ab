"""`spacegen show`."""

from __future__ import annotations

from typing import Annotated

import typer

from spacegen.cli.options import EngineChoice, Selection, SpaceName, spread
from spacegen.cli.output import say_empty
from spacegen.cli.rows import Rows

__all__ = ["show"]


@spread
def show(
    space: SpaceName,
    rank: Annotated[str, typer.Argument(metavar="RANK", help="Its number, from 0.", show_default=False)],
    engine: EngineChoice = "auto",
    *,
    rows: Rows,
    selection: Selection,
) -> int:
    """Print the solution with a given rank.

    The same rank of the same space (the same fingerprint) is the same config for ever.
    """
    from spacegen.errors import UsageError

    destination = rows.destination(default="files")
    chosen = rows.load(selection, space, engine=engine)
    digits = rank.replace(",", "").replace("_", "")
    if not digits.isdecimal() or len(digits) > 4000:
        raise UsageError(f"`{rank}` is no rank: ranks are whole numbers from 0")
    if not chosen.count():
        say_empty(chosen)
        return 1
    solution = chosen.unranked([int(digits)])
    rows.write([solution], chosen, destination)
    return 0
