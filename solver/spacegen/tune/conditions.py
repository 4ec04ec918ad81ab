"""What of a setup decides what is measured, beside the space and the workload, and what may change."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from typing import Final

from spacegen.tune.secret import HIDDEN, is_secret, redacted
from spacegen.tune.setup import Setup

__all__ = ["conditions", "places"]

_FOLDER: Final = re.compile(r"(?:[^\s=/]*/)+")
_PYTHON: Final = re.compile(r"python[\d.]*")
_OURS: Final = "SPACEGEN_"


def conditions(setup: Setup) -> dict[str, str]:
    """What makes other measurements where it changes, by name: the programs without their folders, and the
    variables that are no paths."""
    found = {
        "server command": _program(setup.server_command),
        "load generator": _program(setup.bench_command),
    }
    for name, value in setup.environment.items():
        if "/" not in value and not name.startswith(_OURS) and not is_secret(name):
            found[f"variable {name}"] = value
    return {name: value for name, value in found.items() if value}


def places(setup: Setup) -> dict[str, str]:
    """What may be another on another machine, by name, and is worth a word."""
    words = ((setup.server_command or ()), (setup.bench_command or ()))
    found = {
        "python": setup.python if setup.server_command is None else "",
        "server command": shlex.join(redacted(words[0])),
        "load generator": shlex.join(redacted(words[1])),
        "launch template": _template(setup.launch_template),
        "use of GPUs": "one launch at a time" if setup.exclusive else "",
    }
    for name, value in setup.environment.items():
        if "/" in value and not name.startswith(_OURS):
            found[f"variable {name}"] = HIDDEN if is_secret(name) else value
    return {name: value for name, value in found.items() if value}


def _program(words: Iterable[str] | None) -> str:
    """A command as another machine has it, where it stands in another folder."""
    bare = (_FOLDER.sub("", word) for word in redacted(words or ()))
    return shlex.join("python" if _PYTHON.fullmatch(word) else word for word in bare)


def _template(text: str | None) -> str:
    return " ".join(redacted(shlex.split(text or "")))
