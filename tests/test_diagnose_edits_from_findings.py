"""Findings as edits of spaces: which values a move keeps, and why a finding changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spacegen import Space, load
from spacegen.diagnose.diagnosis import diagnose, examine
from spacegen.diagnose.finding import Move
from spacegen.diagnose.launch import Launch, Line, asked_of
from spacegen.diagnose.narrowing.edit import Basis, Edit, Kept
from spacegen.diagnose.narrowing.edits_from_findings import Dropped, Ground
from spacegen.diagnose.narrowing.narrowing import narrow
from tests.server_logs import NEW, write
from tests.spaces_to_narrow import CHUNK, LOWER, RANKS, finding, h100, launch, small


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
    # What the space does not search has no values there to begin with.
    assert reason(small(), Move(parameter="page_size", at_least=64)) == "`page_size` is no parameter of `s`"
    fixed = load("h100", fixed={"stream_interval": 1})
    assert reason(fixed, Move(parameter="stream_interval", at_least=8)) == (
        "`stream_interval` is fixed at 1 in `sglang-h100`"
    )
    few = Move(parameter="tp_size", at_most=8)
    assert reason(small(), few) == "the space already satisfies it: `tp_size`"
    held = small().without("mem_fraction_static")
    assert reason(held, CHUNK, LOWER) == "the space already satisfies it: `mem_fraction_static`"
    other = Ground.of(h100(), Launch(server="minisgl")).edit(finding(CHUNK))
    assert isinstance(other, Dropped)
    assert other.reason == "the log is of minisgl, the space is for sglang==0.5.23"


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
