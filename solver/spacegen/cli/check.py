"""`spacegen check`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from spacegen.cli.check_many import Many, check_many
from spacegen.cli.options import AsJson, EngineChoice, Selection, SpaceName, one_of, spread
from spacegen.cli.output import print_json, say, say_judged
from spacegen.cli.sources import source

if TYPE_CHECKING:
    from spacegen.api import Space
    from spacegen.questions.configs import Batch

__all__ = ["check"]


ConfigNames: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CONFIG…",
        help="JSON, JSON lines, YAML, CSV or Parquet files, command lines, `--config` files; `-` is stdin.",
        show_default=False,
    ),
]


def _option(flag: str, metavar: str, help: str) -> Any:
    return typer.Option(flag, metavar=metavar, help=help, rich_help_panel="The configs", show_default=False)


CommandLines: TypeAlias = Annotated[
    list[str] | None, _option("--argv", "TEXT", "A command line, with or without the command itself.")
]
FormatName: TypeAlias = Annotated[
    str | None,
    _option(
        "--format",
        "NAME",
        "json, jsonl, yaml, csv, parquet, argv, shell or config; else the suffix or the text decides.",
    ),
]
Brief: TypeAlias = Annotated[
    bool,
    typer.Option("--brief", help="A line for each config, without reasons.", rich_help_panel="The output"),
]


@spread
def check(
    space: SpaceName,
    config: ConfigNames = None,
    argv: CommandLines = None,
    format: FormatName = None,
    engine: EngineChoice = "auto",
    json: AsJson = False,
    brief: Brief = False,
    *,
    many: Many,
    selection: Selection,
) -> int:
    """Say whether configs are solutions, and if not, why.

    A parameter that a config does not name is free. Exits with 0 where all are valid, with 1 where one
    is not, and with 2 where one cannot be read.

    Files of many configs are judged together with `-o`, `--summary`, `--valid-only` and `--invalid-only`, as
    is Parquet: the rows with their verdicts, or those of one verdict, and how many break each rule.
    """
    from spacegen.errors import Fault, UsageError
    from spacegen.launch.reading import FORMATS
    from spacegen.questions.configs import SUFFIXES

    if not config and not argv:
        raise UsageError(Fault("there is no config to check", hint="name files, or give `--argv TEXT`"))
    known = (*FORMATS, "parquet")
    form = None if format is None else one_of(SUFFIXES.get(f".{format}", format), known, "--format")
    chosen = selection.load(space, engine=engine)
    if many.asked(config or (), form):
        if argv:
            raise UsageError("files are judged together, and command lines (`--argv`) one by one")
        return check_many(chosen, config or (), form, many, json=json, quiet=selection.quiet)
    batches = [_read(name, chosen, form, quiet=selection.quiet) for name in config or ()]
    batches += [_read_argv(text, chosen) for text in argv or ()]
    several = len(batches) > 1 or any(batch is not None and batch.several for batch in batches)
    judge = _judge if brief or several else partial(_explain, selection)
    return max(2 if batch is None else judge(chosen, batch, json=json) for batch in batches)


def _read(name: str, space: Space, form: Any, *, quiet: bool) -> Batch | None:
    from spacegen.errors import ConfigError, SpacegenError
    from spacegen.launch.reading import read_launches, without_verdicts

    try:
        text = source(name)
        found = read_launches(text, space.model, form)
        if not found.entries:
            raise ConfigError(f"there is no config in {text.name}")
    except SpacegenError as error:
        say(f"error: {error}")
        return None
    fresh = without_verdicts(found, space.model)
    if fresh is not found and not quiet:
        say_judged()
    return fresh


def _read_argv(text: str, space: Space) -> Batch | None:
    from spacegen.errors import SpacegenError
    from spacegen.launch.reading import read_argv
    from spacegen.questions.configs import Batch

    try:
        return Batch((read_argv(text, space.model),), several=False)
    except SpacegenError as error:
        say(f"error: {error}")
        return None


def _explain(selection: Selection, space: Space, batch: Batch, *, json: bool) -> int:
    """Says all there is to say about a config by itself."""
    from spacegen.errors import EngineError, Fault

    (entry,) = batch.entries
    if isinstance(entry.config, Fault):
        say(f"error: {entry.config}")
        return 2
    try:
        if space.model.index.keys() - entry.config.keys() or not space.check(entry.config).valid:
            selection.say_choice(space)  # what it is now asked may take a while
        found = space.explain(entry.config).with_faults(entry.wrong, entry.notes)
    except EngineError as error:
        say(f"error: {entry.label}: {error}")
        return 2
    if json:
        print_json({"config": entry.label, **found.as_dict()})
    else:
        print(f"{entry.label}: {found}")
    return 0 if found.valid else 1


def _judge(space: Space, batch: Batch, *, json: bool) -> int:
    """Says whether each of several configs is valid, a line each."""
    from spacegen.errors import EngineError, Fault

    status = 0
    configs = [entry.config for entry in batch.entries if not isinstance(entry.config, Fault)]
    verdicts = space.check_all(configs)
    for entry in batch.entries:
        if isinstance(entry.config, Fault):
            say(f"error: {entry.config}")
            status = 2
            continue
        try:
            verdict = next(verdicts).with_faults(entry.wrong, entry.notes)
        except EngineError as error:
            say(f"error: {entry.label}: {error}")
            return 2
        if json:
            print_json({"config": entry.label, **verdict.as_dict()})
        else:
            print(f"{entry.label}: {verdict.headline}")
        status = max(status, 0 if verdict.valid else 1)
    return status
