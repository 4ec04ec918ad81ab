"""`spacegen preflight`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from spacegen.cli.node import NodeOptions, Quiet, progress
from spacegen.cli.options import AsJson, one_of, spread
from spacegen.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from spacegen.launch.causes import Tally
    from spacegen.launch.preflight import Judge, Judgement
    from spacegen.launch.questions import Question

__all__ = ["preflight"]


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
    quiet: Quiet = False,
    *,
    options: NodeOptions,
) -> int:
    """Say what the installed sglang makes of configs: accepted, altered or rejected.

    Its own argument code judges them, in its own Python; where there is no GPU, one is pretended. Exits
    with 0 where the server would run all of them as they are written, and with 1 where it would not.
    """
    from spacegen.launch.causes import Tally
    from spacegen.launch.preflight import Judge

    questions = _questions(config, format)
    tally = Tally()
    with Judge(options.node) as judge:
        if not quiet:
            say(f"sglang {judge.version} on {judge.gpu}")
        unread = _judge_all(judge, questions, tally, json=json, quiet=quiet)
    _conclude(tally, json=json, quiet=quiet)
    return 2 if unread else 1 if tally.accepted < tally.total else 0


def _questions(names: Sequence[str], format: str | None) -> list[Question]:
    from spacegen.cli.sources import source
    from spacegen.launch.questions import FORMATS, read_questions

    form = None if format is None else one_of(format, FORMATS, "--format")
    return [question for name in names for question in read_questions(source(name), form)]


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
