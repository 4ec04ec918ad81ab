"""The config to launch next is near what was launched, and near what findings try first."""

from __future__ import annotations

from pathlib import Path

import pytest

from spacegen.diagnose.finding import Move
from spacegen.diagnose.launch import Launch
from spacegen.diagnose.narrowing.narrowing import narrow
from spacegen.diagnose.telling.flags import changes
from tests.server_logs import NEW, OLD, Story
from tests.spaces_to_narrow import CHUNK, LOWER, RAN, RANKS, edit, finding, h100, launch, of, small


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
