"""Edits in a file: written, added to, and never at the cost of what somebody else wrote."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from spacegen import load
from spacegen.diagnose.diagnosis import diagnose
from spacegen.diagnose.finding import Finding, Move
from spacegen.diagnose.narrowing import overlay
from spacegen.diagnose.narrowing.narrowing import Narrowing, narrow
from spacegen.diagnose.narrowing.resolving import edits_in
from spacegen.errors import SpaceError, UsageError
from tests.server_logs import NEW, write
from tests.spaces_to_narrow import CHUNK, LOWER, RANKS, finding, h100, launch, small

SNAPSHOTS = Path(__file__).parent / "cases" / "diagnose"


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
