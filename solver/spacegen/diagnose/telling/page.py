"""The page of a diagnosis: launches over time and what they show, in one file."""

from __future__ import annotations

from collections.abc import Sequence
from string import Template
from typing import Any, Final

from spacegen.diagnose.advice.guide import FREQUENT_RETRACTIONS, FULL
from spacegen.diagnose.finding import Finding
from spacegen.diagnose.launch import Launch
from spacegen.diagnose.narrowing.narrowing import Narrowing
from spacegen.diagnose.telling.tables import (
    arguments,
    findings_table,
    launches_table,
    name_of,
    space_parts,
)
from spacegen.diagnose.telling.text import SIMULATED, verdict
from spacegen.diagnose.telling.timeline import timeline
from spacegen.extras import require
from spacegen.tune.report.markup import element, html

__all__ = ["page"]

_HERE: Final = "spacegen.diagnose.telling"


def page(
    launches: Sequence[Launch],
    findings: Sequence[Finding],
    narrowing: Narrowing | None = None,
    *,
    title: str | None = None,
) -> str:
    """Launches with what they show, and what that leaves of a space, as HTML that needs nothing else, the
    same text for the same input. Raises UsageError where Plotly is not installed."""
    require("plotly", "diagnose", "a page")
    from spacegen.tune.report.frame import asset, framed

    name = title or "Diagnosis"
    simulated = any(launch.simulated for launch in launches)
    body = Template(asset(_HERE, "page.html")).substitute(
        heading=html(element("h1", name)),
        subtitle=html(element("p", _subtitle(launches, findings), class_="subtitle")),
        banner=html(element("p", SIMULATED, class_="simulated", role="note")) if simulated else "",
        findings=html(findings_table(launches, findings, narrowing)),
        space="" if narrowing is None else _space(narrowing),
        launches=html(launches_table(launches, findings)),
        arguments="".join(html(arguments(launch, number)) for number, launch in enumerate(launches)),
    )
    return framed(
        title=element("title", f"{'SIMULATED: ' if simulated else ''}{name}"),
        body=body,
        style=asset(_HERE, "page.css"),
        data={
            "guide": {"usage": FULL, "retractions": FREQUENT_RETRACTIONS},
            "launches": [_launch(launches, number, findings) for number in range(len(launches))],
            "findings": [
                {"id": one.id, "severity": str(one.severity), "summary": one.summary, "launch": one.launch}
                for one in findings
            ],
        },
        script=asset(_HERE, "page.js"),
    )


def _launch(launches: Sequence[Launch], number: int, findings: Sequence[Finding]) -> dict[str, Any]:
    own = [(i, one) for i, one in enumerate(findings) if one.launch == number]
    return {"name": name_of(launches, number), **timeline(launches[number], own)}


def _space(narrowing: Narrowing) -> str:
    parts = list(space_parts(narrowing))
    heading = element("h2", "The space", id="space-title")
    return html(element("section", heading, *parts, aria_labelledby="space-title")) if parts else ""


def _subtitle(launches: Sequence[Launch], findings: Sequence[Finding]) -> str:
    seen = "1 launch" if len(launches) == 1 else f"{len(launches):,} launches"
    return f"{seen}: {verdict(findings)}"
