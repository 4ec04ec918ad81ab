"""What the page of a diagnosis says in tables, readable without its script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from xml.etree.ElementTree import Element

import numpy as np

from spacegen.diagnose.finding import Finding, Move
from spacegen.diagnose.launch import Fact, Launch, Line
from spacegen.diagnose.narrowing.narrowing import Narrowing
from spacegen.diagnose.reading.text import SHOWN
from spacegen.diagnose.series import Column
from spacegen.diagnose.telling.flags import flag, shown, spelled
from spacegen.diagnose.telling.identity import command_of, run_as, server_of
from spacegen.diagnose.telling.narrowed import edit_line, narrowing_lines, next_flags, next_heading
from spacegen.tune.report.markup import Node, element, table

__all__ = ["arguments", "findings_table", "launches_table", "name_of", "space_parts"]

_FACTS: Final = {
    Fact.WEIGHTS: "weights GB",
    Fact.POOL: "KV GB",
    Fact.POOL_TOKENS: "KV tokens",
    Fact.GRAPHS: "graphs GB",
    Fact.LEFT: "left GB",
}
_MEANS: Final = {
    "tokens/s": Column.RATE,
    "running": Column.RUNNING,
    "queue": Column.QUEUE,
    "token usage": Column.USAGE,
}


def name_of(launches: Sequence[Launch], number: int) -> str:
    """What a launch is called: its file, and which of those in it."""
    files = launches[number].files
    same = [i for i, launch in enumerate(launches) if launch.files == files]
    which = f" ({same.index(number) + 1} of {len(same)})" if len(same) > 1 else ""
    return f"{', '.join(files) or 'log'}{which}"


def findings_table(
    launches: Sequence[Launch], findings: Sequence[Finding], narrowing: Narrowing | None = None
) -> Element:
    """All findings with the lines that show them, what to do, and what that leaves of the space."""
    if not findings:
        return element("p", "No findings.", class_="none")
    headers = ["what", "phase", *(["launch"] if len(launches) > 1 else []), "seen", "what to do"]
    rows = (_finding(launches, finding, narrowing) for finding in findings)
    found = table("Findings", headers, rows, class_="findings")
    for number, (row, finding) in enumerate(zip(found.findall(".//tbody/tr"), findings, strict=True)):
        row.set("id", f"finding-{number}")
        row.set("data-launch", str(finding.launch))
    return found


def _finding(launches: Sequence[Launch], finding: Finding, narrowing: Narrowing | None) -> Iterator[Node]:
    launch = launches[finding.launch]
    badge = element("span", finding.severity.word, class_=f"badge {finding.severity}")
    yield element("span", badge, element("code", finding.id, class_="note"))
    yield str(finding.phase)
    if len(launches) > 1:
        yield _pick(name_of(launches, finding.launch), finding.launch)
    evidence = element("pre", "\n".join(map(_quoted, finding.evidence)), tabindex="0")
    yield element(
        "div",
        element("p", *_marked(spelled(launch, finding.summary))),
        evidence if finding.evidence else None,
    )
    edit = None if narrowing is None else edit_line(finding, narrowing)
    yield element(
        "div",
        *_ways(launch, finding, narrowing),
        None if edit is None else element("p", *_marked(edit), class_="edit"),
    )


def _ways(launch: Launch, finding: Finding, narrowing: Narrowing | None) -> Iterator[Element]:
    """The ways out as flags, the best first, and of the advice what is not said by them."""
    moves = [move for move in finding.moves if move.to is not None]
    if moves:
        also = [part for move in finding.also for part in (", with ", *_way(launch, move))]
        yield element(
            "ol",
            *(element("li", *_way(launch, move), *(() if n else also)) for n, move in enumerate(moves)),
            class_="ways",
        )
    rest = (said for action, said in zip(finding.actions, finding.advice, strict=True) if action not in moves)
    yield from (element("p", *_marked(spelled(launch, sentence))) for sentence in rest)
    if command := command_of(finding, narrowing):
        yield element("pre", command, tabindex="0")


def _way(launch: Launch, move: Move) -> Iterator[Node]:
    was = f" (was {shown(move.was)})" if move.was is not None else ""
    yield element("code", flag(launch, move.parameter, move.to))
    yield f"{was}{f': {move.because}' if move.because else ''}"


def space_parts(narrowing: Narrowing) -> Iterator[Element]:
    """The solution to launch next, windows that are missing, and how much of the space is left."""
    if flags := next_flags(narrowing):
        items = (element("li", element("code", words), f" {was}") for words, was in flags)
        yield element("p", *_marked(f"{next_heading(narrowing)}:"))
        yield element("ul", *items, class_="ways")
    yield from (element("p", *_marked(line)) for line in narrowing_lines(narrowing))


def _marked(sentence: str) -> Iterator[Node]:
    """What stands in backticks as code."""
    for number, part in enumerate(sentence.split("`")):
        yield element("code", part) if number % 2 else part


def _quoted(line: Line) -> str:
    cut = " …" if len(line.text) >= SHOWN else ""
    return f"{line.file}:{line.number}: {line.text.strip()}{cut}"


def _pick(words: str, number: int) -> Element:
    return element("a", words, href="#timeline", data_pick=str(number), class_="pick")


def launches_table(launches: Sequence[Launch], findings: Sequence[Finding]) -> Element:
    """Each launch in a line: how far it came, where memory went, what it did on average."""
    counts = [sum(one.launch == number for one in findings) for number in range(len(launches))]
    headers = ["launch", "server", "reached", *_FACTS.values(), *_MEANS, "retractions", "findings"]
    rows = (_launch(launches, number, counts[number]) for number in range(len(launches)))
    return table("Launches", headers, rows, class_="launches")


def _launch(launches: Sequence[Launch], number: int, findings: int) -> Iterator[Node]:
    launch = launches[number]
    yield _pick(name_of(launches, number), number)
    yield server_of(launch) if launch.server or launch.version else "–"
    ended = launch.ended
    yield f"{launch.phase}: {ended.kind}" if ended is not None else str(launch.phase)
    for fact in _FACTS:
        value = launch.figure(fact)
        yield "–" if value is None else f"{value:,.0f}" if fact is Fact.POOL_TOKENS else f"{value:.2f}"
    yield from _averages(launch)
    yield findings


def _averages(launch: Launch) -> Iterator[str]:
    series = launch.series
    for column in _MEANS.values():
        value = series.means(column, [0])[0] if len(series) else np.nan
        yield "–" if np.isnan(value) else _number(value)
    yield f"{series.column(Column.RETRACTIONS).sum():,.0f}"


def _number(value: float) -> str:
    """Four digits that matter, and no exponent."""
    return np.format_float_positional(float(f"{value:.4g}"), trim="-")


def arguments(launch: Launch, number: int) -> Element:
    """What the server ran with, folded."""
    rows = [[name, run_as(launch, name)] for name in launch.arguments]
    if not rows:
        text = element("p", "The log does not say what the server ran with.", class_="none")
        return element("div", text, data_of=str(number))
    facts = table("Arguments", ["argument", "value"], rows, class_="facts")
    summary = element("summary", f"{len(rows)} arguments that the server ran with")
    return element("details", summary, facts, data_of=str(number))
