"""`spacegen count`."""

from __future__ import annotations

from typing import Annotated

import typer

from spacegen.cli.options import AsJson, EngineChoice, Selection, SpaceName, spread
from spacegen.cli.output import print_json

__all__ = ["count"]


@spread
def count(
    space: SpaceName,
    engine: EngineChoice = "auto",
    effective: Annotated[
        bool, typer.Option("--effective", help="Count configs that come to the same launch once.")
    ] = False,
    json: AsJson = False,
    *,
    selection: Selection,
) -> int:
    """Count the solutions of a space, exactly.

    Prints the number of solutions, the number of combinations of values, and the share that the rules keep.
    """
    from spacegen.errors import how_many
    from spacegen.questions.summary import percent

    chosen = selection.load(space, engine=engine, effective=effective)
    # Counting may take long, or fail: people know first who does it.
    selection.say_engine(chosen)
    found = chosen.counted()
    if json:
        print_json({"count": found.solutions, "combinations": found.combinations, "share": found.share})
    else:
        print(how_many(found.solutions, "solution"))
        print(
            f"{how_many(found.combinations, 'combination')}, of which the rules keep {percent(found.share)}"
        )
    return 0
