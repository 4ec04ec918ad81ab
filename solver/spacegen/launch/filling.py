"""What templates and file names can say about one launch."""

from __future__ import annotations

import re
from typing import Any, Final

from spacegen.launch.commands import gpus, line
from spacegen.launch.config import LaunchConfig
from spacegen.launch.configfile import SERVERS, file_arguments
from spacegen.launch.fields import Table, rows
from spacegen.launch.style import Style
from spacegen.servers.schema import REQUIRED

__all__ = ["arguments", "placeholders"]

_IMAGES: Final = {"sglang": "lmsysorg/sglang:v{1}"}
"""Published images; of other servers one builds one's own."""


def arguments(table: Table) -> dict[str, Any]:
    """The arguments of the one launch in a table, flat and all of them."""
    return next(rows([field for field in table if field.argument], inactive=True), {})


def placeholders(table: Table, style: Style) -> dict[str, Any]:
    """The values of `{placeholders}` for the one launch in a table, by name."""
    found: dict[str, Any] = {}
    for config in style.configs([table]) if style.schema else ():
        found |= _of_launch(config, full=style.full)
    return {
        **found,
        **next(rows(table, inactive=True), {}),
        "arguments": arguments(table),
        "index": style.index,
        "name": style.name,
        "label": re.sub(r"[^a-z0-9]+", "-", style.name.lower()).strip("-"),
    }


def _of_launch(config: LaunchConfig, *, full: bool) -> dict[str, Any]:
    schema = config.schema
    argv = config.argv(full=full)
    defaults = {n: a.default for n, a in schema.arguments.items() if a.default is not REQUIRED}
    found: dict[str, Any] = {
        **defaults,
        "server": schema.server,
        "version": schema.version,
        "argv": list(argv),
        "flags": list(argv[len(config.command) :]),
        "module": config.command[-1],
        "image": _IMAGES.get(schema.server, "{}:{}").format(schema.server, schema.version),
        "command": line(config, full=full),
    }
    if (taken := gpus(config)) is not None:
        found["gpus"] = taken
    if schema.server in SERVERS:
        found["config"] = file_arguments(config, full=full)[0]
    return found
