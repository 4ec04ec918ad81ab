"""A launch as a command: the words of the server, and what starts them here or elsewhere."""

from __future__ import annotations

import os
import re
import secrets
import shlex
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from spacegen.errors import Fault, UsageError
from spacegen.extras import require
from spacegen.launch.config import LaunchConfig, validate
from spacegen.launch.flags import owner
from spacegen.launch.mistakes import worded
from spacegen.servers.schema import TargetSchema, load
from spacegen.tune.gpus import cuda_environment
from spacegen.tune.jobs import Job
from spacegen.tune.running.templates import Places, assigns_gpus, filled, for_elsewhere, read_template
from spacegen.tune.secret import redacted
from spacegen.tune.setup import Setup

__all__ = ["Launch", "Launcher"]

_ANYWHERE: Final = "0.0.0.0"  # noqa: S104 - a server elsewhere is reached from here
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Launch:
    """`words` start the server where it runs, `argv` does so from here; `ending` are the words of the command
    that ends it for sure, if any."""

    words: tuple[str, ...]
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    variables: Mapping[str, str]
    url: str
    elsewhere: bool
    ending: tuple[str, ...]

    @property
    def shown(self) -> str:
        """The launch as a line for a shell, with the variables that it sets and without its secrets."""
        given = redacted(f"{name}={value}" for name, value in self.variables.items())
        # The quotes stand around the value: a shell would take `'NAME=some words'` for a program.
        pairs = (variable.partition("=") for variable in given)
        assigned = (f"{name}={shlex.quote(value)}" for name, _, value in pairs)
        return " ".join((*assigned, shlex.join(redacted(self.words))))


class Launcher:
    """Makes launches of a setup. Raises UsageError for templates that cannot be read, and for a program or a
    library that is not there."""

    def __init__(self, setup: Setup) -> None:
        # Processes are looked after with it, long after this.
        require("psutil", "tune", "launching servers")
        self._setup = setup
        self.schema: TargetSchema = load(setup.server, setup.version)
        self._template = setup.launch_template and read_template(setup.launch_template, "the launch template")
        self._ending = setup.stop_template and read_template(
            setup.stop_template, "the stop template", launches=False
        )
        self._start = self._program()
        program = self._template[0] if self._template else self._start[0]
        if shutil.which(program, path=setup.environment.get("PATH")) is None:
            hint = None if self._template else "name the interpreter that has the server: `--python PATH`"
            raise UsageError(Fault(f"there is no program `{program}`", hint=hint))

    def _program(self) -> tuple[str, ...]:
        if self._setup.server_command:
            return self._setup.server_command
        return (self._setup.python, *LaunchConfig(self.schema, {}).command[1:])

    def arguments(self, job: Job) -> dict[str, Any]:
        """What a job gives the server: the arguments of all launches, and its own, which win."""
        own = {_field(self.schema, name) for name in job.config}
        shared = {n: v for n, v in self._setup.arguments.items() if _field(self.schema, n) not in own}
        return {**shared, **job.config}

    def refused(self, arguments: Mapping[str, Any]) -> str | None:
        """What is wrong with arguments before any server sees them."""
        found = validate(self.schema, arguments, flags=True)
        if found:
            return worded(found[0], self.schema).message
        nodes = arguments.get("nnodes")
        return None if nodes in (None, 1) else f"`nnodes` is {nodes}, and a launch is on one machine"

    def flags(self, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """Arguments as words, without those that say where a server listens."""
        ours = {_field(self.schema, name) for name in ("host", "port")}
        given = {n: v for n, v in arguments.items() if _field(self.schema, n) not in ours}
        return tuple(word for group in LaunchConfig(self.schema, given).groups() for word in group)

    def launch(self, job: Job, arguments: Mapping[str, Any], gpus: tuple[str, ...], port: int) -> Launch:
        """The launch of a server that listens at `port`, and whose processes may meet at the next port."""
        host = arguments.get("host") or (_ANYWHERE if self._template else self._setup.host)
        network = tuple(self._network(arguments, str(host), port))
        return self.command(job, (*self._start, *self.flags(arguments), *network), gpus, port)

    def _network(self, arguments: Mapping[str, Any], host: str, port: int) -> Iterator[str]:
        yield from ("--host", host, "--port", str(port))
        if "nccl_port" in self.schema.arguments and arguments.get("nccl_port") is None:
            yield from ("--nccl-port", str(port + 1))

    def command(self, job: Job, words: tuple[str, ...], gpus: tuple[str, ...], port: int) -> Launch:
        """The launch of a command that sees these GPUs."""
        setup = self._setup
        host = f"[{setup.host}]" if ":" in setup.host else setup.host
        template = self._template or ()
        assigned = {} if assigns_gpus(template) or not gpus else cuda_environment(gpus)
        variables = {**setup.environment, **assigned}
        inner = {"PYTHONUNBUFFERED": "1", **variables}
        places = Places(words, gpus, port, _name(job))
        if self._template:
            started = for_elsewhere(words, inner, setup.python, setup.timeouts.stop)
            argv = filled(template, Places(started, gpus, port, places.name))
            environment = dict(os.environ)
        else:
            argv, environment = words, {**os.environ, **inner}
        ending = filled(self._ending, places) if self._ending else ()
        url = f"http://{host}:{port}"
        return Launch(words, argv, environment, variables, url, bool(template), ending)


def _field(schema: TargetSchema, name: str) -> str:
    known = owner(schema, name)
    return name if known is None else known.name


def _name(job: Job) -> str:
    return f"spacegen-{_UNFIT.sub('-', job.name)}-{secrets.token_hex(4)}"
