"""What a launch was given: the command in the folder of its log."""

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
    """The launch's command as a config of the space. `spacegen tune` and `spacegen run` leave the command in
    the folder of each launch; None if there is none, or the space is for another version."""
    command = _beside(launch) if _of_version(space, launch) else None
    if command is None:
        return None
    try:
        config = read_argv(command.read_text(encoding="utf-8"), space.model, str(command)).config
    except (SpacegenError, OSError, ValueError):
        return None
    return {n: v for n, v in config.items() if n in space.model.index} if isinstance(config, dict) else None


def leaves_out(launch: Launch, flag: str) -> bool:
    """Whether the command beside the log lacks the flag; false if there is no command."""
    command = _beside(launch)
    try:
        return command is not None and flag not in command.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


def _beside(launch: Launch) -> Path | None:
    """The file with the command of a launch."""
    folders = Path(launch.files[0]).parents[:2] if launch.files else ()
    command = next((path for folder in folders if (path := folder / _COMMAND).is_file()), None)
    return None if command is None or command.stat().st_size > _LONGEST else command


def _of_version(space: Space, launch: Launch) -> bool:
    """Whether the launch ran the server and version of the space's target."""
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
