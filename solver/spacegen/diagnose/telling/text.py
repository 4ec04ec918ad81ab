"""A diagnosis as the text that people read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from spacegen.diagnose.advice.serving import duration
from spacegen.diagnose.diagnosis import Diagnosis
from spacegen.diagnose.finding import Finding, Severity
from spacegen.diagnose.launch import Fact, Figure, Launch, Line
from spacegen.diagnose.telling.curves import curves, span
from spacegen.diagnose.telling.flags import changes, flag, shown, spelled
from spacegen.diagnose.telling.identity import as_given_line, command_of, server_of
from spacegen.diagnose.telling.sparks import spark
from spacegen.errors import how_many
from spacegen.servers.attention_groups import groups_of

if TYPE_CHECKING:
    from spacegen.diagnose.narrowing.narrowing import Narrowing

__all__ = [
    "SIMULATED",
    "body",
    "curve_rows",
    "finding_lines",
    "head",
    "in_words",
    "limit_row",
    "memory_row",
    "period",
    "verdict",
]

SIMULATED: Final = "SIMULATED: the server is a simulated one; nothing here is about hardware."

_QUOTED: Final = 200
_OTHERS: Final = 3
"""Of the edits that one finding makes in several launches, so many more are told."""
_MANY: Final = 8
"""More launches are counted, not listed."""
_MEMORY: Final = {
    Fact.BEFORE_LOADING: "GB free at first",
    Fact.WEIGHTS: "GB of weights",
    Fact.POOL: "GB of KV pool",
    Fact.GRAPHS: "GB of graphs",
    Fact.LEFT: "GB left when ready",
}
_LIMITS: Final = {
    Fact.POOL_TOKENS: "tokens in the pool",
    Fact.CHUNK: "chunk",
    Fact.MOST_RUNNING: "most running",
    Fact.LARGEST_GRAPH: "largest graph",
    Fact.CONTEXT: "context",
    Fact.LOADING_SECONDS: "loading (s)",
    Fact.CAPTURE_SECONDS: "capturing (s)",
}
_SHARED: Final = (Fact.CHUNK, Fact.MOST_RUNNING)
"""Of what attention data parallelism shares out, each rank says its own."""
_SECONDS: Final = (Fact.LOADING_SECONDS, Fact.CAPTURE_SECONDS)


def in_words(diagnosis: Diagnosis, narrowing: Narrowing | None = None) -> Iterator[str]:
    """The launches, the findings, the worst first, what to change for the next launch, and what is left of
    the space."""
    yield from head(diagnosis)
    yield from body(diagnosis, narrowing)


def head(diagnosis: Diagnosis) -> Iterator[str]:
    """The launches, and how many findings there are."""
    if diagnosis.simulated:
        yield SIMULATED
        yield ""
    if not diagnosis.launches:
        yield "no server output yet"
        return
    yield from _launches(diagnosis.launches)
    yield verdict(_worth_telling(diagnosis.findings))


def body(diagnosis: Diagnosis, narrowing: Narrowing | None = None) -> Iterator[str]:
    """The findings and what follows from them, each part after an empty line."""
    for alike in _alike(_worth_telling(diagnosis.findings)):
        yield ""
        yield from finding_lines(alike[-1], diagnosis, narrowing)
        if len(alike) > 1:
            yield f"  seen in {len(alike)} of {len(diagnosis.launches)} launches; the last is shown"
            yield from () if narrowing is None else _other_edits(alike, narrowing)
    for part in _parts(diagnosis, narrowing):
        if part:
            yield ""
            yield from part


def _parts(diagnosis: Diagnosis, narrowing: Narrowing | None) -> Iterator[list[str]]:
    """What to launch next, and what is left."""
    if narrowing is None:
        yield list(_next_lines(diagnosis))
        return
    from spacegen.diagnose.telling.narrowed import narrowing_lines, next_launch_lines

    yield list(next_launch_lines(narrowing))
    yield list(narrowing_lines(narrowing))


def _other_edits(alike: Sequence[Finding], narrowing: Narrowing) -> Iterator[str]:
    """What the same finding changes because of the launches before the last of them."""
    from spacegen.diagnose.telling.narrowed import edit_line

    known = [narrowing.edit_of(alike[-1])]
    for finding in reversed(alike[:-1]):
        edit = narrowing.edit_of(finding)
        if edit is not None and edit not in known:
            known.append(edit)
            if len(known) <= _OTHERS + 1:
                yield f"  {edit_line(finding, narrowing)}, as launch {finding.launch + 1} shows"
    if (more := len(known) - _OTHERS - 1) > 0:
        yield f"  and {how_many(more, 'other edit')} of it"


def _launches(launches: Sequence[Launch]) -> Iterator[str]:
    """A line for each, or where they are many one for all and that of the last."""
    if len(launches) <= _MANY:
        for launch in launches:
            yield from _launch(launch)
        return
    ends = Counter(map(_end, launches))
    counted = ", ".join(f"{count} {end}" for end, count in ends.most_common())
    folded = sum(launch.folded for launch in launches)
    out = f", of which {folded:,} in between are left out" if folded else ""
    yield f"{len(launches) + folded:,} launches{out}: {counted}; the last:"
    yield from _launch(launches[-1])


def _alike(findings: Iterable[Finding]) -> Iterable[list[Finding]]:
    """Findings of several launches that say the same, in the order of the first."""
    found: dict[tuple[str, Severity], list[Finding]] = {}
    for finding in findings:
        found.setdefault((finding.id, finding.severity), []).append(finding)
    return found.values()


def _next_lines(diagnosis: Diagnosis) -> Iterator[str]:
    if found := changes(diagnosis):
        yield "next launch:"
    for launch, move in found:
        was = f"  (was {shown(move.was)})" if move.was is not None else ""
        yield f"  {flag(launch, move.parameter, move.to)}{was}"


def _worth_telling(findings: Sequence[Finding]) -> list[Finding]:
    """All, unless something failed: then nobody asks what is fine."""
    failed = any(finding.severity is Severity.ERROR for finding in findings)
    return [one for one in findings if not failed or one.severity is not Severity.INFO or one.advice]


def verdict(findings: Iterable[Finding]) -> str:
    """How many findings of each severity, in a line."""
    counted = Counter(finding.severity for finding in findings)
    parts = [how_many(counted[one], one.word) for one in sorted(counted, key=lambda one: one.place)]
    return ", ".join(parts) or "no findings"


def _launch(launch: Launch) -> Iterator[str]:
    """Which server this was, where its log stands, and how far it came."""
    parts = [server_of(launch)]
    if model := launch.arguments.get("model_path"):
        parts.append(str(model))
    parts.append(how_many(launch.lines, "line"))
    parts.append(_end(launch))
    yield f"{', '.join(launch.files) or '<log>'}: {', '.join(parts)}"
    if (given := as_given_line(launch)) is not None:
        yield given


def _end(launch: Launch) -> str:
    """How it ended, or how far it came."""
    ended = launch.ended
    if ended is not None:
        return f"ended: {ended.kind} ({ended.phase})"
    return "ready" if launch.ready is not None else f"last seen: {launch.phase}"


def finding_lines(
    finding: Finding, diagnosis: Diagnosis, narrowing: Narrowing | None = None
) -> Iterator[str]:
    """A finding: what is seen, the lines that show it, what to do, and what that leaves of the space."""
    launch = diagnosis.launches[finding.launch]
    brief = finding.severity is Severity.INFO
    place = f", {_place(finding.evidence[0])}" if brief and finding.evidence else ""
    yield f"{finding.severity.word}: {finding.summary}  [{finding.id}, {finding.phase}{place}]"
    yield from () if brief else (f"  {_quoted(line)}" for line in finding.evidence)
    for sentence in finding.advice:
        yield f"  -> {spelled(launch, sentence)}"
    if command := command_of(finding, narrowing):
        yield f"  $ {command}"
    if narrowing is not None:
        from spacegen.diagnose.telling.narrowed import edit_line

        if (edit := edit_line(finding, narrowing)) is not None:
            yield f"  {edit}"


def _place(line: Line) -> str:
    return f"{line.file}:{line.number}"


def _quoted(line: Line) -> str:
    """A line of a log with its place."""
    text = line.text.strip()
    return f"{_place(line)}: {text if len(text) <= _QUOTED else text[: _QUOTED - 3] + '...'}"


def memory_row(launch: Launch) -> list[tuple[str, str]]:
    """What the server said of the memory of one GPU while it started, in GB: what, and how much."""
    return [(_MEMORY[fact], f"{figure.value:.2f}") for fact, figure in _said(launch, _MEMORY)]


def limit_row(launch: Launch) -> list[tuple[str, str]]:
    """Which limits it has, and how long its start took."""
    each = " of a rank" if groups_of(launch.arguments) > 1 else ""
    return [
        (
            _LIMITS[fact] + (each if fact in _SHARED else ""),
            f"{figure.value:,.4g}" if fact in _SECONDS else f"{figure.value:,.0f}",
        )
        for fact, figure in _said(launch, _LIMITS)
    ]


def _said(launch: Launch, facts: Iterable[Fact]) -> Iterator[tuple[Fact, Figure]]:
    return ((fact, figure) for fact in facts if (figure := launch.figures.get(fact)) is not None)


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
    return "over time" if seconds is None else f"in {duration(seconds)}"


def _figures(value: float) -> str:
    """A number with as many digits as a glance takes in."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
