"""What a launch was asked for, from the command that stands beside its log."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from packaging.version import InvalidVersion, Version

from spacegen.api import Space
from spacegen.diagnose.launch import Launch
from spacegen.errors import SpacegenError
from spacegen.launch.reading import read_argv

__all__ = ["commanded", "leaves_out"]

_COMMAND: Final = "command.txt"
_LONGEST: Final = 100_000


def commanded(space: Space, launch: Launch) -> dict[str, Any] | None:
    """The config of the space that the command says, as `spacegen tune` and `spacegen run` leave one in the
    folder of each launch; None where none stands there, or the space is about another version."""
    command = _beside(launch) if _of_version(space, launch) else None
    if command is None:
        return None
    try:
        config = read_argv(command.read_text(encoding="utf-8"), space.model, str(command)).config
    except (SpacegenError, OSError, ValueError):
        return None
    return {n: v for n, v in config.items() if n in space.model.index} if isinstance(config, dict) else None


def leaves_out(launch: Launch, flag: str) -> bool:
    """Whether a command stands beside the log that does not have the flag."""
    command = _beside(launch)
    try:
        return command is not None and flag not in command.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


def _beside(launch: Launch) -> Path | None:
    """The command in the folder of a launch."""
    folders = Path(launch.files[0]).parents[:2] if launch.files else ()
    command = next((path for folder in folders if (path := folder / _COMMAND).is_file()), None)
    return None if command is None or command.stat().st_size > _LONGEST else command


def _of_version(space: Space, launch: Launch) -> bool:
    """Whether the words of the launch's command are those of the space's target."""
    target = space.base.target
    if target is None or launch.server != target.server:
        return False
    try:
        return (
            launch.version is None
            or Version(launch.version).base_version == Version(target.version).base_version
        )
    except InvalidVersion:
        return False
