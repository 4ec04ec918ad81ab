"""`spacegen diff`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from spacegen.cli.options import AsJson, EngineChoice, Selection, assignments, spread
from spacegen.cli.output import print_json, print_table

if TYPE_CHECKING:
    from spacegen.api import Space
    from spacegen.questions.diff.align import Aligned
    from spacegen.questions.diff.diff import Comparison, Only

__all__ = ["diff"]

_SIDES: Final = "The two sides"
_WIDE: Final = 120
_CAUSES: Final = 20


def _argument(metavar: str, help: str) -> Any:
    return typer.Argument(metavar=metavar, help=help, show_default=False)


def _option(flag: str, metavar: str, help: str) -> Any:
    return typer.Option(flag, metavar=metavar, help=help, rich_help_panel=_SIDES, show_default=False)


@dataclass(frozen=True, slots=True)
class OfOne:
    """What is said of one side only."""

    old_target: Annotated[
        str | None, _option("--old-target", "SERVER==VERSION", "Load OLD for another version of its server.")
    ] = None
    new_target: Annotated[
        str | None, _option("--new-target", "SERVER==VERSION", "Load NEW for another version of its server.")
    ] = None
    old_set: Annotated[
        list[str] | None, _option("--old-set", "NAME=VALUE", "Give a constant of OLD another value.")
    ] = None
    new_set: Annotated[
        list[str] | None, _option("--new-set", "NAME=VALUE", "Give a constant of NEW another value.")
    ] = None


@spread
def diff(
    old: Annotated[str, _argument("OLD", "A YAML file, or a bundled space.")],
    new: Annotated[str, _argument("NEW", "Another one, or the same under other options.")],
    engine: EngineChoice = "auto",
    json: AsJson = False,
    *,
    own: OfOne,
    selection: Selection,
) -> int:
    """Compare two spaces: the solutions that only one of them has, in exact numbers, and why.

    Parameters are compared under the names of NEW; a space that lacks one holds it at its default. What is
    said of the space is said of both, except where one side has its own. Exits with 1 where they differ.
    """
    from spacegen.questions.diff.align import align
    from spacegen.questions.diff.diff import compare

    with _of("old"):
        before = _load(old, selection, own.old_target, own.old_set, engine, "--old-set")
    with _of("new"):
        after = _load(new, selection, own.new_target, own.new_set, engine, "--new-set")
    aligned = align(before, after).without_rules(selection.without_rule or ())
    aligned = _narrowed(aligned, selection)
    _say_servers(aligned, selection)
    _say_notes(aligned, selection)
    found = compare(aligned)
    for note in found.notes:
        selection.say(f"note: {note}")
    if json:
        print_json(_as_dict(found, aligned), indent=2)
    else:
        _print(found, aligned, {"old": old, "new": new})
    return 0 if found.same else 1


def _load(
    name: str, selection: Selection, target: str | None, sets: list[str] | None, engine: str, flag: str
) -> Space:
    """One side, as wide as it is: what both are narrowed to can be said once they have the same names. `flag`
    is the option that `sets` came with."""
    own = assignments(sets, flag)
    others = [text for text in selection.set or () if text.partition("=")[0].strip() not in own]
    whole = replace(selection, quiet=True, pin=None, drop=None, only=None, where=None, without_rule=None)
    return replace(whole, set=[*others, *(sets or ())], target=target or selection.target).load(
        name, engine=engine
    )


def _narrowed(aligned: Aligned[Space], selection: Selection) -> Aligned[Space]:
    """Both sides under `--where`, `--pin`, `--drop` and `--only`."""
    narrow = replace(selection, quiet=True, drop=None, only=None).narrow
    with _of("old"):
        aligned = replace(aligned, old=narrow(aligned.old))
    with _of("new"):
        aligned = replace(aligned, new=narrow(aligned.new))
    if not selection.only and not selection.drop:
        return aligned
    return aligned.narrowed(only=selection.only, drop=selection.drop or ())


@contextmanager
def _of(side: str) -> Iterator[None]:
    """Says of which side an option makes no sense."""
    from spacegen.errors import UsageError

    try:
        yield
    except UsageError as error:
        raise UsageError(*(replace(f, message=f"{side}: {f.message}") for f in error.faults)) from None


def _say_servers(aligned: Aligned[Space], selection: Selection) -> None:
    """Tells people that arguments of two servers are compared by their names alone."""
    old, new = aligned.old.base.target, aligned.new.base.target
    if old and new and old.server != new.server:
        selection.say(
            f"note: old is for {old.server} and new for {new.server}: their arguments are compared by name, "
            "and a space holds those of the other server at one value"
        )


def _say_notes(aligned: Aligned[Space], selection: Selection) -> None:
    """Tells people what was left out; once, where it was on both sides."""
    sides = {"old": aligned.old.notes, "new": aligned.new.notes}
    for note in aligned.old.notes:
        if note in aligned.new.notes:
            selection.say(f"note: {note}")
    for side, notes in sides.items():
        other = sides["new" if side == "old" else "old"]
        for note in notes:
            if note not in other:
                selection.say(f"note: {side}: {note}")


def _as_dict(found: Comparison, aligned: Aligned[Space]) -> dict[str, Any]:
    data = found.as_dict()
    for side, space in (("old", aligned.old), ("new", aligned.new)):
        target = space.base.target
        data[side] = {
            "name": space.name,
            "target": None if target is None else str(target),
            "count": data[side],
        }
    return data


def _print(found: Comparison, aligned: Aligned[Space], names: Mapping[str, str]) -> None:
    from spacegen.questions.diff.wording import change_lines, count_rows, few_values

    for side, space in (("old", aligned.old), ("new", aligned.new)):
        target = f" for {space.base.target}" if space.base.target else ""
        print(f"{side}: {names[side]}{target}")
    for line in change_lines(found.changes):
        print(line)
    print()
    print_table(("", "solutions", "of old", "of new"), count_rows(found), numbers=(1, 2, 3))
    moved = bool(found.changes.defaults)
    if found.shared is not None:
        whose = "new" if moved else ""
        print(f"\nin both, for example: {few_values(found.shared, aligned.new.parameters, whose)}")
    _print_only(found.only_old, aligned.old, "old", "new", moved=moved)
    _print_only(found.only_new, aligned.new, "new", "old", moved=moved)


def _print_only(only: Only, space: Space, side: str, other: str, *, moved: bool) -> None:
    from spacegen.questions.diff.wording import cause_rows, example_lines

    if not only.count:
        return
    print(f"\nwhat keeps solutions of {side} out of {other}:")
    headers = ("solutions", "share", "only this", "cause", "says")
    # A narrow terminal has no room for what rules say.
    most = 4 if sys.stdout.isatty() and get_terminal_size().columns < _WIDE else 5
    rows = [row[:most] for row in cause_rows(only, side, other)]
    print_table(headers[:most], rows[:_CAUSES], numbers=(0, 1, 2))
    if len(rows) > _CAUSES:
        print(f"… and {len(rows) - _CAUSES} more, in `--json`")
    for line in example_lines(only, space.parameters, other, side if moved else ""):
        print(line)
