"""The SIMULATED server as a process: it answers and logs like the real ones, and fails when asked to."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

from spacegen.api import load
from spacegen.launch.config import LaunchConfig
from spacegen.servers.schema import load as load_schema
from spacegen.tune.outcome import Cause
from spacegen.tune.running.failures import died
from spacegen.tune.running.serverlog import ServerLog
from spacegen.tune.simulated.server import FAILURES

PROGRAM = (sys.executable, "-m", "spacegen.tune.simulated.server")
READY = "The server is fired up and ready to roll!"


def _free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])


@contextmanager
def _server(
    log: Path, *words: str, fail: str = "", ready: str = READY, port: int | None = None, eos: str = "1"
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A server that is ready (if `ready` says how it says so), and its port."""
    port = port or _free_port()
    known = {"SPACEGEN_SIM_SPEED": "2000", "SPACEGEN_SIM_FAIL": fail, "SPACEGEN_SIM_EOS": eos}
    environment = {**os.environ, **known}
    with log.open("wb") as out:
        command = [*PROGRAM, *words, "--model-path", "tiny", "--port", str(port)]
        process = subprocess.Popen(command, stderr=out, env=environment)
    try:
        deadline = time.monotonic() + 20
        while ready not in log.read_text() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        yield process, port
    finally:
        process.kill()
        process.wait()


def _ask(port: int, path: str, **body: Any) -> Any:
    data = json.dumps(body).encode() if body else None
    with urlopen(Request(f"http://127.0.0.1:{port}{path}", data), timeout=10) as answer:
        text = answer.read().decode()
    return json.loads(text) if answer.headers.get_content_type() == "application/json" else text


def _events(text: str) -> list[Any]:
    *events, end = [line.removeprefix("data: ") for line in text.splitlines() if line]
    assert end == "[DONE]"
    return [json.loads(event) for event in events]


def test_it_generates_in_every_form(tmp_path: Path) -> None:
    sampling = {"max_new_tokens": 5}
    with _server(tmp_path / "log", "--enable-metrics", "--tp-size=2") as (process, port):
        assert _ask(port, "/health") == ""
        parts = _events(_ask(port, "/generate", input_ids=[1] * 9, sampling_params=sampling, stream=True))
        assert [part["meta_info"]["completion_tokens"] for part in parts] == [1, 2, 3, 4, 5]
        assert parts[-1]["meta_info"]["prompt_tokens"] == 9
        assert _ask(port, "/generate", text="a b", sampling_params=sampling)["text"] == " so" * 5
        message = {"role": "user", "content": "a long prompt"}
        parts = _events(_ask(port, "/v1/chat/completions", messages=[message], max_tokens=4, stream=True))
        assert "".join(part["choices"][0]["delta"]["content"] for part in parts) == " so" * 4
        assert parts[-1]["usage"]["completion_tokens"] == 4
        answer = _ask(port, "/v1/completions", prompt="a", max_tokens=3)
        assert answer["choices"][0] == {"index": 0, "text": " so" * 3, "finish_reason": "length"}
        assert _ask(port, "/v1/models")["data"][0]["id"] == "tiny"
        told = _ask(port, "/metrics")
        assert all(f"sglang:{name}" in told for name in ("num_requests_total", "token_usage"))
        assert "flushed" in _ask(port, "/flush_cache")
        info = _ask(port, "/server_info")
        assert info["tp_size"] == 2
        assert info["chunked_prefill_size"] == 8192
        assert "SIMULATED" in info
        with pytest.raises(HTTPError, match="400"):
            _ask(port, "/generate", text=7)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_its_metrics_count_whole_requests_in_each_group_of_attention(tmp_path: Path) -> None:
    words = ("--enable-metrics", "--tp-size=4", "--dp-size=4", "--enable-dp-attention")
    asked = {"input_ids": [1] * 9, "sampling_params": {"max_new_tokens": 50_000}, "stream": True}
    with _server(tmp_path / "log", *words) as (_process, port):
        request = Request(f"http://127.0.0.1:{port}/generate", json.dumps(asked).encode())
        with urlopen(request, timeout=10) as answer:
            answer.readline()
            told = _ask(port, "/metrics")
    assert re.findall(r'num_running_reqs\{.*dp_rank="(\d)"\} (.*)', told) == [
        ("0", "1.0"),
        ("1", "0.0"),
        ("2", "0.0"),
        ("3", "0.0"),
    ]


@pytest.mark.parametrize(("version", "comma"), [("0.5.6", ", "), ("0.5.23", "")])
def test_its_batches_are_logged_as_the_version_logs_them(version: str, comma: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    words = ("--as", f"sglang=={version}")
    with _server(log, *words, "--chunked-prefill-size", "64") as (_process, port):
        _ask(port, "/generate", input_ids=[1] * 100, sampling_params={"max_new_tokens": 50})
    text = log.read_text()
    assert text.startswith(f"SIMULATED server: sglang=={version.replace('0.5.6', '0.5.6.post2')}")
    prefill = re.findall(r"\] (Prefill batch, .*#new-token: (\d+),.*)\n", text)
    assert [int(tokens) for _, tokens in prefill] == [64, 36]
    assert all(line.endswith(", ") == bool(comma) for line, _ in prefill)
    assert ("#pending-token: 36" in prefill[0][0]) == (not comma)
    decode = re.search(r"\] (Decode batch, #running-req: 1, #token: \d+, .*#queue-req: 0(.*))\n", text)
    assert decode is not None
    assert decode[2] == comma


def test_several_prompts_are_answered_together_by_the_clock_of_the_server(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with _server(log, "--mem-fraction-static", "0.85", eos="0.5") as (_process, port):
        sampling = {"max_new_tokens": 100}
        answers = _ask(port, "/generate", text=["a" * 400] * 30, sampling_params=sampling)
        told = [answer["meta_info"] for answer in answers]
        assert len(told) == 30
        assert all(25 <= one["completion_tokens"] <= 75 for one in told)
        assert {one["finish_reason"]["type"] for one in told} == {"stop"}
        assert len({one["SIMULATED"]["asked"] for one in told}) == 1
        assert all(one["SIMULATED"]["asked"] < one["SIMULATED"]["first"] for one in told)
        assert all(0 < one["e2e_latency"] < 5 for one in told)
        fixed = {"max_new_tokens": 7, "ignore_eos": True}
        (one,) = _ask(port, "/generate", input_ids=[[1, 2]], sampling_params=[fixed])
        assert one["meta_info"]["finish_reason"] == {"type": "length", "length": 7}
        for wrong in ({"text": ["a"], "stream": True}, {"text": ["a", ""]}):
            with pytest.raises(HTTPError, match="400"):
                _ask(port, "/generate", **wrong)
    text = log.read_text()
    assert "server_args={'model_path': 'tiny'" in text
    assert "'mem_fraction_static': 0.85" in text
    left = re.search(r"mem usage=([\d.]+) GB, avail mem=([\d.]+) GB.\n.*available_gpu_mem=([\d.]+) GB", text)
    assert left is not None
    assert left[2] == left[3]
    assert float(left[1]) + float(left[2]) == pytest.approx(80 * 0.15, abs=0.011)


def test_a_share_of_tokens_that_is_none_ends_it(tmp_path: Path) -> None:
    with _server(tmp_path / "log", eos="2") as (process, _port):
        assert process.wait(timeout=10) == 1
    assert "SPACEGEN_SIM_EOS is `2`, which is no share" in (tmp_path / "log").read_text()


def test_mini_sglang_says_less(tmp_path: Path) -> None:
    words = ("--as", "minisgl==0.1.0", "--disable-pynccl")
    with _server(tmp_path / "log", *words, ready="Scheduler is ready") as (_process, port):
        with pytest.raises(HTTPError, match="404"):
            _ask(port, "/health")
        assert _ask(port, "/generate", text="a b")["text"]
    text = (tmp_path / "log").read_text()
    assert "batch," not in text
    assert re.search(
        r"\[\d{4}-\d\d-\d\d\|\d\d:\d\d:\d\d\|initializer\] INFO     Parsed arguments:\nServerArgs\(", text
    )


CAUSES = {
    "arguments": Cause.ARGUMENTS,
    "loading": Cause.LOADING_MEMORY,
    "graphs": Cause.GRAPH_MEMORY,
    "crash": Cause.CRASH,
    "port": Cause.PORT,
}


@pytest.mark.parametrize("fail", CAUSES)
def test_it_fails_while_it_starts_in_the_words_of_the_real_one(fail: str, tmp_path: Path) -> None:
    with _server(tmp_path / "log", fail=fail) as (process, _port):
        status = process.wait(timeout=10)
    assert status == (2 if fail == "arguments" else 1)
    assert died(ServerLog(tmp_path / "log").close(), status).cause is CAUSES[fail]


@pytest.mark.parametrize(
    ("fail", "words", "cause"),
    [
        ("serving", (), Cause.SERVING_MEMORY),
        ("crash-serving", (), Cause.CRASH),
        ("", ("--max-total-tokens", "256"), Cause.SERVING_MEMORY),
    ],
)
def test_it_fails_while_it_serves(fail: str, words: tuple[str, ...], cause: Cause, tmp_path: Path) -> None:
    with _server(tmp_path / "log", *words, fail=fail) as (process, port):
        with pytest.raises((OSError, HTTPException)):
            _ask(port, "/generate", input_ids=[1] * 300)
        assert process.wait(timeout=10) == 1
    assert died(ServerLog(tmp_path / "log").close(), 1).cause is cause


def test_it_can_hang_and_turn_a_deaf_ear(tmp_path: Path) -> None:
    with _server(tmp_path / "hang", fail="hang", ready="Load weight begin") as (process, port):
        with pytest.raises(URLError, match="refused"):
            _ask(port, "/health")
        assert process.poll() is None
    with _server(tmp_path / "stubborn", fail="stubborn") as (process, _port):
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.3)


def test_a_port_in_use_is_said_in_the_words_of_the_real_one(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with _server(tmp_path / "log", port=other.getsockname()[1]) as (process, _port):
            assert process.wait(timeout=10) == 1
    assert died(ServerLog(tmp_path / "log").close(), 1).cause is Cause.PORT


@pytest.mark.parametrize(
    "words", [("--tp-sise", "2"), ("--tp-size", "many"), ("--schedule-policy", "first"), ("stray",)]
)
def test_arguments_that_the_real_one_refuses_are_refused(words: tuple[str, ...], tmp_path: Path) -> None:
    with _server(tmp_path / "log", *words) as (process, _port):
        assert process.wait(timeout=10) == 2
    assert died(ServerLog(tmp_path / "log").close(), 2).cause is Cause.ARGUMENTS


def test_a_failure_that_it_does_not_know_is_refused(tmp_path: Path) -> None:
    with _server(tmp_path / "log", fail="everything") as (process, _port):
        assert process.wait(timeout=10) == 2
    assert all(word in (tmp_path / "log").read_text() for word in FAILURES)


def test_it_takes_a_config_file(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("tp-size: 4\nchunked-prefill-size: 2048\n")
    with _server(tmp_path / "log", "--config", str(config), "--tp-size", "2") as (_process, port):
        info = _ask(port, "/server_info")
    assert (info["tp_size"], info["chunked_prefill_size"]) == (2, 2048)


def test_it_takes_the_command_line_of_any_solution(tmp_path: Path) -> None:
    schema = load_schema("sglang", "0.5.23")
    config = {**load("h100").sample(1)[0], "mem_fraction_static": None, "max_total_tokens": None}
    words = LaunchConfig(schema, config).argv()[3:]
    with _server(tmp_path / "log", *words) as (_process, port):
        info = _ask(port, "/server_info")
    given = {name: value for name, value in config.items() if value is not None}
    assert {name: info[name] for name in given} == given
