"""Launches as commands for a shell."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from spacegen.launch.config import LaunchConfig
from spacegen.launch.fields import Field, Table
from spacegen.servers.schema import TargetSchema

__all__ = ["SIZES", "commands", "gpus", "line", "lines", "script"]

_ROUTER: Final = ("python", "-m", "sglang_router.launch_router")
_INDENT: Final = " \\\n  "

SIZES: Final[Mapping[str, tuple[str, ...]]] = {
    "sglang": ("tp_size", "pp_size", "dp_size", "enable_dp_attention"),
    "minisgl": ("tensor_parallel_size",),
}
"""The fields that decide how many GPUs a launch takes, by server."""


def line(config: LaunchConfig, *, full: bool = False) -> str:
    """The launch as one command."""
    return shlex.join(config.argv(full=full))


def lines(table: Table, schema: TargetSchema, *, full: bool = False) -> Iterator[str]:
    """The rows as commands, one a line: words are made once a value, so that a row costs one join."""
    columns = [[shlex.join(LaunchConfig(schema, {}).command)] * len(table[0].codes)] if table else []
    columns += (_words(field, schema, full=full) for field in table)
    return (f"{''.join(row)}\n" for row in zip(*columns, strict=True))


def _words(field: Field, schema: TargetSchema, *, full: bool) -> list[str]:
    def spelled(value: Any) -> str:
        groups = LaunchConfig(schema, {field.name: value}).groups(full=full)
        return "".join(f" {shlex.join(group)}" for group in groups)

    # Only values that occur are spelled: others may be beyond words.
    used, codes = np.unique(field.codes, return_inverse=True)
    found = Field(field.name, [field.values[code] for code in used], codes).gathered(spelled)
    if field.active is None or full:
        return found
    return [words if active else "" for words, active in zip(found, field.active.tolist(), strict=True)]


def commands(config: LaunchConfig, *, full: bool = False) -> Iterator[tuple[str, ...]]:
    """The words of the command of each replica of a launch, then of the router before them."""
    servers, router = deployment(config)
    yield from (server.argv(full=full) for server in servers)
    if router is not None:
        yield router


def script(config: LaunchConfig, *, full: bool = False, gateway: bool = False) -> str:
    """The launch as lines of a script, an argument a line; replicas run until their router ends."""
    servers, router = deployment(config) if gateway else ((config,), None)
    texts = [_INDENT.join(_lines(server, full=full)) for server in servers]
    if router is None:
        return "".join(f"{text}\n" for text in texts)
    started = "".join(f"{text} &\n" for text in texts)
    return f"{started}{shlex.join(router)}\nkill $(jobs -p) 2>/dev/null\nwait\n"


def _lines(config: LaunchConfig, *, full: bool) -> Iterator[str]:
    yield shlex.join(config.command)
    yield from map(shlex.join, config.groups(full=full))


def deployment(config: LaunchConfig) -> tuple[tuple[LaunchConfig, ...], tuple[str, ...] | None]:
    """The replicas of a launch, each a server on GPUs of its own, and the words of the router before them.

    A launch of one replica, or with attention data parallelism (whose groups cannot be told apart), is
    itself, and has no router. The router takes the port of the launch, the replicas those after it.
    """
    given = _Fields(config)
    replicas = given["dp_size"]
    if not isinstance(replicas, int) or replicas < 2 or given["enable_dp_attention"]:
        return (config,), None
    port, host = given["port"], given["host"]
    rest = given.without("dp_size", "port", "base_gpu_id")
    gpu, step = given["base_gpu_id"], given["tp_size"] * given["pp_size"]
    servers = tuple(
        replace(config, arguments={**rest, "port": port + 1 + i, "base_gpu_id": gpu + i * step})
        for i in range(replicas)
    )
    # A server that listens on every address is reached on this machine.
    near = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - nothing is bound here
    urls = (f"http://{near}:{port + 1 + i}" for i in range(replicas))
    return servers, (*_ROUTER, "--worker-urls", *urls, "--host", host, "--port", str(port))


def gpus(config: LaunchConfig) -> int | None:
    """How many GPUs the launch takes; None for a server whose parallelism is not known here."""
    given = _Fields(config)
    match config.schema.server:
        case "sglang":
            replicas = 1 if given["enable_dp_attention"] else given["dp_size"]
            return int(given["tp_size"] * given["pp_size"] * replicas)
        case "minisgl":
            return int(given["tensor_parallel_size"])
        case _:
            return None


class _Fields:
    """The effective arguments of a launch by the names of their fields."""

    def __init__(self, config: LaunchConfig) -> None:
        self._config = config
        arguments = config.schema.arguments
        self._names = {arguments[name].name: name for name in config.arguments}

    def __getitem__(self, field: str) -> Any:
        """The value of a field, be it the default; None for one that the target lacks."""
        value = self._config.arguments.get(self._names.get(field, field))
        known = self._config.schema.arguments.get(field)
        return known.default if value is None and known is not None else value

    def without(self, *fields: str) -> dict[str, Any]:
        names = {self._names.get(field, field) for field in fields}
        return {name: value for name, value in self._config.arguments.items() if name not in names}
