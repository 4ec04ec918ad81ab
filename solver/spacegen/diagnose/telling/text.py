"""A diagnosis as the text that people read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from spacegen.diagnose.diagnosis import Diagnosis
from spacegen.diagnose.finding import Finding, Severity
from spacegen.diagnose.launch import Fact, Launch, Line
from spacegen.diagnose.telling.curves import curves, span
from spacegen.diagnose.telling.flags import changes, flag, shown, spelled
from spacegen.diagnose.telling.sparks import spark
from spacegen.errors import how_many

__all__ = ["SIMULATED", "curve_rows", "figure_rows", "finding_lines", "in_words", "period"]

SIMULATED: Final = "SIMULATED: the server is a simulated one; nothing here is about hardware."

_QUOTED: Final = 200
_SECONDS: Final = (Fact.LOADING_SECONDS, Fact.CAPTURE_SECONDS)
_COUNTS: Final = (Fact.POOL_TOKENS, Fact.LARGEST_GRAPH, Fact.CHUNK, Fact.MOST_RUNNING, Fact.CONTEXT)
_WORDS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def in_words(diagnosis: Diagnosis) -> Iterator[str]:
    """The launches, the findings, the worst first, and what to change for the next launch."""
    if diagnosis.simulated:
        yield SIMULATED
        yield ""
    for launch in diagnosis.launches:
        yield _launch(launch)
    yield _verdict(diagnosis)
    for finding in diagnosis.findings:
        yield ""
        yield from finding_lines(finding, diagnosis)
    if found := changes(diagnosis):
        yield ""
        yield "next launch:"
    for launch, move in found:
        was = f"  (was {shown(move.was)})" if move.was is not None else ""
        yield f"  {flag(launch, move.parameter, move.to)}{was}"


def _verdict(diagnosis: Diagnosis) -> str:
    """How many findings of each severity, in a line."""
    counted = Counter(finding.severity for finding in diagnosis.findings)
    parts = [how_many(counted[one], _WORDS[one]) for one in reversed(Severity) if counted[one]]
    return ", ".join(parts) or "nothing to say"


def _launch(launch: Launch) -> str:
    """Which server this was, where its log stands, and how far it came."""
    parts = [f"{launch.server or 'server'}{f' {launch.version}' if launch.version else ''}"]
    if model := launch.arguments.get("model_path"):
        parts.append(str(model))
    parts.append(how_many(launch.lines, "line"))
    ended = next((trouble for trouble in launch.troubles if trouble.fatal), None)
    if ended is not None:
        parts.append(f"ended: {ended.kind} ({ended.phase})")
    else:
        parts.append("ready" if launch.ready is not None else f"last seen: {launch.phase}")
    return f"{', '.join(launch.files) or '<log>'}: {', '.join(parts)}"


def finding_lines(finding: Finding, diagnosis: Diagnosis) -> Iterator[str]:
    """A finding: what is seen, the lines that show it, what to do."""
    launch = diagnosis.launches[finding.launch]
    yield f"{_WORDS[finding.severity]}: {finding.summary}  [{finding.id}, {finding.phase}]"
    yield from (f"  {_quoted(line)}" for line in finding.evidence)
    for sentence in finding.advice:
        yield f"  -> {spelled(launch, sentence)}"
    if finding.command:
        yield f"  $ {finding.command}"


def _quoted(line: Line) -> str:
    """A line of a log with its place."""
    text = line.text.strip()
    return f"{line.file}:{line.number}: {text if len(text) <= _QUOTED else text[: _QUOTED - 1] + '…'}"


def figure_rows(launch: Launch) -> list[tuple[str, str, str]]:
    """What the server said of itself while it started: what, how much, and where."""
    return [
        (str(fact), _amount(fact, figure.value), f"{figure.line.file}:{figure.line.number}")
        for fact in Fact
        if (figure := launch.figures.get(fact)) is not None
    ]


def _amount(fact: Fact, value: float) -> str:
    if fact in _SECONDS:
        return f"{value:,.1f}"
    return f"{value:,.0f}" if fact in _COUNTS else f"{value:.2f} GB"


def curve_rows(launch: Launch, width: int, blocks: str) -> list[tuple[str, str, str, str]]:
    """What it did over time: what, its curve, and its median and its peak, or its total."""
    return [
        (
            curve.name,
            spark(curve.values, blocks, top=curve.top),
            f"{curve.total:,.0f} in all" if curve.middle is None else _figures(curve.middle),
            "" if curve.peak is None else _figures(curve.peak),
        )
        for curve in curves(launch.series, width)
    ]


def period(launch: Launch) -> str:
    """How long it served, as a heading."""
    seconds = span(launch.series)
    return "over time" if seconds is None else f"in {_duration(seconds)}"


def _figures(value: float) -> str:
    """A number with as many digits as a glance takes in."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else str(timedelta(seconds=round(seconds)))
