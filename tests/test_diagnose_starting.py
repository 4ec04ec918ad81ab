"""Advice on launches that did not start, or started slowly."""

from __future__ import annotations

import pytest

from spacegen.diagnose.launch import Fact, Line, Phase, TroubleKind
from spacegen.diagnose.series import Column, Series
from tests.made_launches import (
    ARGUMENTS,
    MINI,
    failed,
    launch,
    only,
    shown,
)


@pytest.mark.parametrize("port", [1919, 1920])
def test_the_port_of_mini_sglang_and_the_next(port: int) -> None:
    trouble = failed(TroubleKind.PORT, Phase.ARGUMENTS, port=port)
    finding = only(launch(MINI, {}, trouble, server="minisgl"))
    assert finding.command == f"ss -tlnp | grep :{port}"
    assert ("`server_port` + 1" in finding.summary) is (port == 1920)


@pytest.mark.parametrize(
    ("program", "flag", "meant"),
    [
        ("__main__.py", "--memory-ration", "memory_ratio"),
        ("python3.12 -m minisgl", "--max-running-request", "max_running_requests"),
        ("launch_server.py", "--mem-fraction-statik", "mem_fraction_static"),
    ],
)
def test_a_mistyped_argument_is_taken_for_one_of_the_same_server(program: str, flag: str, meant: str) -> None:
    words = f"unrecognized arguments: {flag} 8"
    line = Line(file="server.log", number=2, text=f"{program}: error: {words}")
    trouble = failed(TroubleKind.ARGUMENTS, Phase.ARGUMENTS, words=words).model_copy(
        update={"lines": (line,)}
    )
    name = flag.removeprefix("--").replace("-", "_")
    assert only(launch({}, {}, trouble, server=None)).advice[0] == f"`{name}`: did you mean `{meant}`?"


def test_an_argument_of_another_version_is_named() -> None:
    words = "unrecognized arguments: --cuda-graph-max-bs-decode 256"
    finding = only(
        launch({}, {}, failed(TroubleKind.ARGUMENTS, Phase.ARGUMENTS, words=words), version="0.5.6")
    )
    assert finding.advice[0] == "`cuda_graph_max_bs_decode` is called `cuda_graph_max_bs` before 0.5.14"


def test_an_argument_that_was_misspelt_is_named() -> None:
    words = "unrecognized arguments: --chunked-prefil-size 4096"
    finding = only(launch({}, {}, failed(TroubleKind.ARGUMENTS, Phase.ARGUMENTS, words=words)))
    assert finding.advice[0] == "`chunked_prefil_size`: did you mean `chunked_prefill_size`?"


def test_the_port_of_the_ranks_is_another_than_that_of_the_api() -> None:
    finding = only(launch(ARGUMENTS, {}, failed(TroubleKind.PORT, Phase.ARGUMENTS, port=31234)))
    assert finding.advice[1].endswith("with `--nccl-port` (the API's port is 30000)")


def test_a_slow_start_names_what_is_slow() -> None:
    series = Series(columns={Column.MOST_RUNNING: (48.0,), Column.DECODES: (9.0,)})
    arguments = {**ARGUMENTS, "model_path": "meta-llama/Llama-3.1-8B-Instruct"}
    facts = {Fact.LOADING_SECONDS: 900.0, Fact.CAPTURE_SECONDS: 140.0}
    loading, capture = shown(launch(arguments, facts, series=series))
    assert (loading.id, capture.id) == ("slow-loading", "slow-capture")
    assert "local folder" in loading.advice[0]
    (move,) = capture.moves
    assert (move.at_least, move.at_most, move.to) == (48, 255, 48)
