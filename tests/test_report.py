"""What a report says: the page as text, and its parts as values."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from records import NASTY, PROVENANCE, record, study
from spacegen.tune.front import hypervolume
from spacegen.tune.metrics import DEFAULT_GOALS, Goal, read_limit
from spacegen.tune.outcome import Cause, Outcome
from spacegen.tune.record import Record
from spacegen.tune.report.content import Content, content
from spacegen.tune.report.history import history
from spacegen.tune.report.importances import FEWEST
from spacegen.tune.report.page import report
from spacegen.tune.report.trials import State, numbered
from spacegen.tune.summary.summary import summarise

LIMIT = read_limit("p99_ttft_ms<=350")


def _content(records: list[Record], *limits: Any, goals: Any = DEFAULT_GOALS) -> Content:
    known = numbered(records)
    return content(known, summarise(known, goals, limits))


def _data(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def _ok(trial: int | None, ttft: float, tps: float, **config: Any) -> Record:
    return record(trial, config, Outcome(metrics={"ttft": ttft, "tps": tps}))


def test_the_same_records_are_the_same_page() -> None:
    assert report(study(40), limits=[LIMIT]) == report(study(40), limits=[LIMIT])


def test_a_page_has_one_copy_of_its_library_and_no_address_of_its_own() -> None:
    page = report(study(10))
    own, _, rest = page.partition("<script>")
    library, _, after = rest.partition("</script>")
    assert "plotly.js v" in library[:2000]
    assert "plotly.js v" not in own + after
    assert re.findall(r"https?:|//\w+\.\w+/|@import|url\(", own + after) == []
    assert "default-src 'none'" in own


def test_nothing_in_a_record_is_markup() -> None:
    nasty = record(
        0,
        {"chat_template": NASTY, NASTY: True},
        Outcome.failed(Cause.CRASH, NASTY, log_tail=[NASTY, "\x00\x1b[31m"], log=NASTY, command=(NASTY,)),
        study=NASTY,
        provenance=PROVENANCE.model_copy(update={"space": NASTY}),
    )
    page = report([nasty, _ok(1, 0.1, 10.0, chat_template="\ud800")], title=NASTY)
    # One each for the data, the library and the script.
    assert page.count("</script>") == 3
    assert "<img" not in page
    assert "\x00" not in page
    page.encode("utf-8")
    (one, _) = _data(page)["trials"]
    assert one["message"] == NASTY
    assert one["tail"].startswith(NASTY)


def test_how_trials_stand() -> None:
    records = [
        _ok(0, 0.5, 100.0),
        _ok(1, 0.2, 200.0),
        _ok(2, 0.4, 50.0),
        record(3, {}, Outcome.failed(Cause.TIMEOUT, "late")),
        record(4, {}, Outcome(metrics={"ttft": 0.1})),
        _ok(5, 0.9, 900.0),
    ]
    found = _content(records, read_limit("ttft<=0.6"))
    assert [trial.state for trial in found.trials] == [
        State.MEASURED,
        State.FRONT,
        State.MEASURED,
        State.FAILED,
        State.LACKING,
        State.MISSED,
    ]


def test_records_of_a_run_are_numbered_by_their_config() -> None:
    again = _ok(None, 0.3, 90.0, a=1).model_copy(update={"again": 1})
    records = [_ok(None, 0.2, 100.0, a=1), _ok(None, 0.3, 100.0, a=True), again]
    assert [one.trial for one in numbered(records)] == [0, 1, 0]


def test_values_stand_in_their_order_as_yaml_spells_them() -> None:
    values = [10, None, "true", True, 2, 2.0, "null", False]
    records = [_ok(i, 0.1, 1.0, x=value) for i, value in enumerate(values)]
    records.append(_ok(len(values), 0.1, 1.0, y=1))
    (x, y) = _content(records).columns
    assert x.labels == ("(not given)", "null", "false", "true", "2", "10", '"null"', '"true"')
    assert [x.label(i) for i in range(3)] == ["10", "null", '"true"']
    assert y.labels == ("(not given)", "1")


def test_the_hypervolume_grows_to_that_of_the_front() -> None:
    found = _content(study(60), LIMIT)
    volumes = found.history.volumes
    assert list(volumes) == sorted(volumes)
    kept = [t for t in found.trials if t.state in (State.FRONT, State.MEASURED)]
    points = [point for t in kept if (point := t.point(DEFAULT_GOALS)) is not None]
    low, high = map(min, zip(*points, strict=True)), map(max, zip(*points, strict=True))
    scales = list(zip(low, high, strict=True))
    scaled = [[(v - a) / (b - a) for v, (a, b) in zip(p, scales, strict=True)] for p in points]
    assert volumes[-1] == pytest.approx(hypervolume(scaled, [1.0, 1.0]), abs=1e-6)


def test_what_is_infinite_or_alike_has_no_volume_to_speak_of() -> None:
    records = [_ok(0, float("inf"), 5.0), _ok(1, 0.5, 5.0), _ok(2, 0.5, 5.0)]
    found = _content(records)
    assert history(found.trials, DEFAULT_GOALS).volumes == (0.0, 1.0, 1.0)
    json.dumps(found.data(), allow_nan=False)


def test_importances_need_trials_and_name_what_matters() -> None:
    assert _content(study(FEWEST)).importances == {}
    shares = _content(study(200)).importances
    assert list(shares) == ["ttft", "tps"]
    assert sum(shares["ttft"].values()) == pytest.approx(1, abs=0.01)
    assert max(shares["tps"], key=lambda name: shares["tps"][name]) in ("tp_size", "chunked_prefill_size")
    assert shares["ttft"]["enable_mixed_chunk"] < 0.1
    assert "log_level" not in shares["ttft"]


def test_failures_that_say_the_same_stand_together() -> None:
    found = _content(study(36)).failures
    assert [(one.cause, len(one.trials)) for one in found] == [
        ("crash", 2),
        ("out of memory while loading", 2),
        ("time-out", 2),
    ]
    page = report(study(36))
    assert "out of memory while loading: 2 trials" in page
    assert "torch.OutOfMemoryError: tried to allocate 5 GiB" in page


def test_the_front_stands_beside_the_defaults() -> None:
    records = [
        record(0, {"a": 1}, Outcome(metrics={"ttft": 1.0, "tps": 100.0}), origin="defaults"),
        _ok(1, 0.5, 150.0, a=2),
        _ok(1, 0.6, 150.0, a=2).model_copy(update={"again": 1}),
    ]
    found = _content(records)
    assert found.defaults == 0
    assert found.changes(1) == [("a", "1", "2")]
    page = report(records)
    assert "-45.0 %, better" in page
    assert "0.5 – 0.6 in 2 measurements" in page
    assert "<li>a: <s>1</s> → <strong>2</strong></li>" in page


def test_a_command_is_the_one_that_ran_or_what_the_config_comes_to() -> None:
    ran = record(0, {"tp_size": 2}, Outcome(metrics={}, command=("python", "-m", "x y")))
    planned = record(1, {"tp_size": 2}, Outcome(metrics={}))
    strange = record(2, {"no_such_argument": 2}, Outcome(metrics={}))
    nowhere = planned.model_copy(
        update={"trial": 3, "provenance": PROVENANCE.model_copy(update={"target": None})}
    )
    commands = [row.get("command") for row in _content([ran, planned, strange, nowhere]).data()["trials"]]
    assert commands == [
        "python -m 'x y'",
        "python -m sglang.launch_server --model-path /models/tiny --tp-size 2",
        None,
        None,
    ]


@pytest.mark.parametrize("goals", [DEFAULT_GOALS[:1], (*DEFAULT_GOALS, Goal("p99_ttft_ms", "minimize"))])
def test_any_number_of_goals(goals: tuple[Goal, ...]) -> None:
    data = _data(report(study(30), goals))
    assert [goal["metric"] for goal in data["goals"]] == [goal.metric for goal in goals]


def test_a_load_that_gave_no_such_number_is_told() -> None:
    page = report([_ok(0, 0.5, 9.0), record(7, {}, Outcome(metrics={"ttft": 0.1}))])
    assert "no such metric: 1 trial" in page
    assert "The load gave no number for one of ttft, tps: trials 7." in page


def test_without_records_the_page_says_so() -> None:
    page = report([])
    assert "No trial was measured" in page
    assert "No launch failed" in page


def test_what_is_simulated_says_so() -> None:
    simulated = study(3, provenance=PROVENANCE.model_copy(update={"simulated": True}))
    assert report(simulated).count("SIMULATED") >= 3
    assert "SIMULATED" not in report(study(3)).replace(_library(), "")


def _library() -> str:
    return report([]).partition("<script>")[2].partition("</script>")[0]
