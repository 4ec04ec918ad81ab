"""`spacegen check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacegen.cli.options import AsJson, EngineChoice, Selection, SpaceName, one_of, spread
from spacegen.cli.output import print_json, say

if TYPE_CHECKING:
    from spacegen.api import Space
    from spacegen.questions.configs import Batch
    from spacegen.questions.verdict import Verdict

__all__ = ["check", "source"]


@spread
def check(
    space: SpaceName,
    config: Annotated[
        list[str],
        typer.Argument(
            metavar="CONFIG…", help="JSON, JSON lines, YAML or CSV files; `-` is stdin.", show_default=False
        ),
    ],
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="json, jsonl, yaml or csv; else the suffix or the text decides.",
            rich_help_panel="The configs",
        ),
    ] = None,
    engine: EngineChoice = "auto",
    json: AsJson = False,
    *,
    selection: Selection,
) -> int:
    """Say whether configs are solutions, and if not, why.

    A parameter that a config does not name is free. Exits with 0 where all are valid, with 1 where one
    is not, and with 2 where one cannot be read.
    """
    from spacegen.questions.configs import FORMATS

    form = None if format is None else one_of(format, FORMATS, "--format")
    chosen = selection.load(space, engine=engine)
    batches = [_read(name, chosen, form) for name in config]
    brief = len(batches) > 1 or any(batch is not None and batch.several for batch in batches)
    statuses = [2 if batch is None else _judge(chosen, batch, brief=brief, json=json) for batch in batches]
    return max(statuses)


def _read(name: str, space: Space, form: Any) -> Batch | None:
    from spacegen.errors import SpacegenError
    from spacegen.questions.configs import read_configs

    try:
        return read_configs(source(name), space.model, form)
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
            verdict = next(verdicts)
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
