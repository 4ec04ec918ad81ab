"""The options of verbs that launch servers and measure them."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacegen.cli.options import Selection, assignments, one_of

if TYPE_CHECKING:
    from spacegen.api import Space
    from spacegen.tune.setup import Setup, Timeouts
    from spacegen.tune.workload import Workload

__all__ = ["Launching", "need_model"]


def _load(*flags: str, metavar: str, help: str) -> Any:
    return typer.Option(*flags, metavar=metavar, help=help, rich_help_panel="The load", show_default=False)


def _launch(*flags: str, metavar: str | None = None, help: str) -> Any:
    return typer.Option(*flags, metavar=metavar, help=help, rich_help_panel="The launch", show_default=False)


def _seconds(flag: str, help: str) -> Any:
    return typer.Option(
        flag, metavar="SECONDS", min=0.0, help=help, rich_help_panel="The launch", show_default=False
    )


@dataclass(frozen=True, slots=True)
class Launching:
    """How servers are launched, on which GPUs, and what is asked of them."""

    workload: Annotated[
        str | None,
        _load("--workload", "-w", metavar="FILE", help="A YAML file, or a workload that ships, by its name."),
    ] = None
    bench_cmd: Annotated[
        str | None,
        _load(
            "--bench-cmd",
            metavar="TEXT",
            help="Another load generator: its first words, or all with {base_url} …",
        ),
    ] = None
    runner: Annotated[
        str, _launch("--runner", metavar="NAME", help="server, or sim: a formula, nothing is launched.")
    ] = "server"
    model_path: Annotated[
        str | None, _launch("--model-path", metavar="PATH", help="What to serve, in every launch.")
    ] = None
    extra: Annotated[
        list[str] | None,
        _launch("--extra", metavar="KEY=VALUE", help="Any other argument of the server, in every launch."),
    ] = None
    gpus: Annotated[
        str | None,
        _launch("--gpus", metavar="LIST", help="The GPUs to use, such as 0-3,6; else all that are visible."),
    ] = None
    exclusive: Annotated[bool, _launch("--exclusive", help="One launch at a time gets all the GPUs.")] = False
    python: Annotated[
        str | None,
        _launch("--python", metavar="PYTHON", help="The Python that has the server; else the one on PATH."),
    ] = None
    server_cmd: Annotated[
        str | None,
        _launch("--server-cmd", metavar="TEXT", help="Words that start the server; arguments follow."),
    ] = None
    launch_template: Annotated[
        str | None,
        _launch(
            "--launch-template",
            metavar="TEXT",
            help="Starts it elsewhere (ssh, docker, srun): {command}, {gpus}, {port}, {name} are filled in.",
        ),
    ] = None
    stop_template: Annotated[
        str | None,
        _launch("--stop-template", metavar="TEXT", help="Ends it there for sure: docker rm --force {name}."),
    ] = None
    server_host: Annotated[
        str, _launch("--server-host", metavar="HOST", help="Where a server elsewhere is reached.")
    ] = "127.0.0.1"
    env: Annotated[
        list[str] | None,
        _launch("--env", metavar="NAME=VALUE", help="A variable of the environment of each launch."),
    ] = None
    ready_timeout: Annotated[
        float | None, _seconds("--ready-timeout", "How long a server may take to come up; 1800 unless given.")
    ] = None
    stop_timeout: Annotated[
        float | None, _seconds("--stop-timeout", "How long it may take to end before it is killed; 30.")
    ] = None
    gpu_timeout: Annotated[
        float | None, _seconds("--gpu-timeout", "How long to wait for GPUs that others use; a day.")
    ] = None
    cooldown: Annotated[float, _seconds("--cooldown", "The rest after each launch.")] = 0.0

    @property
    def simulated(self) -> bool:
        """Whether a formula stands in for servers. Raises UsageError."""
        name: str = one_of(self.runner, ("server", "sim"), "--runner")
        return name == "sim"

    @property
    def texts(self) -> dict[str, str]:
        """The arguments of every launch, as they were given. Raises UsageError."""
        model = {} if self.model_path is None else {"model_path": self.model_path}
        return model | assignments(self.extra, "--extra")

    def load(self, selection: Selection, name: str, *, engine: str) -> Space:
        """The chosen space, whose launches have the arguments that were given. Raises UsageError."""
        chosen = selection.load(name, engine=engine)
        texts = self.texts
        complete = chosen.completed_as(texts)
        if not self.extra:
            return complete
        # Rules may be about these arguments: read the space again, which has said all it had to say.
        quiet = replace(selection, quiet=True)
        return quiet.load(name, engine=engine, fixed=complete.arguments).completed_as(texts)

    def setup(self, space: Space, folder: Path, *, cluster: bool = False) -> Setup:
        """How the configs of a space are launched; logs go below the folder. A `cluster` has its own GPUs.

        Raises UsageError where the space names no server, or options make no sense, ConfigError for a
        workload that cannot be read.
        """
        from spacegen.errors import Fault, UsageError
        from spacegen.tune.load.sense import has_places
        from spacegen.tune.setup import Setup

        target = space.base.target
        if target is None:
            hint = (
                'say `target: {server: sglang, version: "0.5.23"}` in the space, or `--target sglang==0.5.23`'
            )
            raise UsageError(Fault(f"`{space.name}` names no server to launch", hint=hint))
        command = self.bench_cmd if self.bench_cmd and has_places(self.bench_cmd) else None
        return Setup(
            server=target.server,
            version=str(target.version),
            workload=self._workload(command),
            folder=folder,
            runner="sim" if self.simulated else "server",
            gpu_ids=self._gpus(cluster=cluster),
            exclusive=self.exclusive,
            arguments=dict(space.base.fixed),
            python=self.python or "python",
            server_command=_words(self.server_cmd, "--server-cmd"),
            launch_template=self.launch_template,
            stop_template=self.stop_template,
            bench_command=None if command else _words(self.bench_cmd, "--bench-cmd"),
            host=self.server_host,
            environment=assignments(self.env, "--env"),
            timeouts=self._timeouts(),
        )

    def _workload(self, command: str | None) -> Workload:
        from spacegen.tune.load.reading import commanded, read_workload
        from spacegen.tune.workload import Workload

        if self.workload is not None:
            return read_workload(self.workload, command)
        return Workload() if command is None else commanded(Workload(), command)

    def _gpus(self, *, cluster: bool) -> tuple[str, ...]:
        from spacegen.errors import Fault, UsageError
        from spacegen.tune.gpus import present_gpus, read_gpus

        if cluster and self.gpus is not None:
            hint = "the nodes of the cluster know theirs"
            raise UsageError(Fault("`--gpus` are those of this machine, and `--address` is given", hint=hint))
        if cluster:
            return ()
        if self.gpus is not None:
            return read_gpus(self.gpus, here=self.launch_template is None)
        if self.simulated:
            return ()
        found = present_gpus()
        if not found:
            hint = "`--gpus 0-7` says which there are; `--runner sim` needs none"
            raise UsageError(Fault("no GPU is found on this machine", hint=hint))
        return found

    def _timeouts(self) -> Timeouts:
        from spacegen.tune.setup import Timeouts

        given = {"ready": self.ready_timeout, "stop": self.stop_timeout, "gpus": self.gpu_timeout}
        chosen = {name: seconds for name, seconds in given.items() if seconds}
        return Timeouts(cooldown=self.cooldown, **chosen)


def need_model(setup: Setup, named: Iterable[Collection[str]]) -> None:
    """Raises UsageError where a server would have nothing to serve: neither all launches nor each config,
    of which these are the names, says what."""
    from spacegen.errors import Fault, UsageError

    names = {"model_path", "model"}
    given = setup.arguments.keys() & names or all(names.intersection(config) for config in named)
    if setup.runner == "server" and not given:
        raise UsageError(Fault("nothing says which model to serve", hint="add `--model-path PATH`"))


def _words(text: str | None, flag: str) -> tuple[str, ...] | None:
    """The words of a command, as a shell splits them. Raises UsageError."""
    from spacegen.errors import Fault, UsageError

    if text is None:
        return None
    try:
        found = tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(Fault(f"`{flag} {text}` is no command: {str(error).lower()}")) from None
    if not found:
        raise UsageError(f"`{flag}` holds no word")
    return found
