"""Advice says nothing about configs in which the server chooses otherwise: their values stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spacegen import Space, load
from spacegen.diagnose.finding import Finding, Move
from spacegen.diagnose.launch import Launch
from spacegen.diagnose.narrowing import overlay
from spacegen.diagnose.narrowing.narrowing import Narrowing, narrow
from tests.spaces_to_narrow import finding

CAUTION = "schedule_conservativeness"
LOWER = Move(parameter=CAUTION, at_most=0.7, was=1.0, to=0.3)
HIGHER = Move(parameter=CAUTION, at_least=1.1, was=1.0, to=1.3)
MODELS = ["meta/a", "meta/b", "meta/c"]


def node(folder: Path) -> Path:
    path = folder / "node.yaml"
    path.write_text(
        "spacegen: 1\n"
        "target: {server: sglang, version: 0.5.23}\n"
        "parameters:\n"
        "  attn_dp_size: [1, 2, 8]\n"
        "  disable_cuda_graph: [false, true]\n"
        "  enable_two_batch_overlap: [false, true]\n"
        f"  {CAUTION}: {{values: [null, 0.3, 0.7, 1.0, 1.3], default: null}}\n"
        "  cuda_graph_max_bs_decode: {values: [null, 64, 256], default: null}\n"
        "rules:\n"
        f"  - {{id: scales, when: attn_dp_size > 1, require: {CAUTION} is null, kind: alters}}\n"
        "  - {id: overlaps, when: enable_two_batch_overlap, require: attn_dp_size > 1}\n"
        "  - {id: unread, when: disable_cuda_graph, require: cuda_graph_max_bs_decode is null, kind: inert}\n"
    )
    return path


def launch(**arguments: Any) -> Launch:
    ran = {"attn_dp_size": 1, CAUTION: 1.0, "cuda_graph_max_bs": 64, **arguments}
    return Launch(server="sglang", version="0.5.23", arguments=ran)


def written(space: Path, out: Path, *findings: Finding, ran: Launch | None = None) -> Narrowing:
    one = load(str(space))
    earlier = overlay.earlier(out, str(space), one)
    made = narrow(one, [ran or launch()], findings, earlier=earlier)
    overlay.write(out, str(space), one, made.edits, counts=made.counts)
    return made


def texts(made: Narrowing) -> list[str]:
    return [edit.text(made.space.domains) for edit in made.edits]


def test_advice_about_one_choice_of_the_server_leaves_its_other_choices(tmp_path: Path) -> None:
    base, out = node(tmp_path), tmp_path / "out.yaml"
    made = written(base, out, finding(LOWER))
    assert texts(made) == [f"{CAUTION} in [0.3, 0.7] or attn_dp_size >= 2"]
    assert made.space.dead_values() == {CAUTION: (1.0, 1.3)}
    assert not made.space.check({"attn_dp_size": 1, CAUTION: None}).valid
    assert made.next is not None
    assert [change.parameter for change in made.next.changes] == [CAUTION]
    # The file says it, and the same again changes nothing.
    again = load(str(out))
    assert again.fingerprint == made.space.fingerprint
    text = out.read_text()
    written(base, out, finding(LOWER))
    written(out, out)
    assert out.read_text() == text


def test_older_advice_gives_way_where_both_speak(tmp_path: Path) -> None:
    base, out = node(tmp_path), tmp_path / "out.yaml"
    written(base, out, finding(LOWER, id="low"))
    made = written(base, out, finding(HIGHER, id="high"))
    assert texts(made) == [f"{CAUTION} == 1.3 or attn_dp_size >= 2"]
    (dropped,) = made.dropped
    assert dropped.reason.startswith("it gives way to `high`")
    # So does advice of two launches of one call.
    both = [finding(LOWER), finding(HIGHER, launch=1)]
    made = narrow(load(str(base)), [launch(), launch()], both)
    assert made.edits == ()
    assert {one.reason.partition(":")[0] for one in made.dropped} == {f"launches disagree about `{CAUTION}`"}


def test_advice_that_no_value_beside_the_launch_keeps_to_is_refused(tmp_path: Path) -> None:
    made = narrow(load(str(node(tmp_path))), [launch(attn_dp_size=8)], [finding(LOWER)])
    assert made.edits == ()
    assert [one.reason for one in made.dropped] == [
        f"the space has no such value of `{CAUTION}` with `attn_dp_size` 8"
    ]
    assert made.next is None


def test_to_switch_off_what_advice_is_about_is_no_way_around_it(tmp_path: Path) -> None:
    larger = Move(parameter="cuda_graph_max_bs", at_least=128, was=64, to=256)
    made = narrow(load(str(node(tmp_path))), [launch()], [finding(larger)])
    assert texts(made) == ["cuda_graph_max_bs_decode == 256"]


def test_launches_disagree_about_one_model_and_not_about_two() -> None:
    space = Space.build("s", {"model_path": MODELS}).with_parameter(CAUTION, [0.3, 0.7, 1.3], default=0.7)

    def narrowed(one: str, other: str) -> Narrowing:
        launches = [launch(model_path=one), launch(model_path=other)]
        return narrow(space, launches, [finding(LOWER), finding(HIGHER, launch=1)])

    assert len(narrowed(MODELS[0], MODELS[1]).edits) == 2
    assert narrowed(MODELS[0], MODELS[0]).edits == ()
