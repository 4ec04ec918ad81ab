"""`spacegen preflight`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacegen.cli.options import AsJson, one_of, spread
from spacegen.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from spacegen.launch.causes import Tally
    from spacegen.launch.preflight import Judge, Judgement, Node
    from spacegen.launch.questions import Question

__all__ = ["NodeOptions", "preflight", "progress"]

_NODE = "The node"


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


@spread
def preflight(
    config: Annotated[
        list[str],
        typer.Argument(
            metavar="CONFIG…",
            help="JSON, JSON lines, YAML, CSV, commands or a `--config` file; `-` is stdin.",
            show_default=False,
        ),
    ],
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="json, jsonl, yaml, csv, argv or config; else the suffix or the text decides.",
            rich_help_panel="The configs",
        ),
    ] = None,
    json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.")] = False,
    *,
    options: NodeOptions,
) -> int:
    """Say what the installed sglang makes of configs: accepted, altered or rejected.

    Its own argument code judges them, in its own Python; where there is no GPU, one is pretended. Exits
    with 0 where the server would run all of them as they are written, and with 1 where it would not.
    """
    from spacegen.cli.check import source
    from spacegen.launch.causes import Tally
    from spacegen.launch.preflight import Judge
    from spacegen.launch.questions import FORMATS, read_questions

    form = None if format is None else one_of(format, FORMATS, "--format")
    questions = [question for name in config for question in read_questions(source(name), form)]
    tally = Tally()
    with Judge(options.node) as judge:
        if not quiet:
            say(f"sglang {judge.version} on {judge.gpu}")
        unread = _judge_all(judge, questions, tally, json=json, quiet=quiet)
    _conclude(tally, json=json, quiet=quiet)
    return 2 if unread else 1 if tally.accepted < tally.total else 0


def _judge_all(judge: Judge, questions: Sequence[Question], tally: Tally, *, json: bool, quiet: bool) -> bool:
    """Prints each judgement as it comes; returns whether a config could not be read."""
    from spacegen.errors import Fault

    unread = False
    with progress(len(questions), quiet=quiet) as advance:
        for question in questions:
            if isinstance(question.asked, Fault):
                say(f"error: {question.asked}")
                unread = True
            else:
                found = judge.answer(question.asked)
                tally.add(question.label, found)
                _print(question, found, json=json, alone=len(questions) == 1)
            advance()
    return unread


def _print(question: Question, found: Judgement, *, json: bool, alone: bool) -> None:
    if json:
        values = dict(question.values or found.given)
        print_json({"config": question.label, **found.as_dict(), "values": values})
    elif alone or found.outcome != "accepted":
        print(f"{question.label}: {found}")


def _conclude(tally: Tally, *, json: bool, quiet: bool) -> None:
    if json or tally.total == 1:
        if not quiet:
            say(str(tally))
        return
    if causes := tally.causes:
        print()
        rows = [(f"{cause.count:,}", cause.outcome, cause.first, cause.words) for cause in causes]
        print_table(("configs", "outcome", "first", "cause"), rows)
        print()
    print(tally)


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
