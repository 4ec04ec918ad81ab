"""Advice on mini-SGLang, with its own names."""

from __future__ import annotations

import pytest

from spacegen.diagnose.launch import Fact, Phase, TroubleKind
from tests.made_launches import (
    MINI,
    failed,
    launch,
    only,
    ways,
)


@pytest.mark.parametrize(("ratio", "to"), [(0.9, 0.8), (0.8, 0.5), (0.5, 0.3)])
def test_mini_sglang_lowers_its_ratio(ratio: float, to: float) -> None:
    trouble = failed(TroubleKind.OUT_OF_MEMORY, Phase.SERVING)
    finding = only(launch({**MINI, "memory_ratio": ratio}, {}, trouble, server="minisgl"))
    assert ways(finding.moves) == {"memory_ratio": to, "max_extend_tokens": 4096, "max_running_req": 192}


def test_mini_sglang_tries_memory_with_dummy_weights() -> None:
    trouble = failed(TroubleKind.OUT_OF_MEMORY, Phase.WEIGHTS)
    finding = only(launch(MINI, {}, trouble, server="minisgl"))
    assert any("--dummy-weight" in sentence for sentence in finding.advice)


def test_batches_of_mini_sglang_without_graphs_are_foreseen() -> None:
    seen = launch(MINI, {Fact.LARGEST_GRAPH: 160}, server="minisgl", graph_sizes=(1, 2, 4, 8, 160))
    assert ways(only(seen).moves) == {"cuda_graph_max_bs": 256}
