"""`spacegen solve`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from spacegen.cli.around import Near
from spacegen.cli.options import EngineChoice, Selection, SpaceName, one_of, spread
from spacegen.cli.output import say, say_empty, watched
from spacegen.cli.rows import Rows

if TYPE_CHECKING:
    from spacegen.api import Space
    from spacegen.solutions import AllSolutions, Solutions

__all__ = ["solve"]

_ENORMOUS: Final = 10**8


def _option(*flags: str, metavar: str | None = None, help: str) -> Any:
    return typer.Option(*flags, metavar=metavar, help=help, rich_help_panel="The search")


@dataclass(frozen=True, slots=True)
class Search:
    """Which solutions, and how many."""

    count: Annotated[int | None, _option("--count", "-n", metavar="N", help="How many; 10 unless given.")] = (
        None
    )
    method: Annotated[
        str, _option("--method", metavar="NAME", help="uniform, balanced, first, all, best or around.")
    ] = "uniform"
    maximize: Annotated[
        list[str] | None,
        _option(
            "--maximize", metavar="EXPR", help="With best: have most of this, not of what the space says."
        ),
    ] = None
    minimize: Annotated[
        list[str] | None,
        _option("--minimize", metavar="EXPR", help="With best: have least of this; after any --maximize."),
    ] = None
    seed: Annotated[int, _option("--seed", metavar="N", help="Of the random draws.")] = 0
    shard: Annotated[str | None, _option("--shard", metavar="I/N", help="Only slice I of N, from 0.")] = None
    replace: Annotated[bool, _option("--replace", help="Independent draws: repeats may occur.")] = False
    distinct: Annotated[
        str,
        _option(
            "--distinct",
            metavar="HOW",
            help="written, or effective: one config of those for the same launch.",
        ),
    ] = "written"
    no_rules: Annotated[bool, _option("--no-rules", help="Ignore every rule of the space.")] = False

    @property
    def effective(self) -> bool:
        """Whether configs that come to the same launch are one. Raises UsageError."""
        how: str = one_of(self.distinct, ("written", "effective"), "--distinct")
        return how == "effective"

    def run(self, space: Space) -> Solutions | AllSolutions:
        """The solutions that were asked for."""
        from spacegen.api import METHODS

        return space.solve(
            self.count,
            method=one_of(self.method, (*METHODS, "around"), "--method"),
            seed=self.seed,
            shard=None if self.shard is None else _slice(self.shard),
            replace=self.replace,
        )

    def aimed(self, space: Space) -> Space:
        """The space with the objectives that were asked for, if any. Raises UsageError."""
        if not self.maximize and not self.minimize:
            return space
        if self.method != "best":
            from spacegen.errors import Fault, UsageError

            flag = "--maximize" if self.maximize else "--minimize"
            raise UsageError(Fault(f"`{flag}` is for the best solutions", hint="add `--method best`"))
        space = space.without_objectives()
        for expression in self.maximize or ():
            space = space.maximizing(expression)
        for expression in self.minimize or ():
            space = space.minimizing(expression)
        return space

    @property
    def around(self) -> bool:
        """Whether the solutions around a base are wanted. Raises UsageError for what does not go with it."""
        from spacegen.errors import UsageError

        if self.method == "around" and (self.shard is not None or self.replace):
            raise UsageError("`--method around` draws nothing: it has neither shards nor repeats")
        return self.method == "around"

    @property
    def asked(self) -> int | None:
        """How many solutions were asked for; None for all."""
        return 10 if self.count is None and self.method != "all" else self.count


@spread
def solve(
    space: SpaceName,
    engine: EngineChoice = "auto",
    *,
    search: Search,
    near: Near,
    rows: Rows,
    selection: Selection,
) -> int:
    """Draw solutions of a space: launch configs that keep every rule.

    Draws are uniform and distinct. `balanced` weighs the off side of a switch like all its children together;
    `first` and `all` take solutions in canonical order; `best` those that are best by the objective.
    `around` changes one parameter at a time: for each value the solution nearest to a base that has it.
    """
    from spacegen.errors import EmptySpaceError

    if not search.around:
        near.refuse()
    destination = rows.destination()
    chosen = rows.load(selection, space, engine=engine, rules=not search.no_rules, effective=search.effective)
    chosen = search.aimed(chosen)
    selection.say_engine(chosen)
    if search.method == "best":
        _say_aims(chosen, search, selection)
    try:
        if search.around:
            write = partial(rows.write, space=chosen, destination=destination)
            return near.solve(chosen, search.count, selection, write)
        found = search.run(chosen)
    except EmptySpaceError:
        return _no_solution(chosen)
    if not found.size and chosen.count() == 0:
        return _no_solution(chosen)
    if found.size > _ENORMOUS:
        selection.say(f"note: writing {found.size:,} solutions; `-n` takes fewer")
    rows.write(watched(found.parts(), found.size, quiet=selection.quiet), chosen, destination)
    if not selection.quiet:
        _report(chosen, found, search.asked, search.method)
    return 0


def _no_solution(space: Space) -> int:
    say_empty(space)
    return 1


def _slice(text: str) -> tuple[int, int]:
    from spacegen.errors import Fault, UsageError

    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and len(text) < 100):
        raise UsageError(Fault(f"`--shard {text}` is no slice", hint="the first of four is `--shard 0/4`"))
    return int(part), int(parts)


def _say_aims(space: Space, search: Search, selection: Selection) -> None:
    """Tells people which objectives count first, and which not at all, as a constant has no value."""
    from spacegen.language.inputs import source_of
    from spacegen.language.unknowns import unset_names
    from spacegen.questions.best.goals import idle_objectives

    if search.maximize and search.minimize:
        selection.say("note: what to `--maximize` counts before what to `--minimize`")
    for objective in idle_objectives(space.model):
        names = unset_names(objective.expr)
        source = source_of(names)
        why = f"no `--{source}` given" if source else f"`{min(names)}` has no value"
        selection.say(f"note: {why}: objective `{objective.id}` does not count")


def _report(space: Space, found: Solutions | AllSolutions, asked: int | None, method: str) -> None:
    total = space.count() if space.ranked else None
    of = f" of {total:,}" if total is not None else ""
    noun = "solution" if (total or found.size) == 1 else "solutions"
    say(f"{found.size:,}{of} {noun} of `{space.name}` ({space.fingerprint}), engine {space.engine.name}")
    if found.note:
        say(f"note: {found.note}")
    if method == "best":
        say(str(found))
    if asked is not None and found.size < asked:
        say(f"note: {asked:,} were asked for, and there are no more")
    if method == "uniform":
        _report_skew(space)


def _report_skew(space: Space) -> None:
    if not space.ranked:
        return
    summary = space.summary()
    if unused := {name: values for name, values in summary.unused().items() if name not in space.held}:
        from spacegen.questions.dead import in_words

        say(f"note: no solution has {in_words(unused)}")
    skewed = [f for f in summary.lopsided() if f.parameter not in space.held]
    if not skewed:
        return
    from spacegen.questions.edits import words
    from spacegen.questions.summary import percent
    from spacegen.questions.verdict import listed

    say(f"lopsided: {listed(f'{f.parameter} = {words(f.value)} in {percent(f.share)}' for f in skewed)}")
    if any(f.share < 1 for f in skewed):
        say("hint: `--method balanced` gives the sides of a switch about equal weight")
