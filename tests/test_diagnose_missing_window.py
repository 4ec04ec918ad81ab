"""Arguments for which no value works with the rest of a launch, and what makes one work."""

from __future__ import annotations

from pathlib import Path

from spacegen.diagnose.finding import Move, Severity
from spacegen.diagnose.narrowing.narrowing import narrow
from tests.server_logs import NEW, OLD, Story
from tests.spaces_to_narrow import CHUNK, finding, h100, launch, of, small


def test_the_missing_window_and_the_smallest_change_that_opens_one(tmp_path: Path) -> None:
    low, high = Story(share=0.84, ends="no-pool"), Story(share=0.85, ends="prefill-oom")
    found = of(tmp_path, NEW, low, high)
    made = narrow(h100(), found.launches, found.findings)
    (window,) = made.windows
    assert str(window) == (
        "no value of `mem_fraction_static` works with the rest of this launch: "
        "0.84 is too low, 0.85 is too high; "
        "smallest change that makes one work: chunked_prefill_size = 4096 (was 8192)"
    )
    assert made.next is not None
    assert [str(change) for change in made.next.changes] == ["chunked_prefill_size: 8192 -> 4096"]


def test_a_window_opens_with_what_it_needs_and_no_more() -> None:
    share = "mem_fraction_static"
    calm = Move(parameter="caution", at_least=1.0)
    short = finding(Move(parameter=share, at_least=0.84), id="short", error=True)
    ran_out = finding(Move(parameter=share, at_most=0.8), CHUNK, calm, id="out", error=True)
    advice = (finding(CHUNK, id="chunk"), finding(calm, id="calm"))
    ran = launch(mem_fraction_static=0.82, chunked_prefill_size=8192, caution=0.7)
    made = narrow(small(), [ran], [short, ran_out, *advice])
    assert [str(window) for window in made.windows] == [
        (
            "no value of `mem_fraction_static` works with the rest of this launch: "
            "0.82 is both too low and too high; "
            "smallest change that makes one work: chunked_prefill_size = 4096 (was 8192)"
        )
    ]
    assert made.next is not None
    assert {change.parameter for change in made.next.changes} == {share, "chunked_prefill_size", "caution"}


def test_the_next_launch_opens_the_window_that_is_told(tmp_path: Path) -> None:
    low, high = Story(share=0.84, ends="no-pool"), Story(share=0.85, ends="graphs-oom")
    found = of(tmp_path, NEW, low, high)
    made = narrow(h100(), found.launches, found.findings)
    assert made.next is not None
    (window,) = made.windows
    assert window.opening == {c.parameter: (c.before, c.after) for c in made.next.changes}
    assert len(window.opening) == 1


def test_the_next_launch_takes_the_way_out_that_no_other_launch_has_shown_to_fail(tmp_path: Path) -> None:
    stories = [Story(share=0.84, ends="no-pool")]
    stories += [Story(share=0.85, ends="graphs-oom", graphs=size) for size in (256, 128)]
    found = of(tmp_path, OLD, *stories)
    made = narrow(h100(), found.launches, found.findings)
    assert made.next is not None
    assert [str(change) for change in made.next.changes] == ["cuda_graph_max_bs_decode: 128 -> 64"]
    (window,) = made.windows
    assert str(window).endswith("makes one work: cuda_graph_max_bs_decode = 64 (was 128)")


def test_advice_bounds_no_window() -> None:
    short = finding(Move(parameter="mem_fraction_static", at_least=0.84), id="short", error=True)
    tight = finding(Move(parameter="mem_fraction_static", at_most=0.8), id="tight")
    made = narrow(small(), [launch(mem_fraction_static=0.8)], [short, tight])
    assert made.windows == ()
    ran_out = tight.model_copy(update={"severity": Severity.ERROR})
    assert len(narrow(small(), [launch(mem_fraction_static=0.8)], [short, ran_out]).windows) == 1
