"""What a live server runs, beside what it was given."""

from __future__ import annotations

from typing import Any

import pytest

from spacegen.servers.schema import load
from spacegen.tune.running.effective import altered

OLD, NEW, MINI = load("sglang", "0.5.6"), load("sglang", "0.5.23"), load("minisgl", "0.1.0")


@pytest.mark.parametrize(
    ("given", "run"),
    [
        (1, 1.0),
        (0.9, 0.9),
        ("8", 8),
        (["a", "b"], ("a", "b")),
        ([8], 8),
        (8, [8]),
        ('{"a": [1, 2]}', {"a": [1, 2]}),
        ("~/model", "~/model"),
        (True, True),
        ("auto", "auto"),
    ],
)
def test_spellings_of_one_value_are_the_same(given: Any, run: Any) -> None:
    assert altered(NEW, {"page_size": given}, {"page_size": run}) == {}


@pytest.mark.parametrize(
    ("given", "run"),
    [(1, 64), (True, False), (True, 1), (0, False), ("fa3", None), ([1, 2], [2, 1]), ("fa3", "flashinfer")],
)
def test_other_values_are_told_as_given_and_as_run(given: Any, run: Any) -> None:
    assert altered(NEW, {"page_size": given}, {"page_size": run}) == {"page_size": (given, run)}


def test_a_home_that_is_written_out_is_the_same_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert altered(NEW, {"model_path": "~/m"}, {"model_path": "/home/me/m"}) == {}


def test_only_what_was_given_is_compared() -> None:
    info = {"page_size": 64, "tp_size": 8, "attention_backend": "fa3"}
    assert altered(OLD, {"attention_backend": None, "tp_size": 8}, info) == {}
    assert altered(OLD, {"page_size": 1, "tp_size": 8}, {"tp_size": 8}) == {}


def test_an_argument_is_found_under_any_of_its_names() -> None:
    assert altered(OLD, {"tensor_parallel_size": 4}, {"tp_size": 2}) == {"tensor_parallel_size": (4, 2)}
    assert altered(OLD, {"tp_size": 4}, {"tensor_parallel_size": 2}) == {"tp_size": (4, 2)}


def test_a_flag_that_clears_a_field_is_compared_the_other_way_round() -> None:
    assert altered(MINI, {"disable_pynccl": True}, {"use_pynccl": False}) == {}
    assert altered(MINI, {"disable_pynccl": True}, {"use_pynccl": True}) == {"disable_pynccl": (True, False)}


def test_a_server_of_another_version_may_call_it_otherwise() -> None:
    info = {"version": "0.5.23", "cuda_graph_max_bs_decode": 64}
    assert altered(OLD, {"cuda_graph_max_bs": 128}, info) == {"cuda_graph_max_bs": (128, 64)}


def test_what_the_schedulers_run_counts() -> None:
    info = {"chunked_prefill_size": 8192, "internal_states": [{"chunked_prefill_size": 4096}, {}]}
    assert altered(OLD, {"chunked_prefill_size": 8192}, info) == {"chunked_prefill_size": (8192, 4096)}


def test_strange_answers_say_nothing() -> None:
    given = {"page_size": 1}
    assert altered(NEW, given, {"internal_states": None, "version": 7}) == {}
    assert altered(NEW, given, {"internal_states": ["x"], "version": "main"}) == {}


def test_what_a_runner_chooses_and_secrets_are_left_out() -> None:
    given = {"port": 1, "host": "a", "nccl_port": 3, "api_key": "k", "admin_api_key": "k"}
    known = {name: value for name, value in given.items() if name in NEW.arguments}
    assert altered(NEW, known, dict.fromkeys(known, "other")) == {}
