"""A live server as a source: its metrics over HTTP, and what it says it runs with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from spacegen.cli.main import main
from spacegen.diagnose.diagnosis import diagnose, examine
from spacegen.diagnose.launch import Fact
from spacegen.diagnose.readers import Reader
from spacegen.diagnose.reading import fetching
from spacegen.diagnose.reading.chunks import Piece
from spacegen.diagnose.reading.fetching import Polled, fetch
from spacegen.diagnose.reading.prometheus import MetricsReader
from spacegen.diagnose.reading.serverinfo import MARK, read_info, written
from spacegen.diagnose.series import Column
from spacegen.diagnose.watched import Watched
from spacegen.errors import ConfigError
from tests.server_logs import NEW, log
from tests.server_metrics import metrics

INFO = {
    "version": "0.5.23",
    "model_path": "llama",
    "api_key": "hush-hush",
    "launch_command": "python -m sglang.launch_server --api-key hush-hush",
    "max_running_requests": 128,
    "dp_size": 1,
    "internal_states": [
        {
            "schedule_conservativeness": 0.7,
            "effective_max_running_requests_per_dp": 128,
            "memory_usage": {"weight": 15.01, "kvcache": 55.66, "token_capacity": 455958, "graph": 1.37},
            "dspark_info_record": {"unread": [1, 2]},
        }
    ],
}


@dataclass
class Site:
    """What a server answers, by path; anything else is not found."""

    answers: dict[str, bytes] = field(default_factory=dict)
    busy: int | None = None
    """The status of a server that has no answer now."""
    asks: set[str | None] = field(default_factory=set)
    """Who said to ask."""
    address: str = ""


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asks.add(self.headers["Authorization"])
            body = found.answers.get(self.path)
            self.send_response(found.busy or (404 if body is None else 200))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *words: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield found
        server.shutdown()
        thread.join()


def _scrapes(count: int = 3) -> list[bytes]:
    text = [one.encode() for one in metrics(NEW, log(NEW, "conservative", decodes=count), stamped=False)]
    return text[-count:]


def test_a_server_is_read_by_its_address_alone(site: Site) -> None:
    site.answers = {"/metrics": _scrapes()[0], "/server_info": json.dumps(INFO).encode()}
    (launch,) = diagnose([site.address]).launches
    assert launch.files == (site.address,)
    assert launch.series.timed
    assert len(launch.series) == 1
    assert launch.version == "0.5.23"
    expected = {
        "model_path": "llama",
        "max_running_requests": 128,
        "dp_size": 1,
        "schedule_conservativeness": 0.7,
    }
    assert launch.arguments == expected
    assert launch.figure(Fact.MOST_RUNNING) == 128


def test_secrets_of_a_server_are_not_read(site: Site) -> None:
    site.answers = {"/metrics": b"", "/get_server_info": json.dumps(INFO).encode()}
    assert b"hush" not in fetch(f"{site.address}/metrics")
    assert b"hush" not in written(INFO)
    assert b"unread" not in written(INFO)


def test_a_password_in_an_address_is_for_the_server_alone(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.answers = {"/metrics?token=hush": b"".join(_scrapes()), "/server_info": json.dumps(INFO).encode()}
    address = site.address.replace("//", "//me:hush%20hush@") + "/metrics?token=hush"
    for more in ([], ["--json"], ["--html", "-"], ["--follow", "--idle", "0"]):
        main(["diagnose", address, *more])
        out, err = capsys.readouterr()
        assert "hush" not in out + err
        assert "//me:***@" in out + err
    assert site.asks == {"Basic bWU6aHVzaCBodXNo"}
    site.busy = 404
    assert main(["diagnose", address]) == 2
    assert "hush" not in capsys.readouterr().err


def test_what_a_server_says_of_itself_fills_in_what_metrics_do_not_say() -> None:
    text = written({**INFO, "version": "0.5.6.post2"}) + b"# TYPE x gauge\nsglang:num_running_reqs 5\n"
    reader = MetricsReader("metrics.txt")
    reader.take(text)
    reader.close()
    (launch,) = reader.launches
    assert {fact: figure.value for fact, figure in launch.figures.items()} == {
        Fact.WEIGHTS: 15.01,
        Fact.POOL: 55.66,
        Fact.GRAPHS: 1.37,
        Fact.POOL_TOKENS: 455958,
        Fact.MOST_RUNNING: 128,
    }
    assert launch.arguments_line is not None
    assert launch.arguments_line.number == 1


def test_full_slots_are_known_from_what_the_server_runs_with() -> None:
    lines = list(log(NEW, "full-slots", decodes=90))
    reader = Reader("metrics.txt")
    reader.take(written(INFO) + "".join(metrics(NEW, lines)).encode())
    reader.close()
    found = {finding.id for finding in examine(reader.launches).findings}
    assert "too-few-slots" in found
    assert "too-conservative" not in found


@pytest.mark.parametrize("info", [b"{", b"[]", b'{"internal_states": 3, "version": null}', b"\xff"])
def test_what_is_no_answer_says_nothing(info: bytes) -> None:
    told = read_info(MARK + info)
    assert told is None or (told.version, told.arguments, told.figures) == (None, {}, {})


def test_a_server_without_metrics_names_the_flag(site: Site) -> None:
    with pytest.raises(ConfigError) as raised:
        fetch(f"{site.address}/metrics")
    assert raised.value.faults[0].message == f"{site.address}/metrics answers 404 Not Found"
    assert raised.value.faults[0].hint == "servers have metrics with --enable-metrics"


def test_one_scrape_is_told_to_be_few(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.answers = {"/metrics": _scrapes(1)[0]}
    assert main(["diagnose", site.address]) == 0
    assert f"note: {site.address} is one moment of serving at most; watch" in capsys.readouterr().err
    assert main(["diagnose", site.address, "-q"]) == 0
    assert capsys.readouterr().err == ""


def test_nobody_answers() -> None:
    with pytest.raises(ConfigError, match=r"cannot read http://127.0.0.1:9/metrics: connection refused"):
        fetch("http://127.0.0.1:9")


def test_a_server_that_is_followed_may_come_and_go(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_EVERY", 0.0)
    address, site.address = site.address, "http://127.0.0.1:9"
    with closing(Polled(site.address)) as away:
        assert away.read() == Piece()
        assert not away.ended
    watched = Watched([address])
    for text in _scrapes(3):
        site.answers = {"/metrics": text, "/server_info": json.dumps(INFO).encode()}
        assert watched.read()
    watched.close()
    (launch,) = watched.launches
    assert sum(launch.series.columns[Column.DECODES]) == 3
    assert launch.arguments["max_running_requests"] == 128


@pytest.mark.parametrize("status", [503, 500, 429])
def test_a_server_that_is_followed_may_be_busy(
    site: Site, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(fetching, "_EVERY", 0.0)
    first, second = _scrapes(2)
    watched = Watched([site.address])
    site.answers = {"/metrics": first, "/server_info": json.dumps(INFO).encode()}
    assert watched.read()
    site.busy = status
    assert not watched.read()
    site.busy, site.answers["/metrics"] = None, second
    assert watched.read()
    watched.close()
    (launch,) = watched.launches
    assert sum(launch.series.columns[Column.DECODES]) == 2
    site.busy = status
    with pytest.raises(ConfigError, match=f"answers {status}"):
        fetch(site.address)


def test_a_server_is_not_asked_more_often_than_it_changes(site: Site) -> None:
    site.answers = {"/metrics": _scrapes()[0]}
    polled = Polled(site.address)
    assert polled.read().data
    assert polled.read() == Piece()
