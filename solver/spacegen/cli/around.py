"""`spacegen solve --method around`: the solutions nearest to a base, or all within some changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacegen.cli.options import Selection
from spacegen.cli.output import watched

if TYPE_CHECKING:
    from spacegen.api import Space
    from spacegen.engines.protocol import Block
    from spacegen.solutions import Solutions

__all__ = ["Near"]


def _option(flag: str, metavar: str, help: str) -> Any:
    panel = "The search"
    return typer.Option(flag, metavar=metavar, help=help, rich_help_panel=panel, show_default=False)


@dataclass(frozen=True, slots=True)
class Near:
    """What `--method around` starts from, and how far it goes."""

    base: Annotated[
        str | None,
        _option("--base", "CONFIG", "Of `around`: the config to start from; the rest is at its default."),
    ] = None
    radius: Annotated[
        int | None, _option("--radius", "N", "Of `around`: all solutions within N changes of the base.")
    ] = None

    def refuse(self) -> None:
        """Raises UsageError where these options have nothing to say."""
        from spacegen.errors import Fault, UsageError

        given = "--base" if self.base is not None else "--radius" if self.radius is not None else None
        if given is not None:
            raise UsageError(Fault(f"`{given}` is for `--method around`", hint="add `--method around`"))

    def solve(
        self,
        space: Space,
        count: int | None,
        selection: Selection,
        write: Callable[[Iterable[Solutions]], None],
    ) -> int:
        """Writes the neighbours of the base, at most `count` of them.

        Raises EmptySpaceError where the space has no solution, ConfigError where the base cannot be read.
        """
        from spacegen.errors import UsageError

        if (count or 0) < 0 or (self.radius or 0) < 0:
            raise UsageError("`--count` and `--radius` are numbers from 0")
        start = None if self.base is None else _config(space, self.base)
        _say_open(space, start or {}, selection)
        if self.radius is not None:
            return _within(space, start, self.radius, count, selection, write)
        found = space.around(start)
        some = found if count is None else found.rows(count)
        for note in some.notes():
            selection.say(note)
        write(_solutions(space, [some.block]))
        selection.say(f"{len(some.block):,} of {len(found.block):,} solutions around the base")
        return 0


def _say_open(space: Space, start: Mapping[str, Any], selection: Selection) -> None:
    from spacegen.questions.near.around import defaults
    from spacegen.questions.verdict import listed

    known = {**defaults(space.model), **start}
    if bare := [p.name for p in space.parameters if p.name not in known]:
        selection.say(f"note: the base leaves open what has no default: {listed(f'`{n}`' for n in bare)}")


def _within(
    space: Space,
    start: Any,
    radius: int,
    count: int | None,
    selection: Selection,
    write: Callable[[Iterable[Solutions]], None],
) -> int:
    from spacegen.engines.protocol import Block
    from spacegen.errors import EmptySpaceError, how_many

    found = space.within(radius, start)
    total = found.count()
    if (least := found.costed.least()) is None:
        raise EmptySpaceError("there is no solution at all")
    if least:
        selection.say(f"note: the base is no solution; the nearest one is {how_many(least, 'change')} away")
    selection.say(f"{how_many(total, 'solution')} within {how_many(radius, 'change')} of the base")
    wanted = total if count is None else min(count, total)
    blocks = _first(found.blocks(), wanted) if wanted else [Block.concatenate(space.model, [])]
    write(watched(_solutions(space, blocks), wanted, quiet=selection.quiet))
    if wanted < total:
        selection.say(f"{wanted:,} of them written")
    return 0


def _first(blocks: Iterator[Block], wanted: int) -> Iterator[Block]:
    for block in blocks:
        if wanted <= 0:
            return
        yield block.rows(slice(wanted))
        wanted -= len(block)


def _solutions(space: Space, blocks: Any) -> Iterator[Solutions]:
    from spacegen.solutions import Solutions

    return (Solutions(space.engine, block) for block in blocks)


def _config(space: Space, name: str) -> Any:
    """The one config of a file. Raises ConfigError."""
    from spacegen.cli.sources import source
    from spacegen.errors import ConfigError, Fault
    from spacegen.launch.reading import read_launches

    text = source(name)
    entries = read_launches(text, space.model).entries
    if len(entries) != 1:
        raise ConfigError(Fault(f"{text.name} holds {len(entries)} configs", hint="a base is one config"))
    if isinstance(entries[0].config, Fault):
        raise ConfigError(entries[0].config)
    if entries[0].wrong:
        raise ConfigError(*entries[0].wrong)
    return entries[0].config
