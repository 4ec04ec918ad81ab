"""Findings as edits of spaces: each alone, together, over several runs, and in a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from spacegen import Space, load
from spacegen.diagnose.diagnosis import Diagnosis, diagnose, examine
from spacegen.diagnose.finding import Finding, Move, Severity
from spacegen.diagnose.launch import Fact, Figure, Kind, Launch, Line, Phase, Trouble, asked_of
from spacegen.diagnose.narrowing import overlay
from spacegen.diagnose.narrowing.clause_forms import members
from spacegen.diagnose.narrowing.edit import Basis, Edit, Kept
from spacegen.diagnose.narrowing.edits_from_findings import Dropped, Ground
from spacegen.diagnose.narrowing.narrowing import Narrowing, narrow
from spacegen.diagnose.narrowing.resolving import edits_in, resolve
from spacegen.diagnose.telling.flags import changes
from spacegen.errors import SpaceError, UsageError
from tests.server_logs import NEW, OLD, STORIES, Story, write

SNAPSHOTS = Path(__file__).parent / "cases" / "diagnose"
MODELS = Path(__file__).parent / "models"


@lru_cache(maxsize=1)
def h100() -> Space:
    return load("h100")


def of(tmp_path: Path, version: str, *stories: str | Story) -> Diagnosis:
    # What is never cached is told from many prefills.
    long = [story == STORIES["nothing-shared"] for story in stories]
    return diagnose(
        write(tmp_path / f"{i}.log", version, story, decodes=300 if long[i] else 80)
        for i, story in enumerate(stories)
    )


def within_reach(name: str) -> Story:
    return replace(STORIES[name], share=min(max(STORIES[name].share, 0.7), 0.94))


@pytest.mark.parametrize("story", ["healthy", "retracting-rarely", "too-little-left"])
def test_what_is_fine_narrows_nothing(story: str, tmp_path: Path) -> None:
    found = of(tmp_path, NEW, within_reach(story))
    made = narrow(h100(), found.launches, found.findings)
    assert (made.edits, made.dropped, made.after) == ((), (), h100().count())
    # Little memory is left, and yet it serves: nothing shows that it fails.
    assert [f.severity for f in found.findings if f.id == "memory-scarce"] == (
        [Severity.WARNING] if story == "too-little-left" else []
    )


def test_text_and_overlay_of_several_launches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stories = {"prefill.log": "prefill-oom", "decode.log": "decode-oom", "queue.log": "conservative"}
    for name, story in stories.items():
        write(Path(name), NEW, story, decodes=80)
    found = diagnose(list(stories))
    made = narrow(h100(), found.launches, found.findings)
    assert made.next is not None
    domains = made.space.domains
    told = [f"{edit.finding}: {edit.form}: {edit.text(domains)}" for edit in made.edits]
    told += [f"{one.finding}: {one.reason}" for one in made.dropped]
    told += [f"next: {change}" for change in made.next.changes]
    text = overlay.overlay_text("h100", h100(), made.edits, counts=made.counts)
    kept = "\n".join([*told, "", text])
    path = SNAPSHOTS / "overlay.txt"
    if os.environ.get("SPACEGEN_SNAPSHOTS") == "write":
        path.write_text(kept, encoding="utf-8")
    assert kept == path.read_text(encoding="utf-8")


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


# Small spaces and findings made by hand


def small() -> Space:
    return (
        Space.build("s", {"tp_size": [1, 2, 4]})
        .with_parameter("chunked_prefill_size", [None, -1, 2048, 4096, 8192], default=None)
        .with_parameter("mem_fraction_static", [0.8, 0.84, 0.88], default=0.8)
        .with_parameter("caution", [0.3, 0.7, 1.0, 1.3], default=1.0)
    )


RAN = {"tp_size": 1, "chunked_prefill_size": 8192, "mem_fraction_static": 0.88, "caution": 1.0}


def launch(**arguments: Any) -> Launch:
    return Launch(server="sglang", version="0.5.6", arguments={**RAN, **arguments})


def finding(
    *moves: Move, id: str = "f", error: bool = False, launch: int = 0, unless: tuple[Move, ...] = ()
) -> Finding:
    return Finding(
        id=id,
        phase=Phase.SERVING,
        severity=Severity.ERROR if error else Severity.WARNING,
        launch=launch,
        summary=f"it shows {id}",
        evidence=(Line(file="a.log", number=3, text="x"),),
        moves=moves,
        unless=unless,
    )


CHUNK = Move(parameter="chunked_prefill_size", at_most=4096, was=8192, to=4096)
LOWER = Move(parameter="mem_fraction_static", at_most=0.84, was=0.88, to=0.8)
RANKS = Move(parameter="tp_size", at_least=2, was=1, to=2)


def ways(space: Space, *moves: Move, asked: Mapping[str, Any] | None = None, **ran: Any) -> dict[str, Any]:
    edit = Ground.of(space, launch(**ran), asked).edit(finding(*moves))
    assert isinstance(edit, Edit), edit
    return {way.parameter: way.values for way in edit.ways}


def reason(space: Space, *moves: Move, **ran: Any) -> str:
    found = Ground.of(space, launch(**ran)).edit(finding(*moves))
    assert isinstance(found, Dropped)
    return found.reason


def test_a_move_keeps_the_values_on_its_side() -> None:
    assert ways(small(), LOWER, RANKS) == {"mem_fraction_static": (0.8, 0.84), "tp_size": (2, 4)}


def test_null_stays_where_the_launch_did_not_leave_it_to_the_server() -> None:
    given = {"chunked_prefill_size": 8192}
    assert ways(small(), CHUNK, asked=given) == {"chunked_prefill_size": (None, 2048, 4096)}
    # Without that the log names what the server made of it, and would make of it again.
    assert ways(small(), CHUNK) == {"chunked_prefill_size": (2048, 4096)}
    # No server chooses a share of two digits.
    chosen = small().with_parameter("mem_fraction_static", [None, 0.8, 0.84, 0.88], default=None)
    assert ways(chosen, LOWER) == {"mem_fraction_static": (None, 0.8, 0.84)}
    assert ways(chosen, LOWER, mem_fraction_static=0.876) == {"mem_fraction_static": (0.8, 0.84)}
    # Its log names a value that the space lacks, so the server has chosen it.
    assert ways(small(), CHUNK, chunked_prefill_size=6144) == {"chunked_prefill_size": (2048, 4096)}
    assert ways(small(), CHUNK, asked={"tp_size": 1}) == {"chunked_prefill_size": (2048, 4096)}


def test_what_was_not_asked_for_is_at_the_default_of_the_target() -> None:
    ran = Ground.of(h100(), launch(), {"mem_fraction_static": 0.88}).ran
    assert ran["mem_fraction_static"] == 0.88
    assert (ran["schedule_conservativeness"], ran["chunked_prefill_size"]) == (1.0, None)
    made = narrow(h100(), [launch()], [finding(LOWER)], asked={"mem_fraction_static": 0.88})
    assert made.next is not None
    assert [str(change) for change in made.next.changes] == ["mem_fraction_static: 0.88 -> 0.8"]


def test_the_command_beside_a_log_says_what_was_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "trial-00001"
    folder.mkdir()
    log = write(folder / "server.log", NEW, "prefill-oom", decodes=80)
    command = "CUDA_VISIBLE_DEVICES=0 python -m sglang.launch_server --model-path m --mem-fraction-static 0.9"
    (folder / "command.txt").write_text(f"{command}\n")
    found = diagnose([log])
    ran = Ground.of(h100(), found.launches[0]).ran
    assert (ran["mem_fraction_static"], ran["chunked_prefill_size"]) == (0.9, None)
    made = narrow(h100(), found.launches, found.findings)
    assert None not in made.edits[0].ways[0].values
    # The words of another version are not understood well enough.
    assert Ground.of(load("h100", target="sglang==0.5.6"), found.launches[0]).ran["chunked_prefill_size"]
    (folder / "command.txt").write_text("'")
    assert Ground.of(h100(), found.launches[0]).ran["chunked_prefill_size"] == 8192


def test_no_limit_is_more_than_any() -> None:
    more = Move(parameter="chunked_prefill_size", at_least=8192)
    assert ways(small(), more, chunked_prefill_size=4096) == {"chunked_prefill_size": (-1, 8192)}


def test_null_is_the_default_where_there_is_one() -> None:
    move = Move(parameter="schedule_conservativeness", at_most=0.7, was=1.0, to=0.3)
    edit = Ground.of(h100(), launch(schedule_conservativeness=1.0)).edit(finding(move))
    assert isinstance(edit, Edit)
    assert edit.ways[0].values == (0.3, 0.4, 0.5, 0.6, 0.7)
    assert edit.tries == ({"schedule_conservativeness": 0.3},)


def test_arguments_are_called_as_the_space_calls_them() -> None:
    move = Move(parameter="cuda_graph_max_bs", at_least=512, was=160, to=512)
    edit = Ground.of(h100(), launch(cuda_graph_max_bs=160)).edit(finding(move))
    assert isinstance(edit, Edit)
    assert edit.parameters == ("cuda_graph_max_bs_decode",)
    mini = Launch(server="minisgl", arguments={"max_extend_tokens": 8192, "use_pynccl": True})
    move = Move(parameter="max_extend_tokens", at_most=4096, was=8192, to=4096)
    edit = Ground.of(load("mini-sglang"), mini).edit(finding(move))
    assert isinstance(edit, Edit)
    assert (edit.ways[0].parameter, edit.ways[0].values) == ("max_prefill_length", (1024, 2048, 4096))


def test_switches_are_sizes_where_a_space_searches_these() -> None:
    ran = launch(enable_dp_attention=True, dp_size=8, tp_size=8)
    ground = Ground.of(h100(), ran)
    assert (ground.ran["attn_dp_size"], ground.ran["dp_size"]) == (8, 1)
    off = Move(parameter="enable_dp_attention", among=(False,), was=True, to=False)
    fewer = Move(parameter="dp_size", at_most=7, was=8, to=4)
    for move, kept in ((off, (1,)), (fewer, (1, 2, 4))):
        edit = ground.edit(finding(move))
        assert isinstance(edit, Edit)
        assert edit.ways == (Kept(parameter="attn_dp_size", values=kept),)
    space = Space.build("s", {"cuda_graph_backend_decode": [None, "full", "disabled"]})
    none = Move(parameter="disable_cuda_graph", among=(True,), was=False, to=True)
    edit = Ground.of(space, launch(cuda_graph_backend_decode=None)).edit(finding(none))
    assert isinstance(edit, Edit)
    assert edit.ways[0].values == ("disabled",)


def test_why_a_finding_changes_nothing() -> None:
    lower = Move(parameter="mem_fraction_static", at_most=0.5)
    assert reason(small(), lower) == "no value of `mem_fraction_static` in the space avoids this"
    few = Move(parameter="tp_size", at_most=8)
    assert reason(small(), few) == "the space already satisfies it: `tp_size`"
    held = small().without("mem_fraction_static")
    assert reason(held, CHUNK, LOWER) == "the space already satisfies it: `mem_fraction_static`"
    other = Ground.of(h100(), Launch(server="minisgl")).edit(finding(CHUNK))
    assert isinstance(other, Dropped)
    assert other.reason == "the log is of minisgl, the space is for sglang==0.5.23"


def test_another_model_or_another_gpu_narrows_nothing() -> None:
    def about(model: str | None, space: Space, **more: Any) -> Edit | Dropped:
        ran = launch() if model is None else launch(model_path=model)
        return Ground.of(space, ran.model_copy(update=more)).edit(finding(LOWER))

    fixed = load("h100", model=MODELS / "qwen3-0.6b", fixed={"model_path": "/models/qwen3-0.6b"})
    for model in (None, "Qwen/Qwen3-0.6B", "/hub/models--Qwen--Qwen3-0.6B/snapshots/c1899de/"):
        assert isinstance(about(model, fixed), Edit)
    other = about("meta-llama/Llama-3.1-8B", fixed)
    assert isinstance(other, Dropped)
    assert other.reason == "the log is of meta-llama/Llama-3.1-8B, the space is for /models/qwen3-0.6b"
    searched = small().with_parameter("model_path", ["/m/large", "/m/small"], default="/m/large")
    edit = about("/elsewhere/large", searched)
    assert isinstance(edit, Edit)
    assert edit.ways[-1] == Kept(parameter="model_path", values=("/m/small",))
    for unknown in (None, "/m/third"):
        assert isinstance(about(unknown, searched), Dropped)
    line = Line(file="a.log", number=1, text="x")
    for gib, fits in ((78.6, True), (40.0, True), (138.2, False)):
        figures = {Fact.BEFORE_LOADING: Figure(value=gib, line=line)}
        assert isinstance(about(None, h100(), figures=figures), Edit) is fits
    for gib, fits in ((79.1, True), (47.5, False)):
        ran_out = Trouble(
            kind=Kind.OUT_OF_MEMORY, phase=Phase.SERVING, lines=(line,), numbers={"capacity_gib": gib}
        )
        assert isinstance(about(None, h100(), troubles=(ran_out,)), Edit) is fits


def test_an_edit_reads_well() -> None:
    failed = Ground.of(small(), launch()).edit(finding(CHUNK, LOWER, unless=(RANKS,), error=True))
    assert isinstance(failed, Edit)
    domains = small().domains
    assert (failed.basis, failed.form) == (Basis.FAILURE, "rule")
    assert failed.because == "log line 3 of a.log: it shows f"
    assert failed.text(domains) == (
        "chunked_prefill_size in [2048, 4096] or mem_fraction_static <= 0.84 or tp_size >= 2"
    )
    simulated = Ground.of(small(), launch().model_copy(update={"simulated": True})).edit(finding(LOWER))
    assert isinstance(simulated, Edit)
    assert simulated.because == "log line 3 of a.log: SIMULATED: it shows f"
    no_null = failed.model_copy(
        update={"ways": (Kept(parameter="chunked_prefill_size", values=(-1, 2048, 4096, 8192)),)}
    )
    assert no_null.text(domains) == "chunked_prefill_size is not null"


def test_a_failure_wins_over_advice_that_contradicts_it() -> None:
    raised = finding(Move(parameter="mem_fraction_static", at_least=0.88), id="raise")
    made = narrow(small(), [launch()], [raised, finding(LOWER, id="oom", error=True)])
    assert [edit.finding for edit in made.edits] == ["oom"]
    assert [(d.finding, d.reason) for d in made.dropped] == [
        ("raise", "it contradicts `oom`: log line 3 of a.log: it shows oom")
    ]


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


def test_one_config_of_several_launches_is_of_those_that_do_not_say_theirs() -> None:
    line = Line(file="a.log", number=1, text="server_args=")
    says = launch().model_copy(update={"arguments_line": line})
    told = Launch(server="sglang", version="0.5.6", arguments={"mem_fraction_static": 0.84})
    asked = {"mem_fraction_static": 0.84}
    assert asked_of([says], asked) == (asked,)
    assert asked_of([says, told], asked) == (None, asked)
    advice = finding(CHUNK, launch=0)
    asked |= {"chunked_prefill_size": 8192}
    alone, beside = (narrow(small(), one, [advice], asked=asked) for one in ([says], [says, told]))
    # What was asked for differs from what the server would choose, for all that is known.
    assert alone.edits[0].ways[0].values == (None, 2048, 4096)
    assert beside.edits[0].ways[0].values == (2048, 4096)
    changed = [f.launch for f in examine([says, told], config=asked).findings if f.id == "arguments-changed"]
    assert changed == []


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


def test_launches_that_disagree_give_advice_and_no_edit() -> None:
    less = finding(Move(parameter="caution", at_most=0.7), id="less")
    more = finding(Move(parameter="caution", at_least=1.0), id="more", launch=1)
    made = narrow(small(), [launch(), launch()], [less, more])
    assert made.edits == ()
    assert made.after == small().count()
    assert [d.finding for d in made.dropped] == ["less", "more"]
    assert all(d.reason.startswith("launches disagree about `caution`") for d in made.dropped)


def test_the_edit_that_would_leave_no_solution_is_dropped() -> None:
    space = small().with_rule("tp_size == 1", id="one")
    made = narrow(
        space,
        [launch()],
        [
            finding(LOWER, RANKS, id="oom", error=True),
            finding(Move(parameter="mem_fraction_static", at_least=0.88), RANKS, id="pool", error=True),
        ],
    )
    assert [edit.finding for edit in made.edits] == ["oom"]
    assert [(d.finding, d.reason) for d in made.dropped] == [
        ("pool", "no solution of the space would be left")
    ]
    assert [window.opening for window in made.windows] == [None]
    assert str(made.windows[0]).endswith("nothing in the space changes that")


def test_a_clause_that_another_implies_is_not_told_twice() -> None:
    weak = finding(CHUNK, LOWER, RANKS, id="weak", error=True)
    strong = finding(LOWER, RANKS, id="strong", error=True)
    made = narrow(small(), [launch()], [weak, strong, strong])
    assert [edit.finding for edit in made.edits] == ["strong"]
    assert [(d.finding, d.reason) for d in made.dropped] == [
        ("weak", "`strong` already implies it: log line 3 of a.log: it shows strong")
    ]
    advised = finding(LOWER, id="advised")
    made = narrow(small(), [launch()], [strong, advised])
    # Advice may give way some day, and then the failure must still be known.
    assert [edit.finding for edit in made.edits] == ["strong", "advised"]


def edit(values: tuple[Any, ...], basis: Basis = Basis.ADVICE, name: str = "caution") -> Edit:
    ways = (Kept(parameter=name, values=values),)
    return Edit(finding="older", basis=basis, ways=ways, because="log line 1 of old.log: it was so")


def test_older_advice_gives_way_and_an_older_failure_never_does() -> None:
    newer = finding(Move(parameter="caution", at_least=1.0), id="newer")
    made = narrow(small(), [launch()], [newer], earlier=[edit((0.3, 0.7))])
    assert [one.finding for one in made.edits] == ["newer"]
    assert made.dropped[0].reason == "it gives way to `newer`: log line 3 of a.log: it shows newer"
    made = narrow(small(), [launch()], [newer], earlier=[edit((0.3, 0.7), Basis.FAILURE)])
    assert [one.finding for one in made.edits] == ["older"]
    # What agrees is kept, and both count.
    made = narrow(small(), [launch()], [newer], earlier=[edit((0.7, 1.0))])
    assert {one.finding for one in made.edits} == {"newer", "older"}
    assert made.after is not None
    assert made.after * 4 == small().count()


def test_what_narrows_nothing_is_spoken_against_by_no_other_advice() -> None:
    calm = Move(parameter="caution", at_most=0.7, was=1.0, to=0.3)
    scarce = finding(calm, id="scarce", launch=1).model_copy(update={"narrows": False})
    made = narrow(small(), [launch()] * 2, [scarce], earlier=[edit((1.0, 1.3))])
    assert (made.edits, made.after) == ((), small().count())
    assert [d.reason for d in made.dropped] == [
        "it gives way to `scarce`: log line 3 of a.log: it shows scarce"
    ]
    more = finding(Move(parameter="caution", at_least=1.0), id="more")
    made = narrow(small(), [launch()] * 2, [scarce, more])
    assert (made.edits, [d.finding for d in made.dropped]) == ((), ["more"])
    # What failed does not give way, and what agrees stays.
    for kept in (edit((1.0, 1.3), Basis.FAILURE), edit((0.3, 0.7))):
        assert narrow(small(), [launch()] * 2, [scarce], earlier=[kept]).edits == (kept,)


def test_advice_that_leaves_nothing_but_null_gives_way() -> None:
    name = "chunked_prefill_size"
    newer = finding(Move(parameter=name, at_least=8192), id="newer")
    ran, given = launch(chunked_prefill_size=4096), {name: 4096}
    made = narrow(small(), [ran], [newer], asked=given, earlier=[edit((None, 2048, 4096), name=name)])
    assert [(one.finding, one.ways[0].values) for one in made.edits] == [("newer", (None, -1, 8192))]
    assert made.dropped[0].reason == "it gives way to `newer`: log line 3 of a.log: it shows newer"
    # So does what agrees with each of the others, and leaves nothing beside all of them.
    several = [edit(values, name=name) for values in ((None, 2048, -1), (None, 2048, 4096))]
    made = narrow(small(), [ran], [newer], asked=given, earlier=several)
    assert [(d.finding, d.edit and d.edit.ways[0].values) for d in made.dropped] == [
        ("older", (None, 2048, 4096))
    ]
    # What failed leaves it to the server.
    failed = [edit(values, Basis.FAILURE, name) for values in ((None, 2048), (None, 8192))]
    made = narrow(small(), [ran], [newer], asked=given, earlier=failed)
    assert [one.basis for one in made.edits] == [Basis.FAILURE, Basis.FAILURE]
    assert made.dropped[0].reason.startswith("`older` already implies it")


def test_launches_that_agree_in_nothing_but_null_disagree() -> None:
    more = finding(Move(parameter="chunked_prefill_size", at_least=8192), id="more", launch=1)
    made = narrow(small(), [launch(), launch(chunked_prefill_size=4096)], [finding(CHUNK), more])
    assert made.edits == ()
    assert [d.finding for d in made.dropped] == ["f", "more"]


def test_advice_bounds_no_window() -> None:
    short = finding(Move(parameter="mem_fraction_static", at_least=0.84), id="short", error=True)
    tight = finding(Move(parameter="mem_fraction_static", at_most=0.8), id="tight")
    made = narrow(small(), [launch(mem_fraction_static=0.8)], [short, tight])
    assert made.windows == ()
    ran_out = tight.model_copy(update={"severity": Severity.ERROR})
    assert len(narrow(small(), [launch(mem_fraction_static=0.8)], [short, ran_out]).windows) == 1


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


# Overlays


def base(tmp_path: Path) -> Path:
    path = tmp_path / "base.yaml"
    path.write_text(small().to_yaml())
    return path


OOM = finding(CHUNK, LOWER, id="oom", error=True, unless=(RANKS,))
CALMER = finding(Move(parameter="schedule_conservativeness", at_most=0.7), id="calmer")
CALM = finding(Move(parameter="caution", at_most=0.7), id="calm")


def written(path: Path, base: Path, *findings: Finding, space: Path | None = None) -> Narrowing:
    """What a run with these findings leaves at `path`."""
    name = str(space or base)
    loaded = load(name)
    made = narrow(loaded, [launch()], findings, earlier=overlay.earlier(path, name, loaded))
    overlay.write(path, name, loaded, made.edits, counts=made.counts)
    assert load(path).count() == made.after
    return made


def test_an_overlay_says_for_each_part_why(tmp_path: Path) -> None:
    out = tmp_path / "runs" / "narrowed.yaml"
    out.parent.mkdir()
    root = base(tmp_path)
    made = written(out, root, OOM, CALM)
    assert out.read_text() == (
        "# Narrowed by findings of spacegen; `spacegen diagnose` and `spacegen narrow` add to it.\n"
        f"# {made.after} of {load(root).count()} configs are left.\n"
        "spacegen: 1\n"
        "extends: ../base.yaml\n"
        "restrict:\n"
        "  caution:\n"
        "    values: [0.3, 0.7]\n"
        "    because: 'log line 3 of a.log: it shows calm'\n"
        "    source: spacegen/advice/calm\n"
        "rules:\n"
        "  - id: found-oom\n"
        "    require: 'chunked_prefill_size in [2048, 4096] or mem_fraction_static <= 0.84 "
        "or tp_size >= 2'\n"
        "    because: 'log line 3 of a.log: it shows oom'\n"
        "    source: spacegen/failure/oom\n"
    )


def test_the_same_findings_again_change_nothing(tmp_path: Path) -> None:
    root, out = base(tmp_path), tmp_path / "narrowed.yaml"
    written(out, root, OOM, CALM)
    text, stamp = out.read_text(), out.stat().st_mtime_ns
    for space in (root, out):
        made = written(out, root, OOM, CALM, space=space)
        assert (out.read_text(), out.stat().st_mtime_ns) == (text, stamp)
        assert [made.edit_of(one) is not None for one in (OOM, CALM)] == [True, True]


@pytest.mark.parametrize("again", ["base", "overlay"])
def test_findings_of_earlier_runs_are_kept(again: str, tmp_path: Path) -> None:
    root, out = base(tmp_path), tmp_path / "narrowed.yaml"
    first = written(out, root, OOM, CALM)
    newer = finding(Move(parameter="caution", at_least=1.0), id="newer")
    made = written(out, root, newer, space=root if again == "base" else out)
    assert [one.finding for one in edits_in(load(out))] == ["newer", "oom"]
    assert "extends: base.yaml\n" in out.read_text()
    assert [d.finding for d in made.dropped] == ["calm"]
    assert made.before == (first.before if again == "base" else first.after)


def test_a_file_of_somebody_else_is_not_lost(tmp_path: Path) -> None:
    root, out = base(tmp_path), tmp_path / "narrowed.yaml"
    out.write_text("spacegen: 1\nextends: ./base.yaml\npin: {tp_size: 1}\n")
    with pytest.raises(UsageError, match="no overlay written by spacegen"):
        overlay.earlier(out, str(root), load(root))
    with pytest.raises(UsageError, match="no overlay written by spacegen"):
        overlay.write(out, str(root), load(root), [])
    out.unlink()
    written(out, root, CALM)
    out.write_text(out.read_text() + "pin: {tp_size: 1}\n")
    with pytest.raises(UsageError, match="has entries that spacegen did not write: `pin: tp_size`"):
        overlay.earlier(out, str(root), load(root))

    # Nor is it left out of a third file.
    with pytest.raises(UsageError, match="has entries that spacegen did not write: `pin: tp_size`"):
        overlay.earlier(tmp_path / "other.yaml", str(out), load(out))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("values: [0.3, 0.7]", "vals: [0.3, 0.7]", "unknown key `vals`"),
        ("require: 'chunk", "require: 'chunky", "unknown name"),
        ("extends: base.yaml", "extends: gone.yaml", "narrows another space"),
        ("restrict:", "restrict: [", "flow sequence|not YAML|expected"),
    ],
)
def test_a_file_that_somebody_broke_is_told_as_such(
    before: str, after: str, message: str, tmp_path: Path
) -> None:
    root, out = base(tmp_path), tmp_path / "narrowed.yaml"
    written(out, root, OOM, CALM)
    assert before in out.read_text()
    out.write_text(out.read_text().replace(before, after))
    with pytest.raises((SpaceError, UsageError), match=message):
        overlay.earlier(out, str(root), load(root))


def test_an_overlay_of_another_space_is_not_added_to(tmp_path: Path) -> None:
    root, out = base(tmp_path), tmp_path / "narrowed.yaml"
    written(out, root, CALM)
    with pytest.raises(UsageError, match=r"narrows another space: base\.yaml"):
        overlay.earlier(out, "h100", h100())


def test_what_a_space_of_ones_own_restricts_is_narrowed_by_rules(tmp_path: Path) -> None:
    base(tmp_path)
    own = tmp_path / "own.yaml"
    own.write_text("spacegen: 1\nextends: ./base.yaml\nrestrict: {caution: [0.7, 1.0]}\n")
    out = tmp_path / "narrowed.yaml"
    made = written(out, own, CALM)
    assert (made.before, made.after) == (90, 45)
    assert "id: found-calm" in out.read_text()


def test_a_space_loaded_for_another_version_is_narrowed_under_the_names_of_its_file(tmp_path: Path) -> None:
    out = tmp_path / "narrowed.yaml"
    space = load("h100", target="sglang==0.5.6")
    larger = finding(Move(parameter="cuda_graph_max_bs", at_least=512, was=160), id="graphs")
    made = narrow(space, [launch(cuda_graph_max_bs=160)], [larger])
    overlay.write(out, "h100", space, made.edits, counts=made.counts)
    assert "  cuda_graph_max_bs_decode:\n    values: [512, 640, 768]\n" in out.read_text()
    assert overlay.earlier(out, "h100", space)[0].parameters == ("cuda_graph_max_bs",)
    assert load(out, target="sglang==0.5.6").count() == made.after


def test_what_a_space_for_another_version_lacks_stays_in_the_file(tmp_path: Path) -> None:
    out = tmp_path / "narrowed.yaml"
    groups = finding(Move(parameter="attn_dp_size", at_least=2), CHUNK, id="groups", error=True)
    made = narrow(h100(), [launch(attn_dp_size=1)], [groups])
    overlay.write(out, "h100", h100(), made.edits, counts=made.counts)
    for space in (load("h100", target="sglang==0.5.6"), h100().without("attn_dp_size")):
        earlier = overlay.earlier(out, "h100", space)
        assert "groups" not in {one.finding for one in earlier}
        again = narrow(space, [launch()], [CALMER], earlier=earlier)
        overlay.write(out, "h100", space, again.edits, counts=again.counts)
        assert {one.finding for one in edits_in(load(out))} == {"groups", "calmer"}


# Many failures


def failures(number: int) -> tuple[list[Launch], list[Finding]]:
    launches, found = [], []
    for i in range(number):
        ran = {
            "tp_size": 2 ** (i % 3),
            "pp_size": 1 + i % 2,
            "mem_fraction_static": (0.8, 0.84, 0.86, 0.88, 0.9)[i % 5],
            "chunked_prefill_size": (4096, 8192, 16384)[i % 3],
            "max_running_requests": (512, 1024, 2048)[(i // 2) % 3],
            "cuda_graph_max_bs": (160, 256, 512)[(i // 3) % 3],
        }
        moves = [
            Move(parameter=name, at_most=ran[name] - (0.01 if name[0:3] == "mem" else 1))
            for name in (
                "mem_fraction_static",
                "chunked_prefill_size",
                "max_running_requests",
                "cuda_graph_max_bs",
            )
        ]
        moves += [Move(parameter=name, at_least=ran[name] + 1) for name in ("tp_size", "pp_size")]
        moves += [Move(parameter=name, at_least=2) for name in ("attn_dp_size", "ep_size")]
        moves += [
            Move(parameter="quantization", among=("fp8",)),
            Move(parameter="kv_cache_dtype", among=("fp8_e4m3",)),
            Move(parameter="disable_cuda_graph", among=(True,)),
            Move(parameter="max_total_tokens", at_most=400_000),
        ]
        own = moves[i % 4 :] + moves[: i % 4]
        launches.append(Launch(server="sglang", version="0.5.6", arguments={**ran, "quantization": None}))
        found.append(finding(*own[:2], id=f"oom-{i}", error=True, launch=i, unless=tuple(own[2:])))
    return launches, found


@pytest.mark.parametrize("model", [None, MODELS / "qwen3-0.6b"])
def test_clauses_of_thirty_failed_launches_compile(model: Path | None, tmp_path: Path) -> None:
    space = load("h100", model=model)
    launches, found = failures(30)
    grounds = [Ground.of(space, one) for one in launches]
    edits = [made for f in found if isinstance(made := grounds[f.launch].edit(f), Edit)]
    assert len(edits) == 30
    assert {len(one.ways) for one in edits} == {12}
    left = resolve(space, edits)
    # Those of larger launches are implied by those of smaller ones.
    assert 5 < len(left.kept) < 30
    assert left.space.ranked
    assert 0 < left.space.count() < space.count()
    out = tmp_path / "narrowed.yaml"
    text = overlay.write(out, "h100", space, left.kept)
    again = load(out, model=model)
    assert again.fingerprint == left.space.fingerprint
    assert text == overlay.overlay_text("h100", again, edits_in(again))


def test_a_clause_has_its_members_however_it_is_written() -> None:
    space = Space.build("s", {"a": [1, 2], "b": [1, 2], "c": [1, 2]})
    rule = space.with_rule("a == 1 or (b == 1 or c == 1) == true", id="r").rules[0]
    assert len(members(rule.condition)) == 3


# A made-up server that needs less memory the more ranks it has, and the smaller chunks and pool are


def needs(config: Mapping[str, Any]) -> float:
    chunk: int = config["chunked_prefill_size"] or 8192
    ranks: int = config["tp_size"]
    share: float = config["mem_fraction_static"]
    return 40 / ranks + chunk / 512 + 60 * share


def server(memory: float) -> tuple[Space, dict[bool, list[dict[str, Any]]]]:
    space = (
        Space.build("s", {"tp_size": [1, 2, 4]})
        .with_parameter("chunked_prefill_size", [None, 1024, 2048, 4096, 8192], default=None)
        .with_parameter("mem_fraction_static", [0.7, 0.8, 0.9], default=0.9)
    )
    by_fate: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for config in space.solutions():
        by_fate[needs(config) <= memory].append(dict(config))
    return space, by_fate


def ran_out(config: Mapping[str, Any]) -> tuple[Launch, Finding]:
    """The launch of a config that failed, as its log tells it: with what the server chose for null."""
    ran = {name: value if value is not None else 8192 for name, value in config.items()}
    fewer = Move(parameter="chunked_prefill_size", at_most=ran["chunked_prefill_size"] - 1)
    lower = Move(parameter="mem_fraction_static", at_most=ran["mem_fraction_static"] - 0.01)
    more = Move(parameter="tp_size", at_least=ran["tp_size"] + 1)
    failed = finding(fewer, lower, id="oom", error=True, unless=(more,))
    return Launch(server="sglang", version="0.5.6", arguments=ran), failed


@pytest.mark.parametrize("memory", [60, 70, 90, 100])
def test_launching_what_comes_next_ends_with_what_works(memory: float) -> None:
    space, by_fate = server(memory)
    config: Mapping[str, Any] = {"tp_size": 1, "chunked_prefill_size": None, "mem_fraction_static": 0.9}
    edits: tuple[Edit, ...] = ()
    launches = 0
    while needs(config) > memory:
        launches += 1
        assert launches <= len(by_fate[False])
        told, failed = ran_out(config)
        asked = {name: value for name, value in config.items() if value is not None}
        made = narrow(space, [told], [failed], asked=asked, earlier=edits)
        edits = made.edits
        assert not made.space.check(config).valid
        # What works is never lost.
        assert all(made.space.check(good).valid for good in by_fate[True])
        assert made.next is not None
        config = made.next.config
    assert launches


def test_failures_of_all_that_fails_leave_what_works() -> None:
    space, by_fate = server(80)
    told = [ran_out(config) for config in by_fate[False]]
    grounds = [Ground.of(space, one, config) for (one, _), config in zip(told, by_fate[False], strict=True)]
    edits = [ground.edit(failed) for ground, (_, failed) in zip(grounds, told, strict=True)]
    left = resolve(space, [edit for edit in edits if isinstance(edit, Edit)])
    assert len(left.kept) < len(edits)
    works = {tuple(config.values()) for config in by_fate[True]}
    assert {tuple(config.values()) for config in left.space.solutions()} == works


@pytest.mark.parametrize("name", ["tp_size", "caution"])
def test_what_a_command_asked_for_is_part_of_the_overlay(name: str, tmp_path: Path) -> None:
    root, out = base(tmp_path), tmp_path / "narrowed.yaml"
    value = {"tp_size": 1, "caution": 0.7}[name]
    asked = load(root).pinned({name: value}).where("chunked_prefill_size <= 4096")
    made = narrow(asked, [launch()], [OOM, CALM])
    overlay.write(out, str(root), asked, made.edits, counts=made.counts, inputs="`--model m`")
    # Where the size is null nobody knows, which is not enough for what was asked for.
    assert made.after == load(out).count() == made.space.count()
    assert f"# {made.after} of {made.whole} configs are left, with `--model m`." in out.read_text()
    text = out.read_text()
    # Without the options, from the base or from the overlay itself, they still hold.
    for again in (str(root), str(out)):
        space = overlay.as_asked(out, again, load(again))
        made = narrow(space, [launch()], [OOM, CALM], earlier=overlay.earlier(out, again, space))
        overlay.write(out, again, space, made.edits, counts=made.counts, inputs="`--model m`")
        assert out.read_text() == text
    # What is asked for now comes instead.
    other = {"tp_size": 4, "caution": 0.3}[name]
    space = overlay.as_asked(out, str(root), load(root).pinned({name: other}))
    made = narrow(space, [launch()], [], earlier=overlay.earlier(out, str(root), space))
    overlay.write(out, str(root), space, made.edits, counts=made.counts)
    assert load(out).count() == made.after
    assert f"    value: {other}\n" in out.read_text()
