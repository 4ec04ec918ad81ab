"""`spacegen check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from spacegen.cli.options import AsJson, EngineChoice, Selection, SpaceName, one_of, spread
from spacegen.cli.output import print_json, say

if TYPE_CHECKING:
    from spacegen.api import Space
    from spacegen.questions.configs import Batch
    from spacegen.questions.verdict import Verdict

__all__ = ["check", "source"]


ConfigNames: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CONFIG…",
        help="JSON, JSON lines, YAML or CSV files, command lines, `--config` files; `-` is stdin.",
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
        "json, jsonl, yaml, csv, argv, shell or config; else the suffix or the text decides.",
    ),
]


@spread
def check(
    space: SpaceName,
    config: ConfigNames = None,
    argv: CommandLines = None,
    format: FormatName = None,
    engine: EngineChoice = "auto",
    json: AsJson = False,
    *,
    selection: Selection,
) -> int:
    """Say whether configs are solutions, and if not, why.

    A parameter that a config does not name is free. Exits with 0 where all are valid, with 1 where one
    is not, and with 2 where one cannot be read.
    """
    from spacegen.errors import Fault, UsageError
    from spacegen.launch.reading import FORMATS
    from spacegen.questions.configs import SUFFIXES

    if not config and not argv:
        raise UsageError(Fault("there is no config to check", hint="name files, or give `--argv TEXT`"))
    form = None if format is None else one_of(SUFFIXES.get(f".{format}", format), FORMATS, "--format")
    chosen = selection.load(space, engine=engine)
    batches = [_read(name, chosen, form) for name in config or ()]
    batches += [_read_argv(text, chosen) for text in argv or ()]
    brief = len(batches) > 1 or any(batch is not None and batch.several for batch in batches)
    statuses = [2 if batch is None else _judge(chosen, batch, brief=brief, json=json) for batch in batches]
    return max(statuses)


def _read(name: str, space: Space, form: Any) -> Batch | None:
    from spacegen.errors import ConfigError, SpacegenError
    from spacegen.launch.reading import read_launches

    try:
        text = source(name)
        found = read_launches(text, space.model, form)
        if not found.entries:
            raise ConfigError(f"there is no config in {text.name}")
        return found
    except SpacegenError as error:
        say(f"error: {error}")
        return None


def _read_argv(text: str, space: Space) -> Batch | None:
    from spacegen.errors import SpacegenError
    from spacegen.launch.reading import read_argv
    from spacegen.questions.configs import Batch

    try:
        return Batch((read_argv(text, space.model),), several=False)
    except SpacegenError as error:
        say(f"error: {error}")
        return None


def source(name: str) -> Any:
    """The text of a file, or of stdin for `-`. Raises ConfigError."""
    import sys
    from pathlib import Path

    from spacegen.errors import ConfigError, SpacegenError
    from spacegen.language.files import read_source
    from spacegen.source import Source

    if name != "-":
        try:
            return read_source(Path(name))
        except SpacegenError as error:
            raise ConfigError(*error.faults) from None
    if sys.stdin is None:
        raise ConfigError("<stdin> is closed")
    try:
        return Source("<stdin>", sys.stdin.buffer.read().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ConfigError("<stdin> is not UTF-8 text") from None


def _judge(space: Space, batch: Batch, *, brief: bool, json: bool) -> int:
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
        _print(entry.label, verdict, brief=brief, json=json)
        status = max(status, 0 if verdict.valid else 1)
    return status


def _print(label: str, verdict: Verdict, *, brief: bool, json: bool) -> None:
    if json:
        print_json({"config": label, **verdict.as_dict()})
    else:
        print(f"{label}: {verdict.headline if brief else verdict}")
