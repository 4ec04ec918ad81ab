"""`spacegen count`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from spacegen.cli.options import AsJson, EngineChoice, Selection, SpaceName, one_of, spread
from spacegen.cli.output import print_json, print_table, say_empty

if TYPE_CHECKING:
    from spacegen.api import Space
    from spacegen.questions.counting import Count

__all__ = ["count"]

_WIDTH = 20


_By: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--by", metavar="WHAT", help="rule or parameter, or both: what each removes, or has."),
]
_Effective: TypeAlias = Annotated[
    bool, typer.Option("--effective", help="Count configs that come to the same launch once.")
]


@spread
def count(
    space: SpaceName,
    by: _By = None,
    engine: EngineChoice = "auto",
    effective: _Effective = False,
    json: AsJson = False,
    *,
    selection: Selection,
) -> int:
    """Count the solutions of a space, exactly.

    Prints the number of solutions, the number of combinations of values, and the share that the rules keep.
    `--by rule` adds what each rule removes of the combinations, and what only it removes: of those that keep
    all other rules. `--by parameter` adds how many solutions have each value.
    """
    wanted = {one_of(what, ("rule", "parameter"), "--by") for what in by or ()}
    chosen = selection.load(space, engine=engine, effective=effective)
    # Counting may take long, or fail: people know first who does it.
    selection.say_engine(chosen)
    found = chosen.counted()
    data: dict[str, Any] = {
        "count": found.solutions,
        "combinations": found.combinations,
        "share": found.share,
    }
    if not json:
        _print_count(found)
    if "rule" in wanted:
        data |= {"rules": _rules(chosen, show=not json)}
    if "parameter" in wanted:
        data |= {"parameters": _parameters(chosen, show=not json)}
    if json:
        print_json(data, indent=2 if wanted else None)
    if not found.solutions and not selection.quiet:
        say_empty(chosen)
    return 0


def _print_count(found: Count) -> None:
    from spacegen.errors import how_many
    from spacegen.questions.summary import percent

    print(how_many(found.solutions, "solution"))
    print(f"{how_many(found.combinations, 'combination')}, of which the rules keep {percent(found.share)}")


def _rules(space: Space, *, show: bool) -> list[dict[str, Any]]:
    """What each rule removes, as data; printed, too, those first without which there were most solutions."""
    from spacegen.questions.summary import percent

    found = space.by_rule()
    if show and found:
        ranked = sorted(found, key=lambda tally: (-tally.only_it, -tally.removes))
        rows = [
            (t.rule.id, f"{t.removes:,}", percent(t.share), f"{t.only_it:,}", percent(t.only_share))
            for t in ranked
        ]
        headers = ("rule", "removes", "of all", "only it removes", "of what the others keep")
        print()
        print_table(headers, rows, numbers=(1, 2, 3, 4))
    return [tally.as_dict() for tally in found]


def _parameters(space: Space, *, show: bool) -> dict[str, list[dict[str, Any]]]:
    """How many solutions have each value, as data; printed, too."""
    from spacegen.questions.edits import words
    from spacegen.questions.summary import percent

    summary = space.summary()
    by_name = {name: summary.frequencies(name) for name in summary.values}
    if show and by_name:
        rows = [
            (name if i == 0 else "", words(f.value), f"{f.count:,}", percent(f.share), _bar(f.share))
            for name, found in by_name.items()
            for i, f in enumerate(found)
        ]
        print()
        print_table(("parameter", "value", "solutions", "share", ""), rows, numbers=(2, 3))
    return {
        name: [{"value": f.value, "count": f.count, "share": f.share} for f in found]
        for name, found in by_name.items()
    }


def _bar(share: float) -> str:
    """A bar as long as the share, in eighths of a character; something for all that is not nothing."""
    eighths = max(round(share * _WIDTH * 8), 1 if share else 0)
    full, part = divmod(eighths, 8)
    return "█" * full + " ▏▎▍▌▋▊▉"[part].strip()
