"""What a launch is: the server, and arguments that its log has otherwise than they were given."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from spacegen.diagnose.finding import SPACE, Finding, shown
from spacegen.diagnose.launch import Launch
from spacegen.servers.attention_groups import CHUNK, groups_of

if TYPE_CHECKING:
    from spacegen.diagnose.narrowing.narrowing import Narrowing

__all__ = ["as_given_line", "command_of", "run_as", "server_of"]


def server_of(launch: Launch) -> str:
    """The server and its version, or which version it logs like."""
    name = launch.server or "server"
    if launch.version is None:
        return name
    return f"{name} (logs as {launch.version} does)" if launch.version_guessed else f"{name} {launch.version}"


def command_of(finding: Finding, narrowing: Narrowing | None) -> str | None:
    """The command that goes on from a finding, about the space that was given, where one was."""
    if finding.command is None or narrowing is None or narrowing.name is None:
        return finding.command
    return finding.command.replace(SPACE, shlex.quote(narrowing.name))


def as_given_line(launch: Launch) -> str | None:
    """What arguments were given as that the log has scaled; None where there are none."""
    groups = groups_of(launch.arguments)
    told = [
        f"`{name}` {shown(launch.arguments[name])}{_at_most(launch, name, groups)}, logged as {shown(logged)}"
        for name, logged in launch.as_logged.items()
    ]
    if not told:
        return None
    return (
        f"  given: {'; '.join(told)}: the server scales what it is given for its {groups} groups of "
        "attention data parallelism"
    )


def run_as(launch: Launch, name: str) -> str:
    """An argument as it was given, with what the server says that it made of it."""
    value = str(launch.arguments[name])
    return f"{value} (logged as {shown(launch.as_logged[name])})" if name in launch.as_logged else value


def _at_most(launch: Launch, name: str, groups: int) -> str:
    """The remainder of a chunk that was divided is not known: a little more may have been given."""
    logged = launch.as_logged[name]
    if name != CHUNK or logged <= 0:
        return ""
    return f" ({logged * groups + groups - 1} at most)"
