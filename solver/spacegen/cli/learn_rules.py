"""`spacegen learn-rules`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacegen.cli.node import NodeOptions, Quiet, progress
from spacegen.cli.options import spread
from spacegen.cli.output import destination, say
from spacegen.cli.sources import source

if TYPE_CHECKING:
    from spacegen.launch.learn import Lesson

__all__ = ["learn_rules"]


@spread
def learn_rules(
    report: Annotated[
        str,
        typer.Argument(
            metavar="REPORT",
            help="What `spacegen preflight --json` printed; `-` is stdin.",
            show_default=False,
        ),
    ],
    space: Annotated[
        str | None,
        typer.Option(
            "--space",
            metavar="SPACE",
            help="Leave out what the rules of this space reject already.",
            rich_help_panel="The configs",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to a file.", rich_help_panel="The output"),
    ] = None,
    quiet: Quiet = False,
    *,
    options: NodeOptions,
) -> int:
    """Learn rules from a preflight: the fewest values that the server refuses or alters.

    Each config that failed is shrunk against the installed server, which has to be the one that was asked
    before. Prints a rule pack, for `include` or to be worded better by hand. Exits with 0.
    """
    failed, taken = _rows(report)
    open_ = failed if space is None else _unexplained(space, failed)
    lessons, version = _learned(open_, taken, options, quiet=quiet)
    _write(lessons, version, output)
    if not quiet:
        explained = f", {len(failed) - len(open_):,} explained by `{space}`" if space else ""
        say(f"{len(lessons):,} combinations from {len(failed):,} configs that failed{explained}")
    return 0


def _write(lessons: Sequence[Lesson], version: str, output: str | None) -> None:
    from spacegen.launch.learned import pack

    with destination(output) as stream:
        stream.write(pack(lessons, version))


def _learned(
    failed: Sequence[Mapping[str, Any]],
    taken: Sequence[Mapping[str, Any]],
    options: NodeOptions,
    *,
    quiet: bool,
) -> tuple[Sequence[Lesson], str]:
    from spacegen.launch.learn import Learner
    from spacegen.launch.preflight import Judge

    with Judge(options.node) as judge, progress(len(failed), quiet=quiet) as advance:
        learner = Learner(judge.judge, taken)
        for config in failed:
            for _ in learner.learn(config):
                pass
            advance()
        return learner.lessons, judge.version


def _rows(report: str) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """The configs of a report that failed, and those that did not. Raises ConfigError for what is none."""
    rows = list(_read(report))
    failed = [row["values"] for row in rows if row["outcome"] != "accepted"]
    return failed, [row["values"] for row in rows if row["outcome"] == "accepted"]


def _read(report: str) -> Iterator[Mapping[str, Any]]:
    from spacegen.errors import ConfigError, Fault

    for number, line in enumerate(source(report).text.splitlines(), start=1):
        try:
            row = json.loads(line)
            yield {"outcome": row["outcome"], "values": dict(row["values"])}
        except (ValueError, KeyError, TypeError):
            hint = "a report is what `spacegen preflight … --json` prints"
            raise ConfigError(Fault(f"line {number} of `{report}` is no judgement", hint=hint)) from None


def _unexplained(space: str, failed: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    from spacegen.api import load

    chosen = load(space)
    # What the space does not know is no reason to call a failure explained.
    known = ({name: v for name, v in config.items() if name in chosen.model.index} for config in failed)
    verdicts = chosen.check_all(known)
    return [config for config, verdict in zip(failed, verdicts, strict=True) if verdict.valid]
