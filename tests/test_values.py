"""Which values an argument takes."""

from __future__ import annotations

import pytest

from spacegen.servers.schema import load
from spacegen.servers.values import Value, misfit


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tp_size", 4),
        ("tp_size", None),
        ("schedule_policy", "fcfs"),
        ("schedule_policy", None),
        ("enable_metrics", True),
        ("mem_fraction_static", 0.8),
        ("mem_fraction_static", 1),
        ("served_model_name", "anything"),
        ("model_loader_extra_config", '{"a": 1}'),
    ],
)
def test_what_fits(name: str, value: Value) -> None:
    assert misfit(load("sglang", "0.5.6").arguments[name], value) is None


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("tp_size", "4", "it takes integers"),
        ("tp_size", 4.0, "it takes integers: write `4`"),
        ("tp_size", 4.5, "it takes integers"),
        ("tp_size", True, "it takes integers"),
        ("enable_metrics", 1, "it takes `true` or `false`"),
        ("enable_metrics", "true", "it takes `true` or `false`"),
        ("mem_fraction_static", "0.8", "it takes numbers"),
        ("mem_fraction_static", False, "it takes numbers"),
        ("served_model_name", 5, "it takes strings: write it in quotes"),
        ("served_model_name", True, "it takes strings: write it in quotes"),
        ("radix_eviction_policy", "fifo", "it takes lru, lfu"),
        ("radix_eviction_policy", "lrv", "did you mean `lru`? it takes lru, lfu"),
        ("radix_eviction_policy", 1, "it takes lru, lfu"),
        ("cuda_graph_bs", 8, "it takes no single values"),
    ],
)
def test_what_does_not(name: str, value: Value, hint: str) -> None:
    assert misfit(load("sglang", "0.5.6").arguments[name], value) == hint
