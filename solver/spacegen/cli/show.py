"""`spacegen show`."""

from __future__ import annotations

from typing import Annotated

import typer

from spacegen.cli.options import EngineChoice, Rows, Selection, SpaceName, spread
from spacegen.cli.output import print_json

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

    chosen = selection.load(space, engine=engine)
    digits = rank.replace(",", "").replace("_", "")
    if not digits.isdecimal() or len(digits) > 4000:
        raise UsageError(f"`{rank}` is no rank: ranks are whole numbers from 0")
    solution = chosen.unranked([int(digits)])
    if rows.format is None and rows.output is None:
        fields = solution.table(rows.extra)
        print_json({field.name: field.gathered(lambda v: v)[0] for field in fields}, indent=2)
    else:
        rows.write([solution], rows.form)
    return 0
