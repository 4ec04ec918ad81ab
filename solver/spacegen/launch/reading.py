"""Configs as people have them: command lines and `--config` files beside JSON, YAML and CSV."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Any, Final

from spacegen.errors import ConfigError, Fault, SpaceError
from spacegen.language.model import Model
from spacegen.language.nodes import read_tree
from spacegen.launch.commandline import CommandLine, commands_in, is_command, parse
from spacegen.launch.complete import schema_of
from spacegen.launch.sorting import unjudged
from spacegen.launch.unsaid import config_of
from spacegen.questions import configs
from spacegen.questions.configs import Batch, Entry, read_configs
from spacegen.servers.renames import replaced
from spacegen.servers.schema import TargetSchema
from spacegen.source import Source

__all__ = ["FORMATS", "read_argv", "read_launches", "without_verdicts"]

_SUFFIXES: Final = (".sh", ".argv")


def read_launches(source: Source, model: Model, form: str | None = None) -> Batch:
    """The configs of a text: command lines, a `--config` file, or what `read_configs` reads.

    Commands and files for the server leave out what is at its default, so such a config is complete. Raises
    ConfigError where nothing can be read.
    """
    reader = _READERS.get(form or _guess(source, model))
    if reader is not None:
        return reader(source, model)
    return read_configs(source, model, form)  # type: ignore[arg-type]


def without_verdicts(batch: Batch, model: Model) -> Batch:
    """The configs without earlier verdicts on them; the same batch where there are none."""
    if all(isinstance(e.config, Fault) or unjudged(model, e.config) is e.config for e in batch.entries):
        return batch
    return replace(
        batch,
        entries=tuple(
            e if isinstance(e.config, Fault) else replace(e, config=unjudged(model, e.config))
            for e in batch.entries
        ),
    )


def _guess(source: Source, model: Model) -> str:
    suffix = PurePath(source.name).suffix.lower()
    if model.target is None:
        return ""
    if suffix in _SUFFIXES or (suffix not in configs.SUFFIXES and is_command(source.text)):
        return "argv"
    if suffix in (".yaml", ".yml"):
        data = read_tree(source).data
        if isinstance(data, dict) and any(isinstance(key, str) and "-" in key for key in data):
            return "config"
    return ""


def read_argv(text: str, model: Model, label: str = "--argv") -> Entry:
    """The config of one command line, with or without the command itself. Raises ConfigError."""
    if not text.strip():
        schema = _schema(model, label)
        return _entry(label, parse((), schema), model, schema)
    found = _commands(Source(label, text), model)
    if len(found.entries) > 1:
        raise ConfigError(f"{label} holds several commands")
    return found.entries[0]


def _commands(source: Source, model: Model) -> Batch:
    schema = _schema(model, source.name)
    try:
        found = list(commands_in(source.text))
    except ValueError as error:
        raise ConfigError(f"{source.name}: {str(error).lower()}") from None
    if not found:
        hint = f"arguments begin with dashes: `--tp-size 2`; a command that starts {schema.server} may lead"
        raise ConfigError(Fault(f"{source.name} holds no command line", hint=hint))
    several = len(found) > 1
    return Batch(
        tuple(
            _entry(f"{source.name}:{line}" if several else source.name, parse(words, schema), model, schema)
            for line, words in found
        ),
        several,
    )


def _config_file(source: Source, model: Model) -> Batch:
    schema = _schema(model, source.name)
    try:
        tree = read_tree(source)
    except SpaceError as error:
        raise ConfigError(*error.faults) from None
    if tree.faults:
        raise ConfigError(*tree.faults)
    data = {} if tree.data is None else tree.data
    if not isinstance(data, dict):
        raise ConfigError(Fault(f"{source.name} is no config file", hint="a config file is one mapping"))
    wrong, words = list(_refused(data, schema)), list(_words(data, schema))
    parsed = parse(words, schema)
    found = CommandLine(parsed.arguments, (*wrong, *parsed.wrong), parsed.notes)
    return Batch((_entry(source.name, found, model, schema),), several=False)


def _refused(data: Mapping[Any, Any], schema: TargetSchema) -> Iterator[Fault]:
    for key, value in data.items():
        name = str(key).replace("-", "_")
        argument = schema.arguments.get(name)
        if argument is not None and "_" in str(key):
            hint = f"write `{name.replace('_', '-')}`"
            yield Fault(f"keys of config files are spelled like flags, and `{key}` is not", hint=hint)
        elif value is None:
            yield Fault(f"`{key}` is null", hint="leave out what is not given")
        elif argument is not None and (argument.deprecated or argument.action in ("toggle", "store_false")):
            instead = replaced(schema.server, name, schema.version)
            yield Fault(f"config files of {schema} cannot hold `{key}`", hint=instead)


def _words(data: Mapping[Any, Any], schema: TargetSchema) -> Iterator[str]:
    for key, value in data.items():
        argument = schema.arguments.get(str(key).replace("-", "_"))
        if value is None or value is False:
            continue
        yield f"--{str(key).replace('_', '-')}"
        match value:
            case True if argument is None or argument.type.startswith("bool"):
                pass
            case list():
                yield from map(str, value)
            case dict():
                yield json.dumps(value)
            case _:
                yield str(value)


_READERS: Final[Mapping[str, Callable[[Source, Model], Batch]]] = {
    "argv": _commands,
    "shell": _commands,
    "config": _config_file,
}
FORMATS: Final = (*configs.FORMATS, *_READERS)


def _schema(model: Model, label: str) -> TargetSchema:
    schema = schema_of(model)
    if schema is None:
        raise ConfigError(f"{label}: `{model.name}` names no server whose arguments these could be")
    return schema


def _entry(label: str, found: CommandLine, model: Model, schema: TargetSchema) -> Entry:
    config, notes = config_of(found.arguments, model, schema)
    return Entry(label, config, found.wrong, (*found.notes, *notes))
