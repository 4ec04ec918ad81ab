"""Advice on memory and on starting: each place where a launch can fail, on both servers, with sizes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from spacegen.diagnose.advice.agreed import agreed
from spacegen.diagnose.advice.book import findings
from spacegen.diagnose.advice.changed import changed
from spacegen.diagnose.advice.endings import endings
from spacegen.diagnose.advice.memory import left_memory
from spacegen.diagnose.advice.minisgl import mini_graphs
from spacegen.diagnose.advice.opposed import settled
from spacegen.diagnose.advice.outofmemory import gpu_memory
from spacegen.diagnose.advice.shortpool import short_pool
from spacegen.diagnose.advice.starting import port_in_use, refused, slow_start
from spacegen.diagnose.advice.ways import told
from spacegen.diagnose.advice.window import window
from spacegen.diagnose.diagnosis import examine
from spacegen.diagnose.finding import Finding, Move, Severity
from spacegen.diagnose.launch import Fact, Figure, Kind, Launch, Line, Phase, Trouble
from spacegen.diagnose.series import Column, Series

RULES = (left_memory, gpu_memory, short_pool, refused, port_in_use, slow_start, endings, mini_graphs)
READY = Line(file="server.log", number=90, text="The server is fired up and ready to roll!")

ARGUMENTS: dict[str, Any] = {
    "tp_size": 1,
    "pp_size": 1,
    "dp_size": 1,
    "quantization": None,
    "kv_cache_dtype": "auto",
    "mem_fraction_static": 0.88,
    "chunked_prefill_size": 8192,
    "max_prefill_tokens": 16384,
    "max_running_requests": 1024,
    "cuda_graph_max_bs": 256,
    "disable_cuda_graph": False,
    "schedule_conservativeness": 1.0,
    "port": 30000,
}
FACTS = {
    Fact.BEFORE_LOADING: 78.0,
    Fact.AFTER_LOADING: 63.0,
    Fact.WEIGHTS: 15.0,
    Fact.POOL: 50.0,
    Fact.POOL_TOKENS: 400_000,
}
MINI: dict[str, Any] = {
    "memory_ratio": 0.9,
    "max_extend_tokens": 8192,
    "max_running_req": 256,
    "cuda_graph_max_bs": None,
    "server_port": 1919,
}


def line(text: str = "what the server said", number: int = 7) -> Line:
    return Line(file="server.log", number=number, text=text)


def launch(
    arguments: Mapping[str, Any] = ARGUMENTS,
    facts: Mapping[Fact, float] = FACTS,
    *troubles: Trouble,
    **fields: Any,
) -> Launch:
    figures = {fact: Figure(value=value, line=line(fact.value)) for fact, value in facts.items()}
    return Launch(
        arguments=dict(arguments),
        arguments_line=line("server_args=ServerArgs(...)", 1),
        figures=figures,
        troubles=troubles,
        **fields,
    )


def failed(kind: Kind, phase: Phase, during: str | None = None, words: str = "", **numbers: float) -> Trouble:
    return Trouble(
        kind=kind, phase=phase, lines=(line(),), during=during, fatal=True, numbers=numbers, words=words
    )


def shown(seen: Launch) -> list[Finding]:
    return [finding for rule in RULES for finding in rule(seen, "throughput")]


def only(seen: Launch) -> Finding:
    (finding,) = shown(seen)
    return finding


def ways(moves: Iterable[Move]) -> dict[str, Any]:
    return {move.parameter: move.to for move in moves}


def move_of(finding: Finding, name: str) -> Move:
    return next(move for move in (*finding.moves, *finding.unless) if move.parameter == name)


# What is left when the server is ready.


@pytest.mark.parametrize(
    ("left", "name", "severity"),
    [
        (3.2, "memory-scarce", Severity.WARNING),
        (5.0, "memory-good", Severity.INFO),
        (8.0, "memory-good", Severity.INFO),
        (9.1, "memory-unused", Severity.INFO),
        (13.5, "memory-unused", Severity.WARNING),
    ],
)
def test_five_to_eight_gb_are_good(left: float, name: str, severity: Severity) -> None:
    finding = only(launch({**ARGUMENTS, "mem_fraction_static": 0.8}, {**FACTS, Fact.LEFT: left}))
    assert (finding.id, finding.severity) == (name, severity)
    assert [one.text for one in finding.evidence] == [Fact.LEFT.value]


def test_a_higher_share_is_sized_by_what_is_left_and_told_in_tokens() -> None:
    finding = only(launch({**ARGUMENTS, "mem_fraction_static": 0.8}, {**FACTS, Fact.LEFT: 13.5}))
    (move,) = finding.moves
    # (13.5 - 8) / 78 and (13.5 - 5) / 78, in steps of 0.01.
    assert (move.at_least, move.to, move.at_most) == (0.88, 0.88, 0.9)
    # 400,000 tokens in 50 GiB are 8,000 a GiB, of which 0.01 of the GPU is 0.78.
    assert finding.numbers["tokens_per_step"] == 6240
    assert finding.numbers["tokens_gained"] == 8 * 6240
    assert "each 0.01 of it adds 6240 tokens to the KV cache" in finding.advice


def test_a_lower_share_is_sized_by_what_is_missing() -> None:
    (move,) = only(launch(facts={**FACTS, Fact.LEFT: 3.0})).moves
    assert (move.at_least, move.at_most, move.to) == (None, 0.85, 0.83)


def test_without_a_share_or_a_gpu_the_guide_goes_by_steps() -> None:
    finding = only(launch({}, {Fact.LEFT: 13.5, Fact.POOL_TOKENS: 665_690}))
    assert (finding.id, finding.moves) == ("memory-unused", ())
    assert "0.01 at a time" in finding.advice[0]


def test_no_share_is_raised_beyond_what_is_sensible() -> None:
    facts = {**FACTS, Fact.LEFT: 20.0}
    finding = only(launch({**ARGUMENTS, "mem_fraction_static": 0.9}, facts))
    share = move_of(finding, "mem_fraction_static")
    assert (share.at_least, share.at_most, share.to) == (0.95, 0.95, 0.95)
    finding = only(launch({**ARGUMENTS, "mem_fraction_static": 0.95}, facts))
    assert (finding.id, finding.moves) == ("memory-unused", ())
    assert finding.advice[0].startswith("`mem_fraction_static` is already as high as is sensible")
    # More than the whole GPU has is not of the GPU.
    assert shown(launch(ARGUMENTS, {**FACTS, Fact.LEFT: 400.0})) == []


def test_a_cache_that_was_never_full_gains_nothing_from_more() -> None:
    series = Series(columns={Column.MOST_USED: (0.3, 0.41), Column.DECODES: (20.0, 20.0)})
    finding = only(
        launch({**ARGUMENTS, "mem_fraction_static": 0.8}, {**FACTS, Fact.LEFT: 14.0}, series=series)
    )
    assert finding.severity is Severity.INFO


def test_a_pool_that_an_argument_holds_small_does_not_grow_by_the_share() -> None:
    arguments = {**ARGUMENTS, "mem_fraction_static": 0.8, "max_total_tokens": 400_000}
    finding = only(launch(arguments, {**FACTS, Fact.LEFT: 30.0}))
    assert ways(finding.moves) == {"max_total_tokens": 800_000}


def test_small_gpus_leave_less() -> None:
    small = {**FACTS, Fact.BEFORE_LOADING: 23.0}
    assert only(launch(facts={**small, Fact.LEFT: 2.4})).id == "memory-good"
    assert only(launch(facts={**small, Fact.LEFT: 5.0})).id == "memory-unused"


# Where memory ran out. The sizes are the guide's.

PLACES = [
    (Kind.OUT_OF_MEMORY, Phase.KV_POOL, None, "out-of-memory-kv-pool", {"mem_fraction_static": 0.8}),
    (
        Kind.OUT_OF_MEMORY,
        Phase.GRAPHS,
        None,
        "out-of-memory-graphs",
        {"mem_fraction_static": 0.8, "cuda_graph_max_bs": 128, "disable_cuda_graph": True},
    ),
    (
        Kind.OUT_OF_MEMORY,
        Phase.WARM_UP,
        None,
        "out-of-memory-warm-up",
        {"mem_fraction_static": 0.8, "chunked_prefill_size": 4096},
    ),
    (
        Kind.OUT_OF_MEMORY,
        Phase.SERVING,
        "prefill",
        "out-of-memory-prefill",
        {"chunked_prefill_size": 4096, "mem_fraction_static": 0.8},
    ),
    (
        Kind.OUT_OF_MEMORY,
        Phase.SERVING,
        "decode",
        "out-of-memory-decode",
        {"max_running_requests": 768, "mem_fraction_static": 0.8},
    ),
    (
        Kind.OUT_OF_MEMORY,
        Phase.SERVING,
        None,
        "out-of-memory-serving",
        {"mem_fraction_static": 0.8, "chunked_prefill_size": 4096, "max_running_requests": 768},
    ),
    (
        Kind.NO_TOKENS,
        Phase.SERVING,
        "prefill",
        "no-tokens-prefill",
        {"chunked_prefill_size": 4096, "max_running_requests": 768, "mem_fraction_static": 0.9},
    ),
    (
        Kind.NO_TOKENS,
        Phase.SERVING,
        "decode",
        "no-tokens-decode",
        {"max_running_requests": 768, "mem_fraction_static": 0.9},
    ),
    (Kind.NO_SLOTS, Phase.SERVING, None, "no-request-slots", {"max_running_requests": 768}),
    (
        Kind.NOTHING_LEFT_TO_RETRACT,
        Phase.SERVING,
        "decode",
        "request-larger-than-pool",
        {"mem_fraction_static": 0.9},
    ),
]


@pytest.mark.parametrize(("kind", "phase", "during", "name", "moves"), PLACES, ids=[row[3] for row in PLACES])
def test_each_place_has_its_way_out(
    kind: Kind, phase: Phase, during: str | None, name: str, moves: dict[str, Any]
) -> None:
    finding = only(launch(ARGUMENTS, FACTS, failed(kind, phase, during)))
    assert (finding.id, finding.severity, finding.phase) == (name, Severity.ERROR, phase)
    assert ways(finding.moves) == moves
    assert finding.evidence[0] == line()
    assert len(finding.advice) >= len(moves)


@pytest.mark.parametrize(("kind", "phase", "during", "name", "moves"), PLACES, ids=[row[3] for row in PLACES])
def test_a_failure_excludes_the_launch_itself(
    kind: Kind, phase: Phase, during: str | None, name: str, moves: dict[str, Any]
) -> None:
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


@pytest.mark.parametrize(("context", "to"), [(131_072, None), (1_000_000, 400_000)])
def test_a_context_that_the_pool_holds_need_not_be_shorter(context: int, to: int | None) -> None:
    trouble = failed(Kind.NOTHING_LEFT_TO_RETRACT, Phase.SERVING, "decode")
    finding = only(launch({**ARGUMENTS, "context_length": context}, FACTS, trouble))
    assert ways(finding.moves).get("context_length") == to
    assert any(move.parameter == "context_length" for move in finding.unless)


@pytest.mark.parametrize(
    ("slots", "groups", "to"),
    [(1, 1, None), (2, 1, 1), (8, 1, 6), (10, 1, 7), (15, 1, 11), (100, 1, 72), (8, 8, None), (16, 8, 8)],
)
def test_few_slots_are_not_made_one(slots: int, groups: int, to: int | None) -> None:
    shared = {"enable_dp_attention": groups > 1, "dp_size": groups, "max_running_requests": slots}
    finding = only(launch({**ARGUMENTS, **shared}, FACTS, failed(Kind.NO_SLOTS, Phase.SERVING, None)))
    assert ways(finding.moves).get("max_running_requests") == to


@pytest.mark.parametrize(("most", "at_most"), [(1.0, 1023), (2.0, 1), (15.0, 14)])
@pytest.mark.parametrize("kind", [Kind.OUT_OF_MEMORY, Kind.NO_TOKENS])
def test_where_few_run_their_number_is_not_what_memory_is_short_of(
    kind: Kind, most: float, at_most: float
) -> None:
    series = Series(columns={Column.MOST_RUNNING: (most, most), Column.DECODES: (20.0, 20.0)})
    finding = only(launch(ARGUMENTS, FACTS, failed(kind, Phase.SERVING, "decode"), series=series))
    assert list(ways(finding.moves)) == ["mem_fraction_static"]
    # What ran with fewer still says nothing about this.
    assert move_of(finding, "max_running_requests").at_most == at_most


def advice_beside(*advised: Finding) -> list[Finding]:
    """What is left of advice beside an error of decoding, of which some is known to help."""
    error = only(launch(ARGUMENTS, FACTS, failed(Kind.OUT_OF_MEMORY, Phase.SERVING, "decode")))
    return list(settled((error, *advised)))[1:]


def advised(severity: Severity, *moves: Move, also: tuple[Move, ...] = ()) -> Finding:
    return Finding(
        id="advised",
        phase=Phase.SERVING,
        severity=severity,
        summary="seen",
        advice=tuple(map(told, moves)),
        moves=moves,
        also=also,
    )


MORE = Move(parameter="max_running_requests", at_least=1025, was=1024, to=2048)
FEWER = Move(parameter="max_running_requests", at_most=512, was=1024, to=512)
OTHER = Move(parameter="schedule_conservativeness", at_most=0.9, was=1.0, to=0.7)
HIGHER = Move(parameter="mem_fraction_static", at_least=0.9, was=0.88, to=0.9)


def test_advice_that_makes_an_error_worse_waits_for_it() -> None:
    (warning,) = advice_beside(advised(Severity.WARNING, MORE))
    assert (warning.summary, warning.moves) == ("seen", ())
    assert "".join(warning.advice).startswith("raise `max_running_requests` only when `out-of-memory-decode`")
    assert advice_beside(advised(Severity.INFO, MORE)) == []
    within = Move(parameter="mem_fraction_static", at_least=0.9, at_most=0.95, was=0.97, to=0.92)
    (lower,) = advice_beside(advised(Severity.WARNING, within))
    assert lower.advice[0].startswith("lower `mem_fraction_static` ")
    (partly,) = advice_beside(advised(Severity.INFO, MORE, OTHER))
    assert (partly.moves, partly.advice[1]) == ((OTHER,), told(OTHER))
    # What has to change with a way out is as much against it.
    (beside,) = advice_beside(advised(Severity.WARNING, OTHER, also=(HIGHER,)))
    assert (beside.moves, beside.also) == ((), ())


@pytest.mark.parametrize("move", [FEWER, OTHER])
def test_other_advice_beside_an_error_stays(move: Move) -> None:
    note = advised(Severity.INFO, move)
    assert advice_beside(note) == [note]


def test_a_graph_range_that_ran_out_is_not_to_be_raised() -> None:
    trouble = failed(Kind.OUT_OF_MEMORY, Phase.GRAPHS)
    seen = launch(MINI, {Fact.BEFORE_LOADING: 23.0}, trouble, server="minisgl", graph_sizes=(1, 2, 4, 8, 16))
    assert {one.id for one in shown(seen)} == {"out-of-memory-graphs", "minisgl-graphs"}
    assert [one.id for one in findings([seen])] == ["out-of-memory-graphs"]


def test_weights_that_do_not_fit_want_more_ranks_or_fewer_bits() -> None:
    facts = {Fact.BEFORE_LOADING: 78.0}
    finding = only(launch(ARGUMENTS, facts, failed(Kind.OUT_OF_MEMORY, Phase.WEIGHTS)))
    assert (finding.id, finding.phase) == ("out-of-memory-weights", Phase.WEIGHTS)
    assert ways(finding.moves) == {"tp_size": 2, "quantization": "fp8"}
    assert ways(move for move in finding.unless if move.apart_from is None) == {
        "pp_size": 2,
        "cpu_offload_gb": 8,
    }


def test_of_weights_what_was_missing_is_the_least_that_was() -> None:
    short = failed(Kind.OUT_OF_MEMORY, Phase.WEIGHTS, tried_gib=1.0, free_gib=0.3)
    finding = only(launch(ARGUMENTS, {Fact.BEFORE_LOADING: 78.0}, short))
    assert finding.summary.endswith(
        "GPU memory: the last allocation, 1.00 GB, was 0.70 GB short, and more may follow"
    )


def test_what_was_missing_sizes_the_share() -> None:
    trouble = failed(Kind.OUT_OF_MEMORY, Phase.SERVING, "prefill", tried_gib=2.5, free_gib=0.94)
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
        Kind.OUT_OF_MEMORY,
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
    advice = only(launch(ARGUMENTS, FACTS, failed(Kind.OUT_OF_MEMORY, Phase.KV_POOL, words=words))).advice
    assert advice[-1] == (
        "processes 999 (30.00 GB), 47 (48.00 GB) hold memory of this GPU: stop those that do not belong to "
        "this server"
    )
    alone = failed(Kind.OUT_OF_MEMORY, Phase.KV_POOL, words=words[:65])
    assert not any("process" in one for one in only(launch(ARGUMENTS, FACTS, alone)).advice)


def test_others_on_the_gpu_are_told_when_they_grow() -> None:
    words = "CUDA out of memory. Including non-PyTorch memory, this process has 70.00 GiB memory in use."
    trouble = failed(
        Kind.OUT_OF_MEMORY, Phase.SERVING, words=words, tried_gib=1.0, free_gib=0.5, capacity_gib=79.0
    )
    # 79 - 0.5 - 70 are held by others now; 79 - 78 were at the start.
    advice = only(launch(ARGUMENTS, FACTS, trouble)).advice[-1]
    assert advice == "others hold 7.50 GB more of this GPU than when the server started: see `nvidia-smi`"


def test_a_share_that_the_server_chose_depends_on_what_it_keeps_room_for() -> None:
    # Servers choose in thousandths; with larger chunks or graphs they choose less.
    trouble = failed(Kind.OUT_OF_MEMORY, Phase.SERVING, "prefill")
    finding = only(launch({**ARGUMENTS, "mem_fraction_static": 0.874}, FACTS, trouble))
    larger = {move.parameter: move.at_least for move in finding.unless if move.at_least is not None}
    assert larger["chunked_prefill_size"] == 8193
    assert larger["cuda_graph_max_bs"] == 257
    chosen = only(launch(ARGUMENTS, FACTS, trouble))
    assert all(move.parameter != "chunked_prefill_size" for move in chosen.unless)


@pytest.mark.parametrize("off", [{"disable_cuda_graph": True}, {"cuda_graph_backend_decode": "disabled"}])
def test_graphs_that_are_off_cannot_be_smaller(off: dict[str, Any]) -> None:
    trouble = failed(Kind.OUT_OF_MEMORY, Phase.SERVING, "prefill")
    finding = only(launch({**ARGUMENTS, **off}, FACTS, trouble))
    names = {move.parameter for move in (*finding.moves, *finding.unless)}
    assert not names & {"cuda_graph_max_bs", "disable_cuda_graph"}


def test_graphs_of_compiled_models_may_do_without() -> None:
    compiled = {**ARGUMENTS, "enable_torch_compile": True}
    finding = only(launch(compiled, FACTS, failed(Kind.OUT_OF_MEMORY, Phase.GRAPHS)))
    assert list(ways(finding.moves))[1:3] == ["cuda_graph_max_bs", "enable_torch_compile"]


def test_a_draft_model_is_loaded_beside_the_cache() -> None:
    arguments = {**ARGUMENTS, "speculative_algorithm": "EAGLE"}
    trouble = failed(Kind.OUT_OF_MEMORY, Phase.WEIGHTS)
    finding = only(launch(arguments, FACTS, trouble))
    assert "draft model" in finding.summary
    assert ways(finding.moves) == {"mem_fraction_static": 0.8, "speculative_algorithm": None}


def test_the_least_share_is_taken_from_the_server_where_it_says_so() -> None:
    trouble = failed(Kind.NO_POOL, Phase.KV_POOL, least_mem_fraction_static=0.1923)
    arguments = {**ARGUMENTS, "mem_fraction_static": 0.15}
    assert only(launch(arguments, FACTS, trouble)).moves[0].at_least == 0.192


def test_requests_that_ran_when_memory_ran_out_bound_those_that_may() -> None:
    series = Series(columns={Column.MOST_RUNNING: (120.0, 310.0), Column.DECODES: (5.0, 5.0)})
    trouble = failed(Kind.OUT_OF_MEMORY, Phase.SERVING, "decode")
    move = move_of(only(launch(ARGUMENTS, FACTS, trouble, series=series)), "max_running_requests")
    assert (move.at_most, move.to) == (309, 232)


@pytest.mark.parametrize(
    ("chunk", "to"), [(16384, 4096), (8192, 4096), (4096, 2048), (2048, 1024), (-1, 4096)]
)
def test_chunks_shrink_as_the_guide_says(chunk: int, to: int) -> None:
    trouble = failed(Kind.OUT_OF_MEMORY, Phase.SERVING, "prefill")
    finding = only(launch({**ARGUMENTS, "chunked_prefill_size": chunk}, FACTS, trouble))
    assert finding.moves[0].to == to


@pytest.mark.parametrize(("share", "to"), [(0.9, 0.8), (0.8, 0.7), (0.75, 0.7), (0.6, 0.53)])
def test_shares_shrink_as_the_guide_says(share: float, to: float) -> None:
    trouble = failed(Kind.OUT_OF_MEMORY, Phase.SERVING, "prefill")
    finding = only(launch({**ARGUMENTS, "mem_fraction_static": share}, FACTS, trouble))
    assert move_of(finding, "mem_fraction_static").to == to


def test_the_newer_name_of_an_argument_is_known() -> None:
    arguments = {name: value for name, value in ARGUMENTS.items() if name != "cuda_graph_max_bs"}
    trouble = failed(Kind.OUT_OF_MEMORY, Phase.GRAPHS)
    finding = only(launch({**arguments, "cuda_graph_max_bs_decode": 512}, FACTS, trouble))
    assert ways(finding.moves)["cuda_graph_max_bs"] == 256


def test_a_pool_without_room_wants_more_and_says_how_much() -> None:
    arguments = {**ARGUMENTS, "mem_fraction_static": 0.15}
    finding = only(launch(arguments, FACTS, failed(Kind.NO_POOL, Phase.KV_POOL)))
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
    finding = only(launch(arguments, {}, failed(Kind.NO_POOL, Phase.KV_POOL)))
    assert finding.moves[0].to == 0.95
    finding = only(
        launch({**arguments, "mem_fraction_static": 0.95}, {}, failed(Kind.NO_POOL, Phase.KV_POOL))
    )
    assert [move.parameter for move in finding.moves] == ["tp_size", "quantization"]


def test_one_message_has_many_causes() -> None:
    finding = only(
        launch(ARGUMENTS, FACTS, failed(Kind.CAPTURE, Phase.GRAPHS, words="CUDA error: no kernel image"))
    )
    assert (finding.id, finding.moves) == ("graph-capture-failed", ())
    memory = failed(Kind.CAPTURE, Phase.GRAPHS, words="Capture cuda graph failed: CUDA out of memory.")
    assert only(launch(ARGUMENTS, FACTS, memory)).id == "out-of-memory-graphs"


def test_a_failure_without_arguments_asks_for_them_where_they_say_more() -> None:
    def advice(trouble: Trouble) -> str:
        silent = launch({}, {}, trouble).model_copy(update={"arguments_line": None})
        (finding,) = (one for one in findings([silent]) if one.severity is Severity.ERROR)
        assert finding.moves == ()
        return finding.advice[-1]

    # Also where the log alone gives no way out.
    assert "with `--config`" in advice(failed(Kind.NO_POOL, Phase.KV_POOL))
    assert "with `--config`" in advice(failed(Kind.OUT_OF_MEMORY, Phase.WEIGHTS))
    assert "with `--config`" not in advice(failed(Kind.CRASH, Phase.SERVING, words="ValueError: no"))


def test_figures_that_no_server_has_are_none() -> None:
    seen = launch(ARGUMENTS, {**FACTS, Fact.LEFT: -1.0, Fact.MOST_RUNNING: 1e30, Fact.GRAPHS: float("nan")})
    assert seen.figures.keys() == FACTS.keys()
    assert seen.figure(Fact.MOST_RUNNING) is None


@pytest.mark.parametrize(
    ("move", "sentence"),
    [
        (Move(parameter="x", among=(None,), was="EAGLE"), "leave out `x`"),
        (Move(parameter="x", among=("fp8", "awq"), to="fp8"), "set `x` to `fp8`"),
        (Move(parameter="x", at_least=2, at_most=8, was=16, to=8), "lower `x` from 16 to 8"),
        (Move(parameter="x", at_least=2, at_most=8, was=1, to=8), "raise `x` from 1 to 8"),
        (Move(parameter="x", apart_from=(True,), was=True), "try another `x` than `true`"),
    ],
)
def test_a_move_is_a_sentence(move: Move, sentence: str) -> None:
    assert told(move) == sentence


def test_one_failure_is_told_once() -> None:
    seen = launch(
        ARGUMENTS,
        FACTS,
        failed(Kind.OUT_OF_MEMORY, Phase.GRAPHS),
        failed(Kind.CAPTURE, Phase.GRAPHS),
        failed(Kind.CRASH, Phase.GRAPHS, words="Exception: Capture cuda graph failed"),
        failed(Kind.KILLED, Phase.GRAPHS, signal=9),
    )
    assert [finding.id for finding in shown(seen)] == ["out-of-memory-graphs"]


# mini-SGLang, with its own names.


@pytest.mark.parametrize(("ratio", "to"), [(0.9, 0.8), (0.8, 0.5), (0.5, 0.3)])
def test_mini_sglang_lowers_its_ratio(ratio: float, to: float) -> None:
    trouble = failed(Kind.OUT_OF_MEMORY, Phase.SERVING)
    finding = only(launch({**MINI, "memory_ratio": ratio}, {}, trouble, server="minisgl"))
    assert ways(finding.moves) == {"memory_ratio": to, "max_extend_tokens": 4096, "max_running_req": 192}


def test_mini_sglang_tries_memory_with_dummy_weights() -> None:
    trouble = failed(Kind.OUT_OF_MEMORY, Phase.WEIGHTS)
    finding = only(launch(MINI, {}, trouble, server="minisgl"))
    assert any("--dummy-weight" in sentence for sentence in finding.advice)


def test_what_mini_sglang_leaves_on_a_small_gpu_is_no_alarm() -> None:
    facts = {Fact.BEFORE_LOADING: 11.5, Fact.LEFT: 0.8, Fact.POOL: 8.91, Fact.POOL_TOKENS: 83_462}
    assert {finding.severity for finding in shown(launch(MINI, facts, server="minisgl"))} == {Severity.INFO}


def test_batches_of_mini_sglang_without_graphs_are_foreseen() -> None:
    seen = launch(MINI, {Fact.LARGEST_GRAPH: 160}, server="minisgl", graph_sizes=(1, 2, 4, 8, 160))
    assert ways(only(seen).moves) == {"cuda_graph_max_bs": 256}


@pytest.mark.parametrize("port", [1919, 1920])
def test_the_port_of_mini_sglang_and_the_next(port: int) -> None:
    trouble = failed(Kind.PORT, Phase.ARGUMENTS, port=port)
    finding = only(launch(MINI, {}, trouble, server="minisgl"))
    assert finding.command == f"ss -tlnp | grep :{port}"
    assert ("`server_port` + 1" in finding.summary) is (port == 1920)


# Starting and ending.


@pytest.mark.parametrize(
    ("trouble", "name", "command"),
    [
        (failed(Kind.PORT, Phase.ARGUMENTS), "port-in-use", "ss -tlnp | grep :30000"),
        (
            failed(Kind.ARGUMENTS, Phase.ARGUMENTS, words="bad"),
            "arguments-refused",
            "spacegen check SPACE CONFIG",
        ),
        (failed(Kind.WATCHDOG, Phase.SERVING), "watchdog", "py-spy dump --pid PID"),
        (
            failed(Kind.KILLED, Phase.WEIGHTS, signal=9),
            "host-memory",
            "dmesg -T | grep -i -E 'killed process|oom'",
        ),
        (failed(Kind.KILLED, Phase.SERVING, signal=11), "crashed", None),
        (failed(Kind.CRASH, Phase.SERVING, words="RuntimeError: NCCL error"), "crashed", None),
    ],
)
def test_other_ends_come_with_a_command_or_a_sentence(
    trouble: Trouble, name: str, command: str | None
) -> None:
    finding = only(launch(ARGUMENTS, FACTS, trouble))
    assert (finding.id, finding.command, finding.severity) == (name, command, Severity.ERROR)
    assert finding.advice


def test_an_exception_that_the_server_survived_is_a_warning() -> None:
    trouble = failed(Kind.CRASH, Phase.SERVING, words="ValueError: x").model_copy(update={"fatal": False})
    assert only(launch(ARGUMENTS, FACTS, trouble, ready=READY)).severity is Severity.WARNING


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
    trouble = failed(Kind.ARGUMENTS, Phase.ARGUMENTS, words=words).model_copy(update={"lines": (line,)})
    name = flag.removeprefix("--").replace("-", "_")
    assert only(launch({}, {}, trouble, server=None)).advice[0] == f"`{name}`: did you mean `{meant}`?"


def test_an_argument_of_another_version_is_named() -> None:
    words = "unrecognized arguments: --cuda-graph-max-bs-decode 256"
    finding = only(launch({}, {}, failed(Kind.ARGUMENTS, Phase.ARGUMENTS, words=words), version="0.5.6"))
    assert finding.advice[0] == "`cuda_graph_max_bs_decode` is called `cuda_graph_max_bs` before 0.5.14"


def test_an_argument_that_was_misspelt_is_named() -> None:
    words = "unrecognized arguments: --chunked-prefil-size 4096"
    finding = only(launch({}, {}, failed(Kind.ARGUMENTS, Phase.ARGUMENTS, words=words)))
    assert finding.advice[0] == "`chunked_prefil_size`: did you mean `chunked_prefill_size`?"


def test_the_port_of_the_ranks_is_another_than_that_of_the_api() -> None:
    finding = only(launch(ARGUMENTS, {}, failed(Kind.PORT, Phase.ARGUMENTS, port=31234)))
    assert finding.advice[1].endswith("with `--nccl-port` (the API's port is 30000)")


def test_a_hierarchical_cache_is_what_main_memory_is_saved_on() -> None:
    arguments = {**ARGUMENTS, "enable_hierarchical_cache": True, "hicache_ratio": 3.0, "hicache_size": 0}
    words = "ValueError: Not enough host memory available. Requesting {} GB but only have 40.00 GB free."
    trouble = failed(Kind.CRASH, Phase.KV_POOL, words="ValueError: Not enough host memory available.")
    finding = only(launch(arguments, FACTS, trouble))
    assert ways(finding.moves) == {"hicache_ratio": 2.0, "enable_hierarchical_cache": False}
    trouble = failed(Kind.CRASH, Phase.KV_POOL, words=words.format("50.00"))
    (ratio, _) = only(launch(arguments, FACTS, trouble)).moves
    assert (ratio.at_most, ratio.to) == (2.4, 2.4)
    arguments = {**arguments, "hicache_size": 100}
    trouble = failed(Kind.CRASH, Phase.KV_POOL, words=words.format("100.00"))
    (size, _) = only(launch(arguments, FACTS, trouble)).moves
    assert (size.parameter, size.at_least, size.at_most) == ("hicache_size", 1, 40)


def test_a_slow_start_names_what_is_slow() -> None:
    series = Series(columns={Column.MOST_RUNNING: (48.0,), Column.DECODES: (9.0,)})
    arguments = {**ARGUMENTS, "model_path": "meta-llama/Llama-3.1-8B-Instruct"}
    facts = {Fact.LOADING_SECONDS: 900.0, Fact.CAPTURE_SECONDS: 140.0}
    loading, capture = shown(launch(arguments, facts, series=series))
    assert (loading.id, capture.id) == ("slow-loading", "slow-capture")
    assert "local folder" in loading.advice[0]
    (move,) = capture.moves
    assert (move.at_least, move.at_most, move.to) == (48, 255, 48)


def test_arguments_that_the_server_changed_are_told() -> None:
    seen = launch()
    asked = {"chunked_prefill_size": 4096, "tp_size": 1, "mem_fraction_static": None, "page_size": 64}
    (finding,) = changed(seen, asked)
    assert finding.summary.endswith("`chunked_prefill_size` is 8192 instead of 4096")
    assert finding.evidence == (seen.arguments_line,)
    assert list(changed(seen, {"tp_size": 1.0})) == []


def test_what_a_server_says_beside_its_arguments_wins_over_what_was_asked_for() -> None:
    facts = {Fact.CHUNK: 8192, Fact.PREFILL_TOKENS: 16384, Fact.MOST_RUNNING: 341, Fact.CONTEXT: 131072}
    silent = launch({}, {**FACTS, **facts}).model_copy(update={"arguments_line": None})
    asked = {"chunked_prefill_size": 16384, "max_running_requests": 1024, "mem_fraction_static": 0.9}
    shared = {**asked, "max_running_requests": 1024, "enable_dp_attention": True, "dp_size": 3}
    for given, running in ((asked, 341), (shared, 1024)):
        found = examine([silent], config=given)
        assert found.launches[0].arguments == {
            **given,
            "chunked_prefill_size": 8192,
            "max_running_requests": running,
        }
        (finding,) = (one for one in found.findings if one.id == "arguments-changed")
        assert "`chunked_prefill_size` is 8192 instead of 16384" in finding.summary
        assert ("`max_running_requests` is 341 instead of 1024" in finding.summary) == (given is asked)
        assert finding.evidence[0].text == "chunked prefill size"
    assert not examine([silent], config={"chunked_prefill_size": 8192, "context_length": None}).findings


def test_arguments_are_compared_under_the_names_of_either_version() -> None:
    (finding,) = changed(launch({"cuda_graph_max_bs_decode": 256}), {"cuda_graph_max_bs": 512})
    assert "is 256 instead of 512" in finding.summary


# The window over several launches.


def at(share: float, *troubles: Trouble, **arguments: Any) -> Launch:
    return launch(
        {**ARGUMENTS, "mem_fraction_static": share, **arguments},
        FACTS,
        *troubles,
        ready=None if troubles else READY,
    )


LOW = failed(Kind.NO_POOL, Phase.KV_POOL)
HIGH = failed(Kind.OUT_OF_MEMORY, Phase.SERVING, "prefill")


def test_no_window_names_what_opens_one() -> None:
    (finding,) = window([at(0.84, LOW), at(0.85, HIGH)], "throughput")
    assert (finding.id, finding.severity, finding.launch) == ("no-memory-window", Severity.ERROR, 1)
    assert finding.summary == "0.84 is too low and 0.85 runs out: no share in steps of 0.01 works"
    assert [move.parameter for move in finding.moves[:3]] == [
        "chunked_prefill_size",
        "tp_size",
        "quantization",
    ]
    assert "mem_fraction_static" not in {move.parameter for move in finding.moves}
    # Nobody has tried what lies between two steps.
    between = next(move for move in finding.unless if move.parameter == "mem_fraction_static")
    assert (between.at_least, between.at_most, between.to) == (0.841, 0.849, None)
    assert "quantization" in {move.parameter for move in finding.moves}


def test_no_way_out_leads_to_what_another_launch_has_tried() -> None:
    graphs = failed(Kind.OUT_OF_MEMORY, Phase.GRAPHS)
    found = findings([at(0.84, LOW), at(0.85, graphs)])
    assert {finding.id for finding in found} == {"no-kv-pool", "no-memory-window", "out-of-memory-graphs"}
    shares = [move for finding in found for move in finding.moves if move.parameter == "mem_fraction_static"]
    assert [move.to for move in shares] == [None, None]
    told = [sentence for finding in found for sentence in finding.advice if "mem_fraction" in sentence]
    assert told == [
        "another `mem_fraction_static` does not help: 0.85 runs out",
        "another `mem_fraction_static` does not help: 0.84 is too low",
    ]
    # With more room between both, a share of the window.
    found = findings([at(0.75, LOW), at(0.85, failed(Kind.OUT_OF_MEMORY, Phase.GRAPHS))])
    (out,) = (finding for finding in found if finding.id == "out-of-memory-graphs")
    assert (out.moves[0].to, out.moves[0].at_most) == (0.8, 0.849)
    # Whatever the graphs, weights need their share.
    found = findings([at(0.84, LOW), at(0.85, graphs, cuda_graph_max_bs=128)])
    (out,) = (finding for finding in found if finding.id == "out-of-memory-graphs")
    assert [(move.parameter, move.to) for move in out.moves[:2]] == [
        ("mem_fraction_static", None),
        ("cuda_graph_max_bs", 64),
    ]


@pytest.mark.parametrize(
    ("low", "share", "left", "to", "bounds"),
    [
        # As far as the window goes; where nothing is left of it, not at all.
        (0.84, 0.85, 3.0, None, None),
        (0.81, 0.85, 3.0, 0.82, (0.811, 0.849)),
        (None, 0.80, 14.0, 0.84, (0.801, 0.849)),
    ],
)
def test_advice_goes_as_far_as_the_window_does(
    low: float | None, share: float, left: float, to: float | None, bounds: tuple[float, float] | None
) -> None:
    facts = {**FACTS, Fact.LEFT: left}
    seen = launch({**ARGUMENTS, "mem_fraction_static": share}, facts, ready=READY)
    other = at(0.85, HIGH) if low is None else at(low, LOW)
    (finding,) = (one for one in findings([seen, other]) if one.id.startswith("memory-") and one.launch == 0)
    assert [move.to for move in finding.moves] == ([] if to is None else [to])
    assert [(move.at_least, move.at_most) for move in finding.moves] == ([] if bounds is None else [bounds])
    verb = "another" if to is None else "lower" if to < share else "raise"
    assert finding.advice[0].startswith(verb)


def test_a_share_that_was_worked_out_is_told_as_such() -> None:
    short = failed(Kind.OUT_OF_MEMORY, Phase.SERVING, "prefill", tried_gib=2.5, free_gib=1.0)
    seen = launch({**ARGUMENTS, "mem_fraction_static": 0.83}, {**FACTS, Fact.LEFT: 14.0}, ready=READY)
    (finding,) = (one for one in findings([seen, at(0.9, short)]) if one.id == "memory-unused")
    assert finding.advice[0] == (
        "raise `mem_fraction_static` from 0.83 to 0.88 (0.9 runs out, as any from 0.882 on would)"
    )
    (finding,) = (one for one in findings([seen, at(0.85, short)]) if one.id == "memory-unused")
    assert finding.advice[0] == (
        "another `mem_fraction_static` does not help: 0.85 runs out, as any from 0.832 on would"
    )
    assert finding.moves == ()


@pytest.mark.parametrize(
    ("failing", "to", "bounds"),
    [(1024, 512, (257.0, 1023.0)), (400, 399, (257.0, 399.0)), (257, None, None)],
)
def test_advice_leads_to_no_launch_that_failed(
    failing: int, to: int | None, bounds: tuple[float, float] | None
) -> None:
    raised = Move(parameter="max_running_requests", at_least=257, was=256, to=1024)
    lowered = Move(parameter="max_running_requests", at_most=failing - 1, was=failing, to=failing // 2)
    advice = advised(Severity.WARNING, raised)
    error = advised(Severity.ERROR, lowered).model_copy(update={"launch": 1})
    seen = [at(0.88, max_running_requests=256), at(0.88, HIGH, max_running_requests=failing)]
    (finding,) = (one for one in agreed(seen, [advice, error]) if one.severity is Severity.WARNING)
    if bounds is None:
        assert finding.moves == ()
        assert finding.advice == ("another `max_running_requests` does not help: 257 ends in `advised`",)
    else:
        assert [(move.at_least, move.at_most, move.to) for move in finding.moves] == [(*bounds, to)]
    # A launch that failed with another share says nothing about this one.
    seen[1] = at(0.9, HIGH, max_running_requests=failing)
    assert next(iter(agreed(seen, [advice, error]))).moves == (raised,)


def test_what_lies_between_is_the_window() -> None:
    (finding,) = window([at(0.88, HIGH), at(0.84, LOW)], "throughput")
    assert (finding.id, finding.severity) == ("memory-window", Severity.INFO)
    (move,) = finding.moves
    assert (move.at_least, move.at_most, move.to) == (0.841, 0.879, 0.86)
    (finding,) = window([at(0.88, HIGH), at(0.85), at(0.84, LOW)], "throughput")
    assert finding.moves[0].to == 0.85
    assert "0.85 worked" in finding.summary


def test_what_was_missing_narrows_the_window() -> None:
    short = failed(Kind.OUT_OF_MEMORY, Phase.SERVING, "prefill", tried_gib=2.5, free_gib=1.0)
    (finding,) = window([at(0.84, LOW), at(0.89, short)], "throughput")
    assert finding.summary.startswith(
        "0.84 is too low and 0.89 runs out, as any from 0.872 on would: the window is 0.85 to 0.87;"
    )
    assert (finding.moves[0].at_least, finding.moves[0].at_most) == (0.841, 0.871)
    (finding,) = window([at(0.84, LOW), at(0.86, short)], "throughput")
    assert finding.id == "no-memory-window"
    # One that worked is believed before numbers are.
    (finding,) = window([at(0.84, LOW), at(0.85), at(0.86, short)], "throughput")
    assert (finding.id, finding.moves[0].to) == ("memory-window", 0.85)


def test_launches_that_differ_otherwise_have_no_window_in_common() -> None:
    assert list(window([at(0.84, LOW), at(0.85, HIGH, tp_size=2)], "throughput")) == []
    assert list(window([at(0.84, LOW), at(0.85, HIGH, port=30001)], "throughput")) != []


def test_a_capture_that_failed_for_other_reasons_says_nothing_about_shares() -> None:
    other = failed(Kind.CAPTURE, Phase.GRAPHS, words="CUDA error: no kernel image")
    assert list(window([at(0.84, LOW), at(0.85, other)], "throughput")) == []
