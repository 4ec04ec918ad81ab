"""`spacegen report`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacegen.cli.node import Quiet
from spacegen.cli.options import AsJson, spread
from spacegen.cli.output import destination, print_json, say
from spacegen.cli.pages import refuse_page
from spacegen.cli.studying import Aims

if TYPE_CHECKING:
    from spacegen.tune.report.reading import Material

__all__ = ["report"]


def _option(*flags: str, metavar: str, help: str) -> Any:
    return typer.Option(*flags, metavar=metavar, help=help, show_default=False)


@dataclass(frozen=True, slots=True)
class Page:
    """Which study, and where its page goes."""

    name: Annotated[
        str | None, _option("--study", metavar="NAME", help="Its name, where there are several.")
    ] = None
    output: Annotated[
        str | None,
        _option("--output", "-o", metavar="FILE", help="The page, such as report.html; - is stdout."),
    ] = None
    title: Annotated[str | None, _option("--title", metavar="TEXT", help="The heading of the page.")] = None


@spread
def report(
    study: Annotated[
        str,
        typer.Argument(
            metavar="STUDY", help="A storage, its file, or a file of results.", show_default=False
        ),
    ],
    as_json: AsJson = False,
    quiet: Quiet = False,
    *,
    page: Page,
    aims: Aims,
) -> int:
    """Print the front of what was measured, and write a page with all of it.

    The page is one file that needs no network: the front with the launch commands, the hypervolume over
    trials, importances, parallel coordinates, slices, failures, all trials, the defaults beside the front.
    A study knows its objectives; for a file of results they are ttft and tps unless others are given.
    """
    from spacegen.tune.report.reading import check_goals, read

    found = _aimed(read(study, page.name), aims)
    check_goals(found.records, found.goals)
    if page.output is not None:
        _write(found, page.output, page.title, quiet=quiet)
    if page.output != "-":
        _print(found, as_json=as_json)
    return 0 if found.records else 1


def _aimed(found: Material, aims: Aims) -> Material:
    """The measurements, seen with the objectives and service levels that were asked for."""
    given: dict[str, Any] = {}
    if aims.minimize or aims.maximize or aims.per_gpu:
        given["goals"] = aims.goals()
    if aims.slo:
        given["limits"] = aims.limits()
    return replace(found, **given)


def _write(found: Material, output: str, title: str | None, *, quiet: bool) -> None:
    from spacegen.extras import require

    require("optuna", "tune", "a page")
    require("plotly", "tune", "a page")
    from spacegen.tune.report.page import report as page

    refuse_page(output, "page of a report", "write the report elsewhere")
    text = page(found.records, found.goals, found.limits, title=title)
    with destination(output) as stream:
        stream.write(text)
    if output != "-" and not quiet:
        say(f"wrote {output}")


def _print(found: Material, *, as_json: bool) -> None:
    from spacegen.tune.report.trials import numbered
    from spacegen.tune.summary.console import in_words
    from spacegen.tune.summary.document import as_document
    from spacegen.tune.summary.summary import summarise

    summary = summarise(numbered(found.records), found.goals, found.limits)
    if as_json:
        print_json(as_document(summary), indent=2)
    else:
        print("\n".join(in_words(summary)))
