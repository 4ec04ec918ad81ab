"""The page: one file with everything in it, which asks nothing of any network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any, Final

from plotly.offline import get_plotlyjs

from spacegen.tune.metrics import DEFAULT_GOALS, Goal, Limit
from spacegen.tune.record import Record
from spacegen.tune.report.content import content
from spacegen.tune.report.markup import element, html
from spacegen.tune.report.sections import comparison, failed, figures, provenance, subtitle
from spacegen.tune.report.trials import numbered
from spacegen.tune.summary.console import SIMULATED
from spacegen.tune.summary.summary import summarise

__all__ = ["report"]

_UNSAFE: Final = {ord(char): f"\\u{ord(char):04x}" for char in "<>&"}


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
    return _template("page.html").substitute(
        title=html(element("title", f"{'SIMULATED: ' if summary.simulated else ''}{name}")),
        heading=html(element("h1", name)),
        banner=html(banner) if summary.simulated else "",
        subtitle=html(subtitle(found)),
        figures=html(figures(found)),
        comparison=html(comparison(found)),
        failures=html(failed(found)),
        provenance=html(provenance(found)),
        style=_asset("page.css"),
        data=_embedded(found.data()),
        script="\n".join(map(_asset, ("table.js", "charts.js", "page.js"))),
        plotly=get_plotlyjs(),
    )


def _embedded(data: Any) -> str:
    """JSON that no text in it can end: half surrogates and line separators are escapes, and so is markup."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).translate(_UNSAFE)


@cache
def _asset(name: str) -> str:
    return (files("spacegen.tune.report") / "assets" / name).read_text(encoding="utf-8")


def _template(name: str) -> Template:
    return Template(_asset(name))
