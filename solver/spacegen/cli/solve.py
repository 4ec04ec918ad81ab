"""`spacegen solve`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from spacegen.cli.options import (
    EngineChoice,
    OutputPath,
    RowFormat,
    Selection,
    SpaceName,
    With,
    on_space,
    one_of,
)
from spacegen.cli.output import row_format, say, watched, write_rows

if TYPE_CHECKING:
    from spacegen.api import Space
    from spacegen.solutions import AllSolutions, Solutions

__all__ = ["solve"]

_SEARCH = "The search"


@on_space
def solve(
    space: SpaceName,
    count: Annotated[
        int | None,
        typer.Option(
            "--count", "-n", metavar="N", help="How many (10 unless given).", rich_help_panel=_SEARCH
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            "--method", metavar="NAME", help="uniform, balanced, first or all.", rich_help_panel=_SEARCH
        ),
    ] = "uniform",
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Of the random draws.", rich_help_panel=_SEARCH)
    ] = 0,
    shard: Annotated[
        str | None,
        typer.Option("--shard", metavar="I/N", help="Only slice I of N, from 0.", rich_help_panel=_SEARCH),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Independent draws: repeats may occur.", rich_help_panel=_SEARCH)
    ] = False,
    no_rules: Annotated[
        bool, typer.Option("--no-rules", help="Ignore every rule of the space.", rich_help_panel=_SEARCH)
    ] = False,
    engine: EngineChoice = "auto",
    format: RowFormat = None,
    output: OutputPath = None,
    with_: With = None,
    *,
    selection: Selection,
) -> int:
    """Draw solutions of a space: launch configs that keep every rule.

    Draws are uniform and distinct. `balanced` weighs the off side of a switch like all its children together;
    `first` and `all` take solutions in canonical order.
    """
    from spacegen.api import METHODS

    form = row_format(format, output)
    chosen = selection.load(space, engine=engine, rules=not no_rules)
    selection.say_engine(chosen)
    found = chosen.solve(
        count,
        method=one_of(method, METHODS, "--method"),
        seed=seed,
        shard=None if shard is None else _slice(shard),
        replace=replace,
    )
    if not len(found) and chosen.count() == 0:
        say(f"`{chosen.name}` has no solution")
        say(str(chosen.conflict()))
        return 1
    write_rows(watched(found.parts(), len(found), quiet=selection.quiet), output, form, with_)
    if not selection.quiet:
        _report(chosen, found, 10 if count is None and method != "all" else count)
        if method == "uniform":
            _report_skew(chosen)
    return 0


def _slice(text: str) -> tuple[int, int]:
    from spacegen.errors import Fault, UsageError

    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and len(text) < 100):
        raise UsageError(Fault(f"`--shard {text}` is no slice", hint="the first of four is `--shard 0/4`"))
    return int(part), int(parts)


def _report(space: Space, found: Solutions | AllSolutions, asked: int | None) -> None:
    total = space.count() if space.ranked else None
    of = f" of {total:,}" if total is not None else ""
    say(f"{len(found):,}{of} solutions of `{space.name}` ({space.fingerprint}), engine {space.engine.name}")
    if found.note:
        say(f"note: {found.note}")
    if asked is not None and len(found) < asked:
        say(f"note: {asked:,} were asked for, and there are no more")


def _report_skew(space: Space) -> None:
    if not space.ranked:
        return
    skewed = [f for f in space.summary().lopsided() if f.parameter not in space.pins]
    if not skewed:
        return
    from spacegen.questions.edits import words
    from spacegen.questions.summary import percent
    from spacegen.questions.verdict import listed

    say(f"lopsided: {listed(f'{f.parameter} = {words(f.value)} in {percent(f.share)}' for f in skewed)}")
    say("hint: `--method balanced` gives the sides of a switch about equal weight")
