"""`spacegen repair`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from spacegen.cli.options import AsJson, EngineChoice, Selection, SpaceName, assignments, one_of, spread
from spacegen.cli.output import destination, say, say_judged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from spacegen.api import Space
    from spacegen.errors import SpacegenError
    from spacegen.questions.configs import Batch, Entry
    from spacegen.questions.near.repair import NoRepair, Repair
    from spacegen.source import Source

__all__ = ["repair"]


def _option(*flags: str, metavar: str | None = None, help: str, panel: str = "The repair") -> Any:
    return typer.Option(*flags, metavar=metavar, help=help, rich_help_panel=panel, show_default=False)


ConfigName: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG",
        help="A JSON, JSON lines, YAML or CSV file, a command line, a `--config` file; `-` is stdin.",
        show_default=False,
    ),
]
FormatName: TypeAlias = Annotated[
    str | None,
    _option(
        "--format",
        metavar="NAME",
        help="json, jsonl, yaml, csv, argv, shell or config; else the suffix or the text decides.",
        panel="The configs",
    ),
]


Write: TypeAlias = Annotated[
    bool, _option("--write", help="Change the file itself: JSON, JSON lines or YAML.", panel="The output")
]
Out: TypeAlias = Annotated[
    str | None, _option("--out", "-o", metavar="FILE", help="Write to a file.", panel="The output")
]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a repair must leave alone, and what it should."""

    keep: Annotated[list[str] | None, _option("--keep", metavar="PARAM", help="Leave it as it is.")] = None
    weight: Annotated[
        list[str] | None, _option("--weight", metavar="PARAM=N", help="A change of it counts N, not 1.")
    ] = None

    def weights(self) -> dict[str, int]:
        """The weights by parameter. Raises UsageError."""
        from spacegen.errors import Fault, UsageError

        given = assignments(self.weight, "--weight")
        for name, text in given.items():
            if not (text.isdecimal() and text.isascii() and len(text) < 100):
                hint = "a weight is a whole number from 0"
                raise UsageError(Fault(f"`--weight {name}={text}` is no weight", hint=hint))
        return {name: int(text) for name, text in given.items()}


@spread
def repair(
    space: SpaceName,
    config: ConfigName,
    format: FormatName = None,
    write: Write = False,
    out: Out = None,
    engine: EngineChoice = "auto",
    json: AsJson = False,
    *,
    wishes: Wishes,
    selection: Selection,
) -> int:
    """Print the nearest valid config: fewest changed parameters, then least movement.

    What changed goes to stderr, and in how many ways as few changes do. A parameter that the config does not
    name is free; a config that can be completed is left as it is. CSV stays CSV, all else becomes JSON.

    Exits with 0 where every config is valid or repaired, with 1 where one cannot be (the space is empty, what
    is kept conflicts, or nobody knows a name), and with 2 where one is unreadable (`--write` does nothing).
    """
    from spacegen.cli.sources import source
    from spacegen.launch.reading import FORMATS
    from spacegen.questions.configs import SUFFIXES

    form = None if format is None else one_of(SUFFIXES.get(f".{format}", format), FORMATS, "--format")
    form_to_write, form_to_print = _forms(config, form, out, write=write, json=json)
    weights = wishes.weights()
    chosen = selection.load(space, engine=engine)
    batch = _read(text := source(config), chosen, form, selection)
    found = [_outcome(chosen, entry, wishes.keep or (), weights) for entry in batch.entries]
    for entry, outcome in zip(batch.entries, found, strict=True):
        _explain(entry, outcome, selection, brief=batch.several)
    status = max(map(_status, batch.entries, found))
    if form_to_write is not None and status == 2:
        say(f"error: nothing was changed in {text.name}")
    elif form_to_write is not None:
        _write(config, text, form_to_write, [*map(_edits, batch.entries, found)], selection)
    else:
        _print(batch, found, out, form_to_print, json=json)
    return status


def _read(text: Source, space: Space, form: str | None, selection: Selection) -> Batch:
    """The configs of a text, at least one, after a word on who repairs them. Raises ConfigError."""
    from spacegen.errors import ConfigError
    from spacegen.launch.reading import read_launches, without_verdicts

    found = read_launches(text, space.model, form)
    if not found.entries:
        raise ConfigError(f"there is no config in {text.name}")
    fresh = without_verdicts(found, space.base)
    if fresh is not found and not selection.quiet:
        say_judged()
    selection.say_choice(space)
    return fresh


def _forms(
    name: str, form: str | None, out: str | None, *, write: bool, json: bool
) -> tuple[str | None, str | None]:
    """The format in which the file is changed, if it is, and that which the suffix of the output asks for.

    Raises UsageError where the file cannot be changed, the output not be written, or options do not meet.
    """
    from spacegen.cli.sources import is_same_file
    from spacegen.errors import Fault, UsageError
    from spacegen.launch.mending import form_of
    from spacegen.launch.rewriting import form_to_rewrite

    if write and (out is not None or name == "-" or json):
        raise UsageError("`--write` changes the file itself: it goes with neither `-o`, `--json` nor stdin")
    if write:
        return form_to_rewrite(name, form), None
    if out is not None and is_same_file(out, name):
        hint = "`--write` changes the file itself"
        raise UsageError(Fault(f"the repaired configs of {name} would take its place", hint=hint))
    return None, None if out is None else form_of(out, json=json)


def _outcome(
    space: Space, entry: Entry, keep: Iterable[str], weights: Mapping[str, int]
) -> Repair | NoRepair | SpacegenError:
    """The repair of one config, why there is none, or why it cannot be read."""
    from spacegen.errors import ConfigError, Fault, UsageError

    if isinstance(entry.config, Fault):
        return ConfigError(entry.config)
    if entry.wrong:
        return ConfigError(*entry.wrong)
    try:
        return space.repair(entry.config, keep=keep, weights=weights)
    except (ConfigError, UsageError) as error:
        return error


def _status(entry: Entry, outcome: Repair | NoRepair | SpacegenError) -> int:
    from spacegen.errors import ConfigError, Fault
    from spacegen.questions.near.repair import NoRepair, Repair

    match outcome:
        case Repair():
            return 0
        case NoRepair():
            return 1
        case ConfigError() if not isinstance(entry.config, Fault):
            return 1
        case _:
            return 2


def _explain(
    entry: Entry, outcome: Repair | NoRepair | SpacegenError, selection: Selection, *, brief: bool
) -> None:
    """Tells people what changed, or why nothing could."""
    from spacegen.errors import Fault
    from spacegen.questions.near.repair import NoRepair, Repair

    match outcome:
        case Repair():
            for note in entry.notes:
                selection.say(f"note: {note}")
            selection.say(f"{entry.label}: {outcome.headline}" if brief else str(outcome))
        case NoRepair():
            say(f"{entry.label}: {outcome}" if brief else str(outcome))
        case _:
            # What made a config unreadable says itself where it is.
            unreadable = isinstance(entry.config, Fault)
            say(f"error: {outcome}" if unreadable else f"error: {entry.label}: {outcome}")


def _objects(
    batch: Batch, found: Sequence[Repair | NoRepair | SpacegenError], *, json: bool
) -> Iterator[dict[str, Any]]:
    """The repaired configs, or with `json` all that is known of them."""
    from spacegen.questions.near.repair import NoRepair, Repair

    for entry, outcome in zip(batch.entries, found, strict=True):
        match outcome:
            case Repair() | NoRepair() if json:
                yield {"name": entry.label, **outcome.as_dict()}
            case Repair():
                yield dict(outcome.config)
            case _:
                pass


def _print(
    batch: Batch,
    found: Sequence[Repair | NoRepair | SpacegenError],
    out: str | None,
    form: str | None,
    *,
    json: bool,
) -> None:
    """The repaired configs as rows, as lines of JSON, or in JSON and YAML files as what these hold; where no
    form is asked for, rows as rows."""
    import json as writer

    from spacegen.launch.mending import table
    from spacegen.questions.near.repair import Repair

    form = form or ("csv" if batch.columns and not json else "jsonl")
    if form == "csv":
        lines = list(table([outcome for outcome in found if isinstance(outcome, Repair)]))
    else:
        indent = None if batch.several or json else 2
        objects = _objects(batch, found, json=json)
        lines = [writer.dumps(data, ensure_ascii=False, indent=indent) for data in objects]
        if batch.several and form != "jsonl":
            body = ",\n".join(f"  {line}" for line in lines)
            lines = [f"[\n{body}\n]" if body else "[]"]
    with destination(out) as stream:
        for line in lines:
            print(line, file=stream)


def _edits(entry: Entry, outcome: Repair | NoRepair | SpacegenError) -> Mapping[str, Any]:
    """The values that the repair puts into a config, by key."""
    from spacegen.errors import Fault
    from spacegen.questions.near.repair import Repair

    if not isinstance(outcome, Repair) or isinstance(entry.config, Fault):
        return {}
    before = entry.config
    return {key: v for key, v in outcome.config.items() if key not in before or before[key] is not v}


def _write(
    name: str,
    text: Source,
    form: str,
    found: Sequence[Mapping[str, Any]],
    selection: Selection,
) -> None:
    """Puts the repaired values of each config into the file, where there are any."""
    from pathlib import Path

    from spacegen.errors import how_many
    from spacegen.launch.files import change
    from spacegen.launch.rewriting import rewritten

    edits = {i: values for i, values in enumerate(found) if values}
    if not edits:
        return
    change(Path(name), text.text, rewritten(text.text, form, edits))
    selection.say(f"{how_many(len(edits), 'config')} changed in {name}")
