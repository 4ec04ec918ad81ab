"""Command lines read as the server's own parser would: aliases, `--flag=value`, abbreviations."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from spacegen.errors import Fault, did_you_mean
from spacegen.launch.flags import read_words
from spacegen.servers.renames import formerly
from spacegen.servers.schema import Argument, TargetSchema, load

__all__ = ["CommandLine", "commands_in", "is_command", "parse"]

_NUMBER: Final = re.compile(r"-\d+|-\d*\.\d+")
# What comes before the arguments ends with one of these words.
_STARTS: Final = ("sglang.launch_server", "launch_server.py", "minisgl", "serve")
# The parts of a line for a shell: quoted, a comment, a redirection, between two commands, anything else.
_PART: Final = re.compile(
    r"""'[^']*'|"(?:\\.|[^"\\])*"|\\."""
    r"""|(?P<comment>(?<!\S)\#)|(?P<redirection>(?<!\S)\d?[<>]|[<>])|(?P<between>[;&|]+)|.""",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What a command line says: the arguments by the names of their fields, and what is wrong with it."""

    arguments: Mapping[str, Any]
    wrong: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()


def is_command(text: str) -> bool:
    """Whether a text looks like a command line, or a script of them."""
    lines = [line.strip() for line in text.splitlines()]
    first = next((line for line in lines if line and not line.startswith("#")), "")
    return first.startswith("--") or (first[:1] not in ("{", "[") and bool(set(_STARTS) & set(text.split())))


def commands_in(text: str) -> Iterator[tuple[int, list[str]]]:
    """The arguments of each launch in a text, and the number of the line where it starts.

    Raises ValueError for a quotation without an end.
    """
    commands = list(_split(text))
    named = [(line, words) for line, words in commands if set(words) & set(_STARTS)]
    for line, words in named or [(n, w) for n, w in commands if any(word.startswith("--") for word in w)]:
        yield line, list(_arguments(words))


def _split(text: str) -> Iterator[tuple[int, list[str]]]:
    """The words of each command, and the number of the line where it starts."""
    start, kept = 0, ""
    for number, line in enumerate(text.splitlines(), start=1):
        if not kept and not line.strip():
            continue
        start, kept = (start, f"{kept}{line}") if kept else (number, line)
        if kept.endswith("\\"):
            kept = f"{kept[:-1]} "
            continue
        try:
            found = [shlex.split(command) for command in _commands_of(kept)]
        except ValueError:
            kept += "\n"
            continue
        yield from ((start, words) for words in found if words)
        kept = ""
    if kept:
        yield from ((start, shlex.split(command)) for command in _commands_of(kept))


def _commands_of(line: str) -> Iterator[str]:
    """The commands of a line, without comments and redirections."""
    command, dropped = "", False
    for part in _PART.finditer(line):
        if part["comment"]:
            break
        if part["between"]:
            yield command
            command, dropped = "", False
        elif part["redirection"]:
            dropped = True
        elif not dropped:
            command += part[0]
    yield command


def _arguments(words: Sequence[str]) -> Sequence[str]:
    places = [i + 1 for i, word in enumerate(words) if word in _STARTS]
    first = places[0] if places else next(i for i, word in enumerate(words) if word.startswith("--"))
    return words[first:]


def parse(words: Sequence[str], schema: TargetSchema) -> CommandLine:
    """What the words say to the server. Of two that say the same, the last one counts."""
    reading = _Reading(schema)
    rest = list(words)
    while rest:
        reading.take(rest)
    return CommandLine(reading.found, tuple(reading.wrong), tuple(reading.notes))


@dataclass(slots=True)
class _Reading:
    """A command line while it is read."""

    schema: TargetSchema
    found: dict[str, Any] = field(default_factory=dict)
    wrong: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def take(self, words: list[str]) -> None:
        """Reads the first flag of the words and the values that are its own, and removes them."""
        flag, equals, value = words.pop(0).partition("=")
        values = [value] if equals else _values(words)
        if not flag.startswith("--") or len(flag) == 2:
            self.wrong.append(Fault(f"`{flag}{equals}{value}` follows no flag"))
            words[:0] = values if not equals else []
        elif flag == "--config":
            self.notes.append(f"`--config {' '.join(values)}` is not looked into: check that file too")
        elif (exact := self._exact(flag)) is not None:
            left = self._set(exact, *_flags(self.schema)[exact], values)
            self.wrong += (Fault(f"`{word}` follows no flag") for word in left)

    def _exact(self, flag: str) -> str | None:
        known = _flags(self.schema)
        if flag in known:
            return flag
        name = flag.removeprefix("--").replace("-", "_")
        longer = [other for other in known if other.startswith(flag)]
        if moved := formerly(self.schema.server, name, self.schema.version):
            self.wrong.append(Fault(f"{moved} in {self.schema}" if "was removed" not in moved else moved))
        elif len({known[other][0].name for other in longer}) == 1:
            return longer[0]
        elif longer:
            self.wrong.append(Fault(f"`{flag}` is short for several flags", hint=f"{', '.join(longer[:6])}"))
        else:
            hint = did_you_mean(flag, known)
            self.wrong.append(Fault(f"`{flag}` is no flag of {self.schema}", hint=hint))
        return None

    def _set(self, flag: str, argument: Argument, meaning: bool | None, values: list[str]) -> list[str]:
        """Gives the argument its value; returns the words that are none of its."""
        if meaning is not None:
            self.found[argument.name] = meaning
            return values
        if not values:
            self.wrong.append(Fault(f"`{flag}` has no value"))
        elif argument.action == "list":
            self.found[argument.name] = [read_words(argument, value) for value in values]
            return []
        else:
            self.found[argument.name] = read_words(argument, values[0])
        return values[1:]


def _values(words: list[str]) -> list[str]:
    """The words up to the next flag, removed from the rest."""
    end = next(
        (i for i, word in enumerate(words) if word.startswith("-") and not _NUMBER.fullmatch(word)),
        len(words),
    )
    values, words[:] = words[:end], words[end:]
    return values


def _flags(schema: TargetSchema) -> Mapping[str, tuple[Argument, bool | None]]:
    return _flags_of(schema.server, schema.version)


@lru_cache
def _flags_of(server: str, version: str) -> Mapping[str, tuple[Argument, bool | None]]:
    """Each flag with its argument, and the value that it alone gives to it."""
    found: dict[str, tuple[Argument, bool | None]] = {}
    arguments = load(server, version).arguments
    for argument in (a for name, a in arguments.items() if a.name == name):
        for flag in argument.flags:
            match argument.action:
                case "store_true":
                    meaning: bool | None = True
                case "store_false":
                    meaning = False
                case "toggle":
                    meaning = not flag.startswith("--no-")
                case _:
                    meaning = None
            if flag not in found or argument.action == "store_false":
                found[flag] = argument, meaning
    return found
