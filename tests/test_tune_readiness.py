"""Whether a server answers, over HTTP."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from spacegen.tune.running.readiness import Endpoints, await_ready, server_info


class Server(ThreadingHTTPServer):
    """Answers paths with what `answers` holds for them, a status and a text; others with 404."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, tuple[int, str]] = {}
        self.asked: list[str] = []
        self.authorizations: set[str | None] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.authorizations.add(self.headers.get("Authorization"))
        status, text = self.server.answers.get(self.path, (404, ""))
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: tests read what was asked."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as found:
        threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield found
        found.shutdown()


def soon() -> float:
    return time.monotonic() + 0.4


def test_a_server_is_ready_when_it_is_well_and_generates(server: Server) -> None:
    server.answers = {"/health": (200, ""), "/health_generate": (200, "")}
    assert await_ready(Endpoints(server.url), soon(), lambda: True)
    assert server.asked == ["/health", "/health_generate"]


def test_a_server_that_has_no_way_to_generate_is_ready_when_it_is_well(server: Server) -> None:
    server.answers = {"/health": (200, "")}
    assert await_ready(Endpoints(server.url), soon(), lambda: True)


@pytest.mark.parametrize(
    "answers",
    [{}, {"/health": (503, "")}, {"/health": (200, ""), "/health_generate": (503, "")}],
)
def test_a_server_that_is_not_well_is_asked_again_until_it_is_time(
    answers: dict[str, tuple[int, str]], server: Server
) -> None:
    server.answers = answers
    assert not await_ready(Endpoints(server.url), soon(), lambda: True)
    # More and more slowly: 0.05 s, 0.075 s and so on.
    assert 2 <= server.asked.count("/health") <= 7


def test_a_server_gets_ready_while_it_is_waited_for(server: Server) -> None:
    server.answers = {"/health": (503, ""), "/health_generate": (200, "")}
    threading.Timer(0.2, lambda: server.answers.update({"/health": (200, "")})).start()
    assert await_ready(Endpoints(server.url), time.monotonic() + 10, lambda: True)


def test_a_server_that_has_ended_is_not_waited_for() -> None:
    began = time.monotonic()
    assert not await_ready(Endpoints("http://127.0.0.1:9"), began + 60, lambda: False)
    assert time.monotonic() - began < 1


def test_a_server_without_endpoints_is_ready_by_its_log_once_it_answers_at_all(server: Server) -> None:
    assert await_ready(Endpoints(server.url), soon(), lambda: True, lambda: True)
    assert server.asked == ["/v1/models"]
    assert not await_ready(Endpoints(server.url), soon(), lambda: True, lambda: False)
    assert not await_ready(Endpoints("http://127.0.0.1:9"), soon(), lambda: True, lambda: True)


def test_no_proxy_stands_between(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    server.answers = {"/health": (204, "")}
    assert Endpoints(server.url).status("/health") == 204


def test_a_key_is_shown(server: Server) -> None:
    Endpoints(server.url, "secret").status("/health")
    assert server.authorizations == {"Bearer secret"}


def test_a_server_tells_of_itself_under_either_name(server: Server) -> None:
    endpoints = Endpoints(server.url)
    assert server_info(endpoints) is None
    server.answers = {"/get_server_info": (200, json.dumps({"tp_size": 1}))}
    assert server_info(endpoints) == {"tp_size": 1}
    server.answers |= {"/server_info": (200, json.dumps({"tp_size": 2}))}
    assert server_info(endpoints) == {"tp_size": 2}


@pytest.mark.parametrize("text", ["", "no json", "[1]", '"text"', "{"])
def test_what_is_no_information_is_none(text: str, server: Server) -> None:
    server.answers = {"/server_info": (200, text)}
    assert server_info(Endpoints(server.url)) is None
