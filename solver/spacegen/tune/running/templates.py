"""Launches elsewhere: templates of commands (ssh, docker, srun …) with places for the launch."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from spacegen.errors import Fault, UsageError, did_you_mean
from spacegen.tune.running import warden

__all__ = ["Places", "assigns_gpus", "filled", "for_elsewhere", "read_template", "with_input"]

_PLACE: Final = re.compile(r"(?<!\$)\{([a-z_]+)\}")
_JOINING: Final = ("ssh", "autossh")
"""Programs that put their words together again for the shell of the other machine."""

# Where what starts the launch passes its standard input on, the end of that input ends the launch: whoever is
# gone here has no other way to say so there. A terminal and /dev/null say nothing of the kind.
_ELSEWHERE: Final = """
python=$1; warden=$2; grace=$3; shift 3
for name in "$python" python3 python; do
  command -v "$name" >/dev/null 2>&1 && break
done
if { [ -p /dev/stdin ] || [ -S /dev/stdin ]; } && command -v "$name" >/dev/null 2>&1; then
  exec "$name" -I -S -c "$warden" 3 4 "$grace" "$@" 3<&0 4>&2 </dev/null
fi
exec "$@"
"""


# Shells know descriptors of one digit alone.
_REDIRECTED: Final = (
    "import os, sys; number = int(sys.argv[1]); os.dup2(number, 0); os.close(number); "
    "os.execvp(sys.argv[2], sys.argv[2:])"
)


@dataclass(frozen=True, slots=True)
class Places:
    """What stands in the places of a template.

    Alone, `{command}` is the words of the launch; within a word, and behind ssh, it is a line for a shell, as
    `{line}` always is. `{count}` is how many `{gpus}` there are. `{name}` is the launch's own, fit for a
    container.
    """

    command: tuple[str, ...]
    gpus: tuple[str, ...]
    port: int
    name: str

    @property
    def texts(self) -> dict[str, str]:
        return {
            "line": shlex.join(self.command),
            "command": shlex.join(self.command),
            "gpus": ",".join(self.gpus),
            "count": str(len(self.gpus)),
            "port": str(self.port),
            "name": self.name,
        }


_NAMES: Final = (*(field.name for field in fields(Places)), "count", "line")


def read_template(text: str, option: str, *, launches: bool = True) -> tuple[str, ...]:
    """The words of a template. Raises UsageError for one that is no command, for unknown places, and, if it
    `launches`, where it has no place for the command."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(Fault(f"{option} `{text}` cannot be read: {str(error).lower()}")) from None
    if not words:
        raise UsageError(Fault(f"{option} is empty"))
    used = [found for word in words for found in _PLACE.findall(word)]
    for name in used:
        if name not in _NAMES:
            hint = did_you_mean(name, _NAMES) or "places: " + ", ".join(f"{{{place}}}" for place in _NAMES)
            raise UsageError(Fault(f"{option} `{text}` has an unknown place `{{{name}}}`", hint=hint))
    if launches and not {"command", "line"} & set(used):
        hint = "such as `ssh node1 {command}`"
        raise UsageError(Fault(f"{option} `{text}` has no place for the `{{command}}`", hint=hint))
    return tuple(words)


def filled(template: Sequence[str], places: Places) -> tuple[str, ...]:
    """The words of a template with the launch in its places."""
    texts = places.texts
    words: list[str] = []
    for i, word in enumerate(template):
        if word == "{command}" and not any(Path(before).name in _JOINING for before in template[:i]):
            words += places.command
        else:
            words.append(_PLACE.sub(lambda found: texts[found[1]], word))
    return tuple(words)


def assigns_gpus(template: Sequence[str]) -> bool:
    """Whether a template itself says which GPUs the launch sees."""
    return any(name in ("gpus", "count") for word in template for name in _PLACE.findall(word))


def for_elsewhere(
    command: Sequence[str], environment: Mapping[str, str], python: str, grace: float
) -> tuple[str, ...]:
    """The command with its variables, so that it needs nothing of this machine, and ends with its input."""
    variables = [f"{name}={value}" for name, value in environment.items()]
    words = ("env", *variables, *command) if variables else tuple(command)
    source = Path(warden.__file__).read_text(encoding="utf-8")
    return ("sh", "-c", _ELSEWHERE, "sh", python, source, f"{grace:g}", *words)


def with_input(command: Sequence[str], descriptor: int) -> tuple[str, ...]:
    """The command with an inherited file descriptor as its standard input."""
    return (sys.executable, "-I", "-S", "-c", _REDIRECTED, str(descriptor), *command)
