"""The config to launch next: near what was launched and what findings try first; what no finding asks for
stays, and what cannot stay is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spacegen import Space, load
from spacegen.diagnose.finding import Move
from spacegen.diagnose.launch import Fact, Figure, Launch, Line
from spacegen.diagnose.narrowing.moves import paid
from spacegen.diagnose.narrowing.narrowing import Narrowing, narrow
from spacegen.diagnose.telling.flags import changes
from spacegen.diagnose.telling.narrowed import edit_line, next_launch_lines
from tests.server_logs import NEW, OLD, Story
from tests.spaces_to_narrow import CHUNK, LOWER, RAN, RANKS, edit, finding, h100, launch, of, small

CAUTION = "schedule_conservativeness"
CALMER = Move(parameter=CAUTION, at_most=0.7, was=1.0, to=0.3)


@pytest.fixture
def space(tmp_path: Path) -> Space:
    path = tmp_path / "node.yaml"
    path.write_text(
        "spacegen: 1\n"
        "target: {server: sglang, version: 0.5.23}\n"
        "parameters:\n"
        "  tp_size: [1, 8]\n"
        "  attn_dp_size: [1, 2, 8]\n"
        "  mem_fraction_static: {values: [null, 0.8, 0.85, 0.88, 0.9], default: null}\n"
        f"  {CAUTION}: {{values: [null, 0.3, 0.5, 0.7, 1.0, 1.3], default: null}}\n"
        "  chunked_prefill_size: {values: [null, 512, 4096, 16384], default: null}\n"
        "  kv_cache_dtype: [auto, fp8_e4m3]\n"
        "  enable_hierarchical_cache: [false, true]\n"
        "  hicache_ratio: {values: [null, 2.0, 4.0], active_when: enable_hierarchical_cache}\n"
        "rules:\n"
        "  - {id: divides, require: tp_size % attn_dp_size == 0}\n"
        f"  - {{id: scales, when: attn_dp_size > 1, require: {CAUTION} is null}}\n"
        "  - {id: shares, when: attn_dp_size > 1, require: chunked_prefill_size is null}\n"
    )
    return load(str(path))


NODE = {
    "tp_size": 8,
    "attn_dp_size": 1,
    "mem_fraction_static": 0.88,
    CAUTION: 1.0,
    "chunked_prefill_size": 4096,
    "kv_cache_dtype": "auto",
    "enable_hierarchical_cache": False,
    "hicache_ratio": 2.0,
}


def on_node(**arguments: Any) -> Launch:
    return Launch(server="sglang", version="0.5.23", arguments={**NODE, **arguments})


def told(made: Narrowing) -> list[str]:
    return [line.strip() for line in list(next_launch_lines(made))[1:]]


def test_the_next_config_is_the_nearest_one_to_what_was_launched() -> None:
    made = narrow(small(), [launch()], [finding(LOWER, RANKS, id="oom", error=True)])
    assert made.next is not None
    assert made.next.config == {**RAN, "mem_fraction_static": 0.8}
    assert [str(change) for change in made.next.changes] == ["mem_fraction_static: 0.88 -> 0.8"]
    assert narrow(small(), [Launch()], []).next is None
    # An overlay does not say what to try first: it is the first way, as near as it comes.
    made = narrow(small(), [launch()], [], earlier=[edit((0.3, 0.7))])
    assert made.next is not None
    assert [str(change) for change in made.next.changes] == ["caution: 1.0 -> 0.7"]


def test_more_gpus_are_dearer_than_two_smaller_sizes() -> None:
    ways = (CHUNK.parameter, LOWER.parameter)
    space = small().with_rule(f"tp_size > 1 or ({ways[0]} == 2048 and {ways[1]} == 0.8)", id="other")
    made = narrow(space, [launch()], [finding(Move(parameter="caution", at_most=0.7, to=0.7))])
    assert made.next is not None
    assert made.next.config["tp_size"] == 1


def test_what_the_log_names_counts_although_the_space_lacks_it() -> None:
    name = "cuda_graph_max_bs"
    space = small().with_parameter(name, [None, 8, 48, 96, 512], default=None)
    fewer = finding(Move(parameter=name, at_most=255, was=256, to=128), id="oom", error=True)
    made = narrow(space, [launch(cuda_graph_max_bs=256)], [fewer])
    assert made.next is not None
    assert [str(change) for change in made.next.changes] == [f"{name}: 256 -> 96"]
    # Nor does an overlay say what to try first: what is nearest to that.
    again = narrow(space, [launch(cuda_graph_max_bs=256)], [], earlier=made.edits)
    later = [edit.model_copy(update={"tries": ()}) for edit in made.edits]
    assert again.next == narrow(space, [launch(cuda_graph_max_bs=256)], [], earlier=later).next == made.next


@pytest.mark.parametrize("version", [OLD, NEW])
def test_graphs_grow_with_the_requests_that_may_run(version: str, tmp_path: Path) -> None:
    found = of(tmp_path, version, Story(running=128, queue=350, usage=0.4, most_running=128, graphs=160))
    (few,) = (one for one in found.findings if one.id == "too-few-slots")
    (graphs,) = few.also
    assert (graphs.parameter, graphs.was, graphs.to) == ("cuda_graph_max_bs", 160, 384)
    assert "so also raise `cuda_graph_max_bs` from 160 to 384" in few.advice[1]
    assert {move.parameter for _, move in changes(found)} == {"max_running_requests", "cuda_graph_max_bs"}
    made = narrow(h100(), found.launches, found.findings)
    assert made.next is not None
    after = made.next.config
    assert (after["max_running_requests"], after["cuda_graph_max_bs_decode"]) == (256, 384)


def test_a_log_without_a_finding_that_moves_anything_has_no_next_launch(space: Space) -> None:
    made = narrow(space, [on_node()], [])
    assert made.next is None
    assert told(made) == []


@pytest.mark.parametrize("error", [True, False])
def test_what_the_whole_space_does_already_is_still_asked_of_a_launch_outside_of_it(
    space: Space, error: bool
) -> None:
    lower = Move(parameter="mem_fraction_static", at_most=0.96, was=0.97, to=0.95)
    made = narrow(space, [on_node(mem_fraction_static=0.97)], [finding(lower, error=error)])
    assert [one.reason for one in made.dropped] == ["the space already satisfies it: `mem_fraction_static`"]
    assert made.before == made.after
    assert told(made) == ["--mem-fraction-static 0.9  (was 0.97)"]
    # Costly changes are not made for it: no such value goes with groups of attention.
    caution = Move(parameter=CAUTION, at_most=3.2, was=3.33, to=2.6)
    made = narrow(space, [on_node(attn_dp_size=8, **{CAUTION: 3.33})], [finding(caution, error=error)])
    assert made.next is None
    # A launch within the space satisfies it, too.
    made = narrow(space, [on_node(mem_fraction_static=0.97), on_node()], [finding(lower, error=error)])
    assert made.next is None


def test_the_value_of_an_argument_that_nobody_reads_turns_nothing_on(space: Space) -> None:
    made = narrow(space, [on_node()], [finding(CALMER)])
    assert told(made) == ["--schedule-conservativeness 0.3  (was 1.0)"]
    # Where it is read it stays.
    made = narrow(space, [on_node(enable_hierarchical_cache=True, hicache_ratio=4.0)], [finding(CALMER)])
    assert made.next is not None
    assert made.next.config["hicache_ratio"] == 4.0


def test_what_the_space_lacks_becomes_what_means_the_same_most_and_is_told(space: Space) -> None:
    ran = on_node(chunked_prefill_size=-1, kv_cache_dtype="fp8_e5m2")
    made = narrow(space, [ran], [finding(CALMER)])
    assert set(told(made)) == {
        "--schedule-conservativeness 0.3  (was 1.0)",
        "--chunked-prefill-size 16384  (was -1; not in the space)",
        "--kv-cache-dtype fp8_e4m3  (was fp8_e5m2; not in the space)",
    }
    assert made.next is not None
    whys = {change["parameter"]: change.get("why") for change in made.next.as_dict()["changes"]}
    assert whys == {
        CAUTION: None,
        "chunked_prefill_size": "not in the space",
        "kv_cache_dtype": "not in the space",
    }


def test_ranks_stay_where_another_way_out_leaves_them(space: Space) -> None:
    chunk = Move(parameter="chunked_prefill_size", at_most=512, was=4096, to=512)
    share = Move(parameter="mem_fraction_static", at_most=0.86, was=0.88, to=0.85)
    failed = finding(chunk, share, error=True)
    ran = on_node(attn_dp_size=8)
    assert told(narrow(space, [ran], [failed])) == [
        "--mem-fraction-static 0.85  (was 0.88)",
        "no --chunked-prefill-size  (was 4096; rule `shares`)",
    ]
    assert told(narrow(space, [on_node()], [failed])) == ["--chunked-prefill-size 512  (was 4096)"]


def test_advice_about_what_has_served_narrows_nothing_and_comes_next(space: Space) -> None:
    share = Move(parameter="mem_fraction_static", at_most=0.86, was=0.88, to=0.8)
    scarce = finding(share, narrows=False)
    made = narrow(space, [on_node()], [scarce])
    assert made.after == made.before
    assert told(made) == ["--mem-fraction-static 0.8  (was 0.88)"]
    line = edit_line(scarce, made)
    assert line is not None
    assert line.startswith("changes nothing: no config is dropped for it")
    # A later launch is not changed for it, and what failed bounds it.
    assert narrow(space, [on_node(), on_node(mem_fraction_static=0.9)], [scarce]).next is None
    low = finding(Move(parameter="mem_fraction_static", at_least=0.87, was=0.8), error=True)
    assert narrow(space, [on_node()], [scarce, low]).next is None


@pytest.mark.parametrize(("to", "gib", "share"), [(4096, 4.0, 0.85), (8192, 4.0, 0.85), (2048, 4.0, 0.8)])
def test_what_costs_more_than_was_proposed_is_paid_for(
    space: Space, to: int, gib: float, share: float
) -> None:
    larger = Move(parameter="chunked_prefill_size", at_least=513, was=512, to=to)
    less = Move(parameter="mem_fraction_static", at_most=0.87, was=0.88, to=0.85)
    asked = finding(larger).model_copy(update={"also": (less,), "numbers": {"graphs_gib_more": gib}})
    left = Figure(value=80.0, line=Line(file="a.log", number=1, text="x"))
    ran = on_node(chunked_prefill_size=512).model_copy(update={"figures": {Fact.BEFORE_LOADING: left}})
    made = narrow(space, [ran], [asked])
    assert made.next is not None
    assert made.next.config["chunked_prefill_size"] == 4096
    assert made.next.config["mem_fraction_static"] == share


def test_only_what_was_bought_is_paid_for_in_proportion() -> None:
    # Of a share lowered by 0.07 most gives back memory that was missing before.
    graphs = Move(parameter="cuda_graph_max_bs", at_least=200, was=192, to=224)
    less = Move(parameter="mem_fraction_static", at_most=0.84, was=0.85, to=0.78)
    assert paid(less, graphs, 224, 0.003).to == 0.78
    assert paid(less, graphs, 256, 0.003).to == 0.777
    assert paid(less, graphs, 216, 0.003).to == 0.78
    higher = Move(parameter="mem_fraction_static", at_least=0.9, was=0.85, to=0.9)
    assert paid(higher, graphs, 256, 0.003) == higher
