"""What the verbs share that ask an installed server: where it is, and how far they are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

if TYPE_CHECKING:
    from spacegen.launch.preflight import Node

__all__ = ["NodeOptions", "Quiet", "progress"]

_NODE = "The node"

Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.")]


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """Where the server is, and on what it would run."""

    python: Annotated[
        str | None,
        typer.Option(
            "--python",
            metavar="PYTHON",
            help="The Python of the environment that has the server; else the one that runs this.",
            rich_help_panel=_NODE,
        ),
    ] = None
    gpu: Annotated[
        str | None,
        typer.Option(
            "--gpu",
            metavar="NAME",
            help="Pretend this GPU: a100, b200, h100, h200 or l40s; else the one that is there, or h100.",
            rich_help_panel=_NODE,
        ),
    ] = None
    gpus: Annotated[
        int,
        typer.Option("--gpus", metavar="N", min=1, help="How many to pretend.", rich_help_panel=_NODE),
    ] = 8
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="DIR",
            help="A model folder; else that of the config, or a small Llama.",
            rich_help_panel=_NODE,
        ),
    ] = None
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout", metavar="SECONDS", min=0.1, help="What a config may take.", rich_help_panel=_NODE
        ),
    ] = 60.0

    @property
    def node(self) -> Node:
        """The node that these options describe. Raises UsageError for a model that is not there."""
        from spacegen.errors import Fault, UsageError
        from spacegen.launch.preflight import Node

        model = None if self.model is None else Path(self.model).absolute()
        if model is not None and not model.exists():
            hint = "`--model` is a folder with a `config.json`"
            raise UsageError(Fault(f"there is no model at `{self.model}`", hint=hint))
        return Node(Path(self.python or sys.executable), self.gpu, self.gpus, model, self.timeout)


@contextmanager
def progress(total: int, *, quiet: bool) -> Iterator[Any]:
    """What is called after each config: it moves a bar where stderr is a terminal."""
    if quiet or total < 2 or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress

    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    # Lines for the same terminal go above the bar; those for a file are left alone.
    shared = sys.stdout.isatty()
    with Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=shared, redirect_stderr=True
    ) as bar:
        task = bar.add_task("configs", total=total)
        yield lambda: bar.advance(task)
