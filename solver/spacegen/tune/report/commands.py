"""The commands that launched trials, for people who want to launch one again."""

from __future__ import annotations

import shlex

from spacegen.errors import SpacegenError
from spacegen.launch.commands import line
from spacegen.launch.config import LaunchConfig
from spacegen.servers.schema import load
from spacegen.tune.record import Record
from spacegen.tune.secret import redacted

__all__ = ["launch_command"]


def launch_command(record: Record) -> str | None:
    """The command that was run, else the one that the target's arguments come to; None where neither is
    known."""
    if record.outcome.command:
        return shlex.join(redacted(record.outcome.command))
    server, equals, version = (record.provenance.target or "").partition("==")
    if not equals:
        return None
    model = {} if record.provenance.model is None else {"model_path": record.provenance.model}
    arguments = {**model, **record.config}
    try:
        schema = load(server, version)
        if not all(name in schema.arguments for name in arguments):
            return None
        return line(LaunchConfig(schema, arguments))
    except SpacegenError:
        return None
