"""The page of a diagnosis in a real browser: nothing goes wrong, nothing leaves, and everything answers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from browser import browser
from spacegen.diagnose.diagnosis import Diagnosis, examine
from spacegen.diagnose.finding import Finding, Move, Severity
from spacegen.diagnose.launch import Fact, Figure, Launch, Line, Phase, Trouble, TroubleKind
from spacegen.diagnose.readers import Reader
from spacegen.diagnose.series import Column, Series
from spacegen.diagnose.telling.page import page
from spacegen.diagnose.telling.timeline import timeline
from tests.server_logs import NEW, OLD, log

NASTY = "</script><img src=x onerror=alert(1)> & $title ${body} \udcff"
START = 1754932623000
"""2025-08-11 17:17:03, the first line of all logs."""


def _launch(version: str, story: str, name: str, decodes: int = 90) -> Launch:
    reader = Reader(name)
    reader.take("".join(log(version, story, decodes=decodes)).encode())
    reader.close()
    (found,) = reader.launches
    return found


@pytest.fixture(scope="module")
def diagnosis() -> Diagnosis:
    return examine(
        (
            _launch(OLD, "conservative", "first.log"),
            _launch(NEW, "retracting", "second.log"),
            _launch(OLD, "prefill-oom", "third.log"),
        )
    )


def _nasty() -> tuple[Launch, Finding]:
    line = Line(file=NASTY, number=1, text=NASTY)
    launch = Launch(files=(NASTY,), arguments={"chat_template": NASTY, "api_key": "hush"}, simulated=True)
    move = Move(parameter="schedule_policy", to=NASTY, because=NASTY)
    finding = Finding(
        id="nasty",
        phase=Phase.SERVING,
        severity=Severity.WARNING,
        summary=NASTY,
        evidence=(line,),
        actions=(NASTY,),
        command=NASTY,
        moves=(move,),
    )
    return launch, finding


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as found:
        yield found


class Opened:
    """A page, what it asked for and what it complained about."""

    def __init__(self, chromium: Any, folder: Path, text: str, **context: Any) -> None:
        path = folder / "page.html"
        path.write_text(text, encoding="utf-8")
        self.page = chromium.new_context(viewport={"width": 1400, "height": 1000}, **context).new_page()
        self.outside: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self._asked(path.as_uri(), request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: self.complaints.append(said.text))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-ready]", timeout=60_000)

    def _asked(self, own: str, url: str) -> None:
        if url != own and not url.startswith(("data:", "blob:")):
            self.outside.append(url)

    def titles(self) -> list[str]:
        found: list[str] = self.page.evaluate(
            "Object.entries(document.getElementById('timeline').layout)"
            ".filter(([k]) => k.startsWith('yaxis')).map(([, a]) => a.title?.text ?? '')"
        )
        return found


@pytest.fixture(scope="module")
def opened(chromium: Any, diagnosis: Diagnosis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    text = page(diagnosis.launches, diagnosis.findings, title="Three logs")
    found = Opened(chromium, tmp_path_factory.mktemp("page"), text)
    yield found
    found.page.context.close()


def test_nothing_is_asked_of_anybody_and_nothing_goes_wrong(opened: Opened) -> None:
    assert opened.page.title() == "Three logs"
    for chart in ("timeline", "memory"):
        assert opened.page.locator(f"#{chart} .main-svg").count() > 0, chart
    assert (opened.outside, opened.complaints) == ([], [])


def test_the_worst_launch_is_seen_first_and_others_can_be_chosen(opened: Opened) -> None:
    assert opened.page.input_value("#launch") == "2"
    assert opened.titles() == ["", "tokens/s", "running", "queue", "token usage"]
    opened.page.select_option("#launch", "1")
    assert opened.titles()[-1] == "retractions<br>a minute"
    assert opened.page.locator("#arguments > :visible").get_attribute("data-of") == "1"
    opened.page.click(".launches tbody tr:nth-child(1) a")
    assert opened.page.input_value("#launch") == "0"
    assert opened.page.get_attribute(".launches tbody tr:nth-child(1)", "class") == "chosen"
    assert opened.complaints == []


def test_findings_are_marked_where_they_happened(opened: Opened) -> None:
    opened.page.select_option("#launch", "2")
    marks = opened.page.evaluate(
        "document.getElementById('timeline').data.find(t => t.name === 'findings').customdata"
    )
    opened.page.evaluate(
        "row => document.getElementById('timeline').emit('plotly_click', {points: [{customdata: row}]})",
        marks[0],
    )
    chosen = opened.page.locator(".findings tr.chosen")
    assert chosen.get_attribute("id") == f"finding-{marks[0]}"
    assert "out-of-memory-prefill" in chosen.inner_text()
    assert "--chunked-prefill-size 4096" in chosen.inner_text()
    assert "third.log:" in chosen.inner_text()


def test_light_dark_and_paper(opened: Opened) -> None:
    opened.page.click("#theme")
    assert opened.page.get_attribute("html", "data-theme") == "dark"
    opened.page.emulate_media(media="print")
    opened.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert opened.page.get_attribute("html", "data-theme") == "light"
    assert opened.page.locator("#arguments table:visible").count() == 1
    opened.page.emulate_media(media="screen")
    assert opened.complaints == []


def test_what_looks_like_markup_is_text(chromium: Any, tmp_path: Path) -> None:
    launch, finding = _nasty()
    found = Opened(chromium, tmp_path, page((launch,), (finding,)), color_scheme="dark")
    assert found.complaints == []
    assert found.page.title() == "SIMULATED: Diagnosis"
    assert found.page.locator("img").count() == 0
    shown = found.page.inner_text(".findings")
    assert shown.count("<img src=x") == 7
    assert found.page.locator(".simulated").count() == 1
    assert "hush" not in found.page.content()
    assert found.page.inner_text("#memory") == "The log does not say what memory went to."
    found.page.context.close()


def test_what_to_do_is_whole_and_on_small_screens_in_sight(chromium: Any, tmp_path: Path) -> None:
    small = _launch(OLD, "no-graph", "small.log")
    left = small.figures[Fact.LEFT].model_copy(update={"value": 6.0})
    small = small.model_copy(update={"figures": {**small.figures, Fact.LEFT: left}})
    made = examine((small, _launch(OLD, "no-pool", "none.log")))
    found = Opened(chromium, tmp_path, page(made.launches, made.findings))
    row = found.page.locator(".findings tbody tr", has_text="graphs-too-small")
    assert "--cuda-graph-max-bs 384 (was 160)" in row.locator("li").inner_text()
    assert "with --mem-fraction-static 0.87" in row.locator("li").inner_text()
    assert "larger graphs take about 1.39 GB more" in row.locator("td").last.inner_text()
    assert row.locator("td").last.inner_text().count("raise") == 0
    assert "455,958" in found.page.inner_text(".launches")
    found.page.set_viewport_size({"width": 400, "height": 900})
    box = row.locator("li").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 400
    # Of a launch that never served the phases have all the room.
    assert found.page.input_value("#launch") == "1"
    assert found.page.evaluate("document.getElementById('timeline').layout.yaxis.domain") == [0, 1]
    assert found.complaints == []
    found.page.context.close()


def test_a_page_of_nothing(chromium: Any, tmp_path: Path) -> None:
    found = Opened(chromium, tmp_path, page((), ()))
    assert found.complaints == []
    assert found.page.inner_text("#timeline") == "There is no launch."
    found.page.context.close()


def test_of_many_launches_the_bars_around_the_chosen_one_are_drawn(chromium: Any, tmp_path: Path) -> None:
    weights = Figure(value=15.0, line=Line(file="server.log", number=1, text=""))
    launches = [Launch(files=(f"{i}.log",), figures={Fact.WEIGHTS: weights}) for i in range(70)]
    found = Opened(chromium, tmp_path, page(launches, ()))
    for chosen, first in ((0, 0), (30, 15), (69, 40)):
        found.page.select_option("#launch", str(chosen))
        drawn = found.page.evaluate("document.getElementById('memory').data[0].y")
        assert drawn == list(range(first, first + 30))
    assert found.complaints == []
    found.page.context.close()


def test_the_same_input_gives_the_same_page(diagnosis: Diagnosis) -> None:
    assert page(diagnosis.launches, diagnosis.findings) == page(diagnosis.launches, diagnosis.findings)


def test_phases_follow_each_other_to_the_end_of_the_log(diagnosis: Diagnosis) -> None:
    found = timeline(diagnosis.launches[0], ())
    phases = found["phases"]
    assert [one["phase"] for one in phases] == ["weights", "KV pool", "graph capture", "warm-up", "serving"]
    assert phases[0]["from"] == START
    assert all(one["to"] == then["from"] for one, then in pairwise(phases))
    assert phases[-1]["to"] == found["start"] + found["width"] * len(found["columns"]["rate"])


def test_the_time_at_full_load_is_told(diagnosis: Diagnosis) -> None:
    found = timeline(diagnosis.launches[0], ())
    ((first, last),) = found["steady"]
    end = found["start"] + found["width"] * len(found["columns"]["rate"])
    assert found["start"] < first < last < end
    assert last - first > 0.8 * 90 * 2000, "90 lines of decoding at full load, one in two seconds"


def _finding(number: int, text: str) -> Finding:
    line = Line(file="server.log", number=number, text=text)
    return Finding(id="x", phase=Phase.SERVING, severity=Severity.ERROR, summary="", evidence=(line,))


def _served(**more: Any) -> Launch:
    told = {"series": Series(start=1000.0, width=10.0, columns={Column.DECODES: (1.0,) * 10}), "lines": 100}
    return Launch(files=("server.log",), **{**told, **more})


def _at(launch: Launch, finding: Finding) -> float | None:
    found = timeline(launch, ((0, finding),))["findings"]
    return found[0]["at"] if found else None


def test_a_line_without_a_time_is_placed_by_its_number() -> None:
    assert _at(_served(), _finding(50, "[1970-01-01 00:17:00] torn")) == 1_020_000
    assert _at(_served(), _finding(1, "no time")) == 1_000_000
    assert _at(_served(), _finding(100, "no time")) == 1_100_000
    ready = Line(file="server.log", number=40, text="[1970-01-01 00:16:40] ready")
    last = Line(file="server.log", number=90, text="torch.OutOfMemoryError")
    died = Trouble(kind=TroubleKind.OUT_OF_MEMORY, phase=Phase.SERVING, lines=(last,), fatal=True)
    assert _at(_served(ready=ready, troubles=(died,)), _finding(90, last.text)) == 1_100_000
    assert _at(_served(ready=ready, troubles=(died,)), _finding(65, "between")) == 1_050_000
    untimed = Series(timed=False, width=2.0, columns={Column.DECODES: (1.0,) * 10})
    assert _at(_served(series=untimed), _finding(100, "[1970-01-01 00:17:00] stamped")) == 20.0
    assert _at(Launch(), _finding(1, "no time")) is None


def test_what_ranks_do_adds_up_and_intervals_without_lines_are_gaps() -> None:
    columns = {
        Column.DECODES: (2.0, 0.0, 1.0),
        Column.RUNNING: (10.0, 0.0, 6.0),
        Column.USAGE: (1.8, 0.0, 0.6),
        Column.RETRACTIONS: (3.0, 0.0, 1.0),
    }
    found = timeline(_served(series=Series(width=30.0, ranks=2, columns=columns)), ())
    assert found["columns"]["running"] == [10.0, None, 12.0]
    assert found["columns"]["usage"] == [0.9, None, 0.6]
    assert found["retractions"] == {"joined": 2, "values": [3.0, 1.0]}


def test_memory_that_nobody_names_is_other() -> None:
    line = Line(file="server.log", number=1, text="")
    said = {Fact.BEFORE_LOADING: 78.5, Fact.WEIGHTS: 15.0, Fact.POOL: 55.0, Fact.LEFT: 6.5}
    launch = Launch(figures={fact: Figure(value=value, line=line) for fact, value in said.items()})
    assert timeline(launch, ())["memory"] == {
        "weights": 15.0,
        "KV pool": 55.0,
        "available when ready": 6.5,
        "other": 2.0,
    }
