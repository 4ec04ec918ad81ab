"""Advice on launches that ran out of GPU memory: each place, with sizes and with what excludes the launch."""

from __future__ import annotations

from typing import Any

import pytest

from spacegen.diagnose.finding import Severity
from spacegen.diagnose.launch import Fact, Phase, TroubleKind
from spacegen.diagnose.series import Column, Series
from tests.made_launches import (
    ARGUMENTS,
    FACTS,
    failed,
    launch,
    line,
    move_of,
    only,
    ways,
)

PLACES = [
    (TroubleKind.OUT_OF_MEMORY, Phase.KV_POOL, None, "out-of-memory-kv-pool", {"mem_fraction_static": 0.8}),
    (
        TroubleKind.OUT_OF_MEMORY,
        Phase.GRAPHS,
        None,
        "out-of-memory-graphs",
        {"mem_fraction_static": 0.8, "cuda_graph_max_bs": 128, "disable_cuda_graph": True},
    ),
    (
        TroubleKind.OUT_OF_MEMORY,
        Phase.WARM_UP,
        None,
        "out-of-memory-warm-up",
        {"mem_fraction_static": 0.8, "chunked_prefill_size": 4096},
    ),
    (
        TroubleKind.OUT_OF_MEMORY,
        Phase.SERVING,
        "prefill",
        "out-of-memory-prefill",
        {"chunked_prefill_size": 4096, "mem_fraction_static": 0.8},
    ),
    (
        TroubleKind.OUT_OF_MEMORY,
        Phase.SERVING,
        "decode",
        "out-of-memory-decode",
        {"max_running_requests": 768, "mem_fraction_static": 0.8},
    ),
    (
        TroubleKind.OUT_OF_MEMORY,
        Phase.SERVING,
        None,
        "out-of-memory-serving",
        {"mem_fraction_static": 0.8, "chunked_prefill_size": 4096, "max_running_requests": 768},
    ),
    (
        TroubleKind.NO_TOKENS,
        Phase.SERVING,
        "prefill",
        "no-tokens-prefill",
        {"chunked_prefill_size": 4096, "max_running_requests": 768, "mem_fraction_static": 0.9},
    ),
    (
        TroubleKind.NO_TOKENS,
        Phase.SERVING,
        "decode",
        "no-tokens-decode",
        {"max_running_requests": 768, "mem_fraction_static": 0.9},
    ),
    (TroubleKind.NO_SLOTS, Phase.SERVING, None, "no-request-slots", {"max_running_requests": 768}),
    (
        TroubleKind.NOTHING_LEFT_TO_RETRACT,
        Phase.SERVING,
        "decode",
        "request-larger-than-pool",
        {"mem_fraction_static": 0.9},
    ),
]


@pytest.mark.parametrize(("kind", "phase", "during", "name", "moves"), PLACES, ids=[row[3] for row in PLACES])
def test_each_place_has_its_way_out(
    kind: TroubleKind, phase: Phase, during: str | None, name: str, moves: dict[str, Any]
) -> None:
    finding = only(launch(ARGUMENTS, FACTS, failed(kind, phase, during)))
    assert (finding.id, finding.severity, finding.phase) == (name, Severity.ERROR, phase)
    assert ways(finding.moves) == moves
    assert finding.evidence[0] == line()
    assert len(finding.advice) >= len(moves)


@pytest.mark.parametrize(
    ("kind", "phase", "during"), [row[:3] for row in PLACES], ids=[row[3] for row in PLACES]
)
def test_a_failure_excludes_the_launch_itself(kind: TroubleKind, phase: Phase, during: str | None) -> None:
    finding = only(launch(ARGUMENTS, FACTS, failed(kind, phase, during)))
    for move in (*finding.moves, *finding.unless):
        default = move.was if move.was is not None else FACTS[Fact.POOL_TOKENS]
        was = ARGUMENTS.get(move.parameter, default)
        if move.among is not None:
            assert was not in move.among
        elif move.apart_from is not None:
            assert move.apart_from == (ARGUMENTS.get(move.parameter, move.was),)
        else:
            assert move.at_least is None or was < move.at_least
            assert move.at_most is None or was > move.at_most


@pytest.mark.parametrize(("most", "at_most"), [(1.0, 1023), (2.0, 1), (15.0, 14)])
@pytest.mark.parametrize("kind", [TroubleKind.OUT_OF_MEMORY, TroubleKind.NO_TOKENS])
def test_where_few_run_their_number_is_not_what_memory_is_short_of(
    kind: TroubleKind, most: float, at_most: float
) -> None:
    series = Series(columns={Column.MOST_RUNNING: (most, most), Column.DECODES: (20.0, 20.0)})
    finding = only(launch(ARGUMENTS, FACTS, failed(kind, Phase.SERVING, "decode"), series=series))
    assert list(ways(finding.moves)) == ["mem_fraction_static"]
    # What ran with fewer still says nothing about this.
    assert move_of(finding, "max_running_requests").at_most == at_most


def test_weights_that_do_not_fit_want_more_ranks_or_fewer_bits() -> None:
    facts = {Fact.BEFORE_LOADING: 78.0}
    finding = only(launch(ARGUMENTS, facts, failed(TroubleKind.OUT_OF_MEMORY, Phase.WEIGHTS)))
    assert (finding.id, finding.phase) == ("out-of-memory-weights", Phase.WEIGHTS)
    assert ways(finding.moves) == {"tp_size": 2, "quantization": "fp8"}
    assert ways(move for move in finding.unless if move.apart_from is None) == {
        "pp_size": 2,
        "cpu_offload_gb": 8,
    }


def test_of_weights_what_was_missing_is_the_least_that_was() -> None:
    short = failed(TroubleKind.OUT_OF_MEMORY, Phase.WEIGHTS, tried_gib=1.0, free_gib=0.3)
    finding = only(launch(ARGUMENTS, {Fact.BEFORE_LOADING: 78.0}, short))
    assert finding.summary.endswith(
        "GPU memory: the last allocation, 1.00 GB, was 0.70 GB short, and more may follow"
    )


def test_what_was_missing_sizes_the_share() -> None:
    trouble = failed(TroubleKind.OUT_OF_MEMORY, Phase.SERVING, "prefill", tried_gib=2.5, free_gib=0.94)
    finding = only(launch(ARGUMENTS, FACTS, trouble))
    move = move_of(finding, "mem_fraction_static")
    # 1.56 GiB are two steps of 0.78; one more to be safe.
    assert (move.at_most, move.to) == (0.86, 0.85)
    assert finding.numbers["missing_gib"] == 1.56
    assert finding.summary.endswith("the last allocation, 2.50 GB, was 1.56 GB short")


def test_what_torch_says_beside_is_told() -> None:
    words = (
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.50 GiB. GPU 0 has a total capacity "
        "of 79.11 GiB of which 1.20 GiB is free. Process 4712 has 20.00 GiB memory in use. Including "
        "non-PyTorch memory, this process has 57.9 GiB memory in use. Of the allocated memory 55.00 GiB is "
        "allocated by PyTorch, and 2048.00 MiB is reserved by PyTorch but unallocated."
    )
    trouble = failed(
        TroubleKind.OUT_OF_MEMORY,
        Phase.SERVING,
        "prefill",
        words=words,
        tried_gib=1.5,
        free_gib=1.2,
        capacity_gib=79.11,
    )
    advice = only(launch(ARGUMENTS, {}, trouble)).advice
    assert advice[-2].startswith("2.00 GB were reserved by PyTorch but too fragmented to use")
    assert advice[-1] == "process 4712 holds 20.00 GB of this GPU: stop it"
    assert only(launch(ARGUMENTS, {}, trouble)).numbers["capacity_gib"] == 79.11


def test_which_of_several_processes_is_ones_own_torch_may_not_know() -> None:
    words = (
        "CUDA out of memory. Process 999 has 30.00 GiB memory in use. Process 47 has 48.00 GiB memory in use."
    )
    advice = only(
        launch(ARGUMENTS, FACTS, failed(TroubleKind.OUT_OF_MEMORY, Phase.KV_POOL, words=words))
    ).advice
    assert advice[-1] == (
        "processes 999 (30.00 GB), 47 (48.00 GB) hold memory of this GPU: stop those that do not belong to "
        "this server"
    )
    alone = failed(TroubleKind.OUT_OF_MEMORY, Phase.KV_POOL, words=words[:65])
    assert not any("process" in one for one in only(launch(ARGUMENTS, FACTS, alone)).advice)


def test_others_on_the_gpu_are_told_when_they_grow() -> None:
    words = "CUDA out of memory. Including non-PyTorch memory, this process has 70.00 GiB memory in use."
    trouble = failed(
        TroubleKind.OUT_OF_MEMORY, Phase.SERVING, words=words, tried_gib=1.0, free_gib=0.5, capacity_gib=79.0
    )
    # 79 - 0.5 - 70 are held by others now; 79 - 78 were at the start.
    advice = only(launch(ARGUMENTS, FACTS, trouble)).advice[-1]
    assert advice == "others hold 7.50 GB more of this GPU than when the server started: see `nvidia-smi`"


def test_a_share_that_the_server_chose_depends_on_what_it_keeps_room_for() -> None:
    # Servers choose in thousandths; with larger chunks or graphs they choose less.
    trouble = failed(TroubleKind.OUT_OF_MEMORY, Phase.SERVING, "prefill")
    finding = only(launch({**ARGUMENTS, "mem_fraction_static": 0.874}, FACTS, trouble))
    larger = {move.parameter: move.at_least for move in finding.unless if move.at_least is not None}
    assert larger["chunked_prefill_size"] == 8193
    assert larger["cuda_graph_max_bs"] == 257
    chosen = only(launch(ARGUMENTS, FACTS, trouble))
    assert all(move.parameter != "chunked_prefill_size" for move in chosen.unless)


@pytest.mark.parametrize("off", [{"disable_cuda_graph": True}, {"cuda_graph_backend_decode": "disabled"}])
def test_graphs_that_are_off_cannot_be_smaller(off: dict[str, Any]) -> None:
    trouble = failed(TroubleKind.OUT_OF_MEMORY, Phase.SERVING, "prefill")
    finding = only(launch({**ARGUMENTS, **off}, FACTS, trouble))
    names = {move.parameter for move in (*finding.moves, *finding.unless)}
    assert not names & {"cuda_graph_max_bs", "disable_cuda_graph"}


def test_graphs_of_compiled_models_may_do_without() -> None:
    compiled = {**ARGUMENTS, "enable_torch_compile": True}
    finding = only(launch(compiled, FACTS, failed(TroubleKind.OUT_OF_MEMORY, Phase.GRAPHS)))
    assert list(ways(finding.moves))[1:3] == ["cuda_graph_max_bs", "enable_torch_compile"]


def test_a_draft_model_is_loaded_beside_the_cache() -> None:
    arguments = {**ARGUMENTS, "speculative_algorithm": "EAGLE"}
    trouble = failed(TroubleKind.OUT_OF_MEMORY, Phase.WEIGHTS)
    finding = only(launch(arguments, FACTS, trouble))
    assert "draft model" in finding.summary
    assert ways(finding.moves) == {"mem_fraction_static": 0.8, "speculative_algorithm": None}


def test_requests_that_ran_when_memory_ran_out_bound_those_that_may() -> None:
    series = Series(columns={Column.MOST_RUNNING: (120.0, 310.0), Column.DECODES: (5.0, 5.0)})
    trouble = failed(TroubleKind.OUT_OF_MEMORY, Phase.SERVING, "decode")
    move = move_of(only(launch(ARGUMENTS, FACTS, trouble, series=series)), "max_running_requests")
    assert (move.at_most, move.to) == (309, 232)


@pytest.mark.parametrize(
    ("chunk", "to"), [(16384, 4096), (8192, 4096), (4096, 2048), (2048, 1024), (-1, 4096)]
)
def test_chunks_shrink_as_the_guide_says(chunk: int, to: int) -> None:
    trouble = failed(TroubleKind.OUT_OF_MEMORY, Phase.SERVING, "prefill")
    finding = only(launch({**ARGUMENTS, "chunked_prefill_size": chunk}, FACTS, trouble))
    assert finding.moves[0].to == to


@pytest.mark.parametrize(("share", "to"), [(0.9, 0.8), (0.8, 0.7), (0.75, 0.7), (0.6, 0.53)])
def test_shares_shrink_as_the_guide_says(share: float, to: float) -> None:
    trouble = failed(TroubleKind.OUT_OF_MEMORY, Phase.SERVING, "prefill")
    finding = only(launch({**ARGUMENTS, "mem_fraction_static": share}, FACTS, trouble))
    assert move_of(finding, "mem_fraction_static").to == to


def test_the_newer_name_of_an_argument_is_known() -> None:
    arguments = {name: value for name, value in ARGUMENTS.items() if name != "cuda_graph_max_bs"}
    trouble = failed(TroubleKind.OUT_OF_MEMORY, Phase.GRAPHS)
    finding = only(launch({**arguments, "cuda_graph_max_bs_decode": 512}, FACTS, trouble))
    assert ways(finding.moves)["cuda_graph_max_bs"] == 256


def test_one_message_has_many_causes() -> None:
    finding = only(
        launch(
            ARGUMENTS, FACTS, failed(TroubleKind.CAPTURE, Phase.GRAPHS, words="CUDA error: no kernel image")
        )
    )
    assert (finding.id, finding.moves) == ("graph-capture-failed", ())
    memory = failed(TroubleKind.CAPTURE, Phase.GRAPHS, words="Capture cuda graph failed: CUDA out of memory.")
    assert only(launch(ARGUMENTS, FACTS, memory)).id == "out-of-memory-graphs"
