"""What a preflight asks about: configs from any text that one can be launched from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Final

from spacegen.errors import ConfigError, Fault
from spacegen.language.model import Model
from spacegen.launch.commandline import commands_in, is_command
from spacegen.questions import configs
from spacegen.questions.configs import Entry, read_configs
from spacegen.source import Source

__all__ = ["FORMATS", "Question", "read_questions"]

FORMATS: Final = (*configs.FORMATS, "argv", "config")
"""How configs may be written: as data, as command lines, or as a YAML file for `--config`."""

_SCRIPTS: Final = (".sh", ".argv")


@dataclass(frozen=True, slots=True)
class Question:
    """A config under its name, in the judge's form (`config`, `argv` or `file`), or why it cannot be read."""

    label: str
    asked: Mapping[str, Any] | Fault

    @property
    def values(self) -> Mapping[str, Any]:
        """The values by name, where they are data; the server reads the others."""
        return {} if isinstance(self.asked, Fault) else self.asked.get("config", {})


def read_questions(source: Source, form: str | None = None) -> tuple[Question, ...]:
    """The configs of a text; command lines and `--config` files are left to the server's own reader.

    Raises ConfigError where nothing can be read.
    """
    suffix = PurePath(source.name).suffix.lower()
    if form == "argv" or (form is None and _has_commands(suffix, source.text)):
        return _commands(source)
    if form == "config":
        return (_file(source),)
    found = read_configs(source, Model("preflight", ()), form).entries  # type: ignore[arg-type]
    if len(found) == 1 and form is None and suffix in (".yaml", ".yml") and _hyphenated(found[0]):
        return (_file(source),)
    return tuple(
        Question(e.label, e.config if isinstance(e.config, Fault) else {"config": e.config}) for e in found
    )


def _has_commands(suffix: str, text: str) -> bool:
    return suffix in _SCRIPTS or (suffix not in configs.SUFFIXES and is_command(text))


def _commands(source: Source) -> tuple[Question, ...]:
    try:
        found = list(commands_in(source.text))
    except ValueError:
        raise ConfigError(f"{source.name}: a quotation does not end") from None
    if not found:
        raise ConfigError(f"{source.name} has no command that launches a server")
    return tuple(Question(f"{source.name}:{line}", {"argv": words}) for line, words in found)


def _file(source: Source) -> Question:
    path = Path(source.name)
    if not path.is_file():
        raise ConfigError(
            Fault(f"{source.name} is no file", hint="the server reads a `--config` file itself")
        )
    return Question(source.name, {"file": str(path.absolute())})


def _hyphenated(entry: Entry) -> bool:
    return not isinstance(entry.config, Fault) and any("-" in str(key) for key in entry.config)
