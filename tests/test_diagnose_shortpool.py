"""Advice on a KV cache or a request table that was too small."""

from __future__ import annotations

import pytest

from spacegen.diagnose.launch import Phase, TroubleKind
from tests.made_launches import (
    ARGUMENTS,
    FACTS,
    failed,
    launch,
    only,
    ways,
)


@pytest.mark.parametrize(("context", "to"), [(131_072, None), (1_000_000, 400_000)])
def test_a_context_that_the_pool_holds_need_not_be_shorter(context: int, to: int | None) -> None:
    trouble = failed(TroubleKind.NOTHING_LEFT_TO_RETRACT, Phase.SERVING, "decode")
    finding = only(launch({**ARGUMENTS, "context_length": context}, FACTS, trouble))
    assert ways(finding.moves).get("context_length") == to
    assert any(move.parameter == "context_length" for move in finding.unless)


@pytest.mark.parametrize(
    ("slots", "groups", "to"),
    [(1, 1, None), (2, 1, 1), (8, 1, 6), (10, 1, 7), (15, 1, 11), (100, 1, 72), (8, 8, None), (16, 8, 8)],
)
def test_few_slots_are_not_made_one(slots: int, groups: int, to: int | None) -> None:
    shared = {"enable_dp_attention": groups > 1, "dp_size": groups, "max_running_requests": slots}
    finding = only(launch({**ARGUMENTS, **shared}, FACTS, failed(TroubleKind.NO_SLOTS, Phase.SERVING, None)))
    assert ways(finding.moves).get("max_running_requests") == to


def test_the_least_share_is_taken_from_the_server_where_it_says_so() -> None:
    trouble = failed(TroubleKind.NO_POOL, Phase.KV_POOL, least_mem_fraction_static=0.1923)
    arguments = {**ARGUMENTS, "mem_fraction_static": 0.15}
    assert only(launch(arguments, FACTS, trouble)).moves[0].at_least == 0.192


def test_a_pool_without_room_wants_more_and_says_how_much() -> None:
    arguments = {**ARGUMENTS, "mem_fraction_static": 0.15}
    finding = only(launch(arguments, FACTS, failed(TroubleKind.NO_POOL, Phase.KV_POOL)))
    assert finding.id == "no-kv-pool"
    # 78 * 0.85 were kept, 63 were left after loading: 3.3 GiB, five steps of 0.78.
    share = finding.moves[0]
    assert (share.parameter, share.at_least, share.at_most) == ("mem_fraction_static", 0.192, None)
    assert share.to == 0.21
    assert finding.numbers["missing_gib"] == 3.3
    directed = {move.parameter for move in finding.unless if move.apart_from is None}
    assert directed == {"pp_size", "cpu_offload_gb"}


def test_a_pool_without_room_at_the_highest_share_wants_more_ranks() -> None:
    arguments = {**ARGUMENTS, "mem_fraction_static": 0.94}
    finding = only(launch(arguments, {}, failed(TroubleKind.NO_POOL, Phase.KV_POOL)))
    assert finding.moves[0].to == 0.95
    finding = only(
        launch({**arguments, "mem_fraction_static": 0.95}, {}, failed(TroubleKind.NO_POOL, Phase.KV_POOL))
    )
    assert [move.parameter for move in finding.moves] == ["tp_size", "quantization"]
