"""The page of a report in a real browser: nothing goes wrong, nothing leaves, and everything answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from browser import browser
from records import NASTY, record, study
from spacegen.tune.metrics import DEFAULT_GOALS, Goal, read_limit
from spacegen.tune.outcome import Outcome
from spacegen.tune.record import Record
from spacegen.tune.report.page import report

CHARTS = ("front", "history", "importances", "slices", "parallel")


@dataclass
class Opened:
    """A page, what it asked for and what it complained about."""

    page: Any
    url: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def rows(self) -> list[list[str]]:
        found: list[list[str]] = self.page.evaluate(
            "[...document.querySelectorAll('#trials tbody tr')].map(r => [...r.cells].map(c => c.innerText))"
        )
        return found

    def column(self, name: str) -> list[str]:
        names = self.page.evaluate("[...document.querySelectorAll('#trials thead th')].map(c => c.innerText)")
        place = next(i for i, known in enumerate(names) if known.split()[0] == name)
        return [row[place] for row in self.rows()]


def _records() -> list[Record]:
    nasty = record(
        59,
        {"chat_template": NASTY, "tp_size": 2},
        Outcome(metrics={"ttft": 1e-4, "tps": 50.0}, command=("x", NASTY)),
    )
    return [*study(58), nasty]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as found:
        yield found


def _open(chromium: Any, folder: Path, text: str, **context: Any) -> Opened:
    path = folder / "report.html"
    path.write_text(text, encoding="utf-8")
    page = chromium.new_context(viewport={"width": 1400, "height": 1000}, **context).new_page()
    opened = Opened(page, path.as_uri())
    page.on("request", lambda request: opened.requests.append(request.url))
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.on("console", lambda said: opened.complaints.append(said.text) if said.type == "error" else None)
    page.goto(opened.url)
    page.wait_for_selector("html[data-ready]", timeout=60_000)
    return opened


@pytest.fixture(scope="module")
def opened(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    text = report(_records(), limits=[read_limit("p99_ttft_ms<=350")])
    found = _open(chromium, tmp_path_factory.mktemp("page"), text)
    yield found
    found.page.context.close()


def test_nothing_is_asked_of_anybody_and_nothing_goes_wrong(opened: Opened) -> None:
    for chart in CHARTS:
        assert opened.page.locator(f"#{chart} .main-svg, #{chart} .parcoords").count() > 0, chart
    outside = [url for url in opened.requests if url != opened.url and not url.startswith(("data:", "blob:"))]
    assert outside == []
    assert opened.complaints == []
    # Were something to ask all the same, the page would not let it.
    refused = "() => fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')"
    assert opened.page.evaluate(refused) == "refused"
    opened.complaints.clear()


def _point(opened: Opened, number: int) -> tuple[float, float]:
    """Where the front's chart shows a trial."""
    x, y = opened.page.evaluate(
        """number => {
          const chart = document.getElementById("front");
          chart.scrollIntoView();
          const box = chart.getBoundingClientRect();
          const rows = JSON.parse(document.getElementById("data").textContent).trials;
          for (const trace of chart.calcdata) for (const point of trace) {
            if (rows[trace[0].trace.customdata[point.i]].number !== number) continue;
            const { xaxis, yaxis } = chart._fullLayout;
            return [box.x + xaxis._offset + xaxis.c2p(point.x), box.y + yaxis._offset + yaxis.c2p(point.y)];
          }
        }""",
        number,
    )
    return x, y


def test_hovering_shows_the_config_and_a_click_its_command(opened: Opened) -> None:
    opened.page.mouse.move(*_point(opened, 59))
    opened.page.wait_for_selector("#front .hovertext")
    shown = opened.page.text_content("#front .hoverlayer")
    assert "trial 59" in shown
    assert "tp_size: 1 → 2" in shown
    # What looks like markup is text, here and in the panel.
    assert '"</script><img src=x' in shown
    opened.page.mouse.click(*_point(opened, 59))
    opened.page.wait_for_selector("#details h3:has-text('Trial 59')")
    assert opened.page.locator("#details img").count() == 0
    assert NASTY in opened.page.text_content("#details .command pre")


def test_the_launch_command_is_copied(opened: Opened) -> None:
    opened.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened.page.click("#trials tbody tr[data-row='3'] button")
    opened.page.click("#details .command button")
    opened.page.wait_for_selector("#details button:has-text('Copied')")
    command = opened.page.text_content("#details .command pre")
    assert "sglang.launch_server" in command
    assert opened.page.evaluate("navigator.clipboard.readText()") == command


def test_without_a_clipboard_it_is_copied_the_old_way(opened: Opened) -> None:
    opened.page.evaluate(
        """() => {
          Object.defineProperty(navigator, "clipboard", { value: undefined, configurable: true });
          document.addEventListener("copy", () => { window.copied = document.activeElement.value; });
        }"""
    )
    opened.page.click("#trials tbody tr[data-row='4'] button")
    opened.page.click("#details .command button")
    opened.page.wait_for_selector("#details button:has-text('Copied')")
    assert opened.page.evaluate("window.copied") == opened.page.text_content("#details .command pre")


def test_the_table_is_filtered_and_sorted(opened: Opened) -> None:
    everything = len(opened.rows())
    opened.page.fill("#filter", "tp_size=2 ttft<0.06")
    assert 0 < len(opened.rows()) < everything
    assert set(opened.column("tp_size")) == {"2"}
    opened.page.click("#trials thead button:has-text('ttft') >> nth=0")
    rising = [float(text) for text in opened.column("ttft")]
    assert rising == sorted(rising)
    assert max(rising) < 0.06
    opened.page.click("#trials thead button:has-text('ttft') >> nth=0")
    assert [float(text) for text in opened.column("ttft")] == rising[::-1]
    opened.page.fill("#filter", "GiB")
    assert set(opened.column("state")) == {"failed"}
    opened.page.fill("#filter", "")
    opened.page.select_option("#state", "failed")
    assert len(opened.rows()) == 9
    opened.page.select_option("#state", "")
    assert len(opened.rows()) == everything == 59
    assert opened.complaints == []


def test_controls_draw_anew(opened: Opened) -> None:
    opened.page.select_option("#front-x", "p99_ttft_ms")
    assert "p99_ttft_ms" in opened.page.text_content("#front .xtitle")
    opened.page.select_option("#slices-parameter", "attention_backend")
    assert "fa3" in opened.page.text_content("#slices .xaxislayer-above")
    opened.page.click("#theme")
    opened.page.emulate_media(media="print")
    opened.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert opened.page.locator("#filter").is_hidden()
    assert opened.page.get_attribute("html", "data-theme") == "light"
    assert opened.complaints == []


@pytest.mark.parametrize(
    ("number", "goals"),
    [(0, DEFAULT_GOALS), (3, DEFAULT_GOALS[:1]), (210, (*DEFAULT_GOALS, Goal("p99_ttft_ms", "minimize")))],
)
def test_few_and_many_trials_of_any_goals_in_the_dark(
    chromium: Any, tmp_path: Path, number: int, goals: tuple[Goal, ...]
) -> None:
    opened = _open(chromium, tmp_path, report(study(number), goals), color_scheme="dark")
    assert opened.page.get_attribute("html", "data-theme") == "dark"
    assert len(opened.rows()) == min(number, 200)
    if number > 200:
        opened.page.click("#more")
        assert len(opened.rows()) == number
    assert opened.complaints == []
    opened.page.context.close()
