"""The page of a study or run."""

from __future__ import annotations

from collections.abc import Sequence
from string import Template
from typing import Final

from spacegen.tune.metrics import DEFAULT_GOALS, Goal, Limit
from spacegen.tune.record import Record
from spacegen.tune.report.content import content
from spacegen.tune.report.frame import asset, framed
from spacegen.tune.report.markup import element, html
from spacegen.tune.report.sections import comparison, failed, figures, provenance, subtitle
from spacegen.tune.report.trials import numbered
from spacegen.tune.summary.console import SIMULATED
from spacegen.tune.summary.summary import summarise

__all__ = ["report"]

_HERE: Final = "spacegen.tune.report"


def report(
    records: Sequence[Record],
    goals: Sequence[Goal] = DEFAULT_GOALS,
    limits: Sequence[Limit] = (),
    *,
    title: str | None = None,
) -> str:
    """The records of one study or run as HTML, the same text for the same input."""
    known = numbered(records)
    summary = summarise(known, goals, limits)
    found = content(known, summary)
    name = title or summary.study or "Measured launches"
    banner = element("p", SIMULATED, class_="simulated", role="note")
    body = Template(asset(_HERE, "page.html")).substitute(
        heading=html(element("h1", name)),
        banner=html(banner) if summary.simulated else "",
        subtitle=html(subtitle(found)),
        figures=html(figures(found)),
        comparison=html(comparison(found)),
        failures=html(failed(found)),
        provenance=html(provenance(found)),
    )
    return framed(
        title=element("title", f"{'SIMULATED: ' if summary.simulated else ''}{name}"),
        body=body,
        style=asset(_HERE, "page.css"),
        data=found.data(),
        script="\n".join(asset(_HERE, part) for part in ("table.js", "charts.js", "page.js")),
    )
