"""What stays a way out of what failed, and how far a space goes along with advice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spacegen import Space, load
from spacegen.diagnose.diagnosis import Diagnosis, diagnose
from spacegen.diagnose.finding import Finding, Move, Severity
from spacegen.diagnose.launch import Launch
from spacegen.diagnose.narrowing import overlay
from spacegen.diagnose.narrowing.edit import Basis, Edit
from spacegen.diagnose.narrowing.edits_from_findings import Dropped, Ground
from spacegen.diagnose.narrowing.narrowing import Narrowing, narrow
from spacegen.diagnose.telling.narrowed import narrowing_lines
from spacegen.diagnose.telling.text import body
from tests.server_logs import MINI, NEW, OLD, STORIES, write
from tests.spaces_to_narrow import finding

SHARE = "mem_fraction_static"


def launch(**arguments: Any) -> Launch:
    return Launch(server="sglang", version="0.5.6", arguments=arguments)


def kept(
    space: Space, move: Move, ran: Launch, asked: Mapping[str, Any] | None = None, *, error: bool = True
) -> tuple[Any, ...] | str:
    made = Ground.of(space, ran, asked).edit(finding(move, error=error))
    if isinstance(made, Dropped):
        return made.reason
    assert isinstance(made, Edit)
    return made.ways[0].values


def of(name: str, *values: Any) -> Space:
    return Space.build("s", {"other": [1, 2]}).with_parameter(name, list(values), default=values[0])


@pytest.mark.parametrize("story", ["healthy", "retracting-rarely", "too-little-left"])
def test_what_is_fine_narrows_nothing(story: str, tmp_path: Path) -> None:
    within_reach = replace(STORIES[story], share=min(max(STORIES[story].share, 0.7), 0.94))
    found = diagnose([write(tmp_path / "a.log", NEW, within_reach, decodes=80)])
    space = load("h100")
    made = narrow(space, found.launches, found.findings)
    assert (made.edits, made.after) == ((), space.count())
    # Little memory is left, and yet it serves: nothing shows that it fails.
    scarce = [f for f in found.findings if f.id == "memory-scarce"]
    assert [f.severity for f in scarce] == ([Severity.WARNING] if story == "too-little-left" else [])
    assert [one.finding for one in made.dropped] == [f.id for f in scarce]
    assert made.next is None or [(one.parameter, one.after) for one in made.next.changes] == [
        (move.parameter, move.to) for f in scarce for move in f.moves
    ]


@pytest.mark.parametrize("story", ["prefill-oom", "weights-oom"])
def test_what_failed_of_mini_sglang_narrows_its_space(story: str, tmp_path: Path) -> None:
    found = diagnose([write(tmp_path / "a.log", MINI, story, decodes=80)])
    assert found.launches[0].arguments["dtype"] == "torch.bfloat16"
    space = load("mini-sglang")
    made = narrow(space, found.launches, found.findings)
    failed = next(one for one in made.edits if one.basis is Basis.FAILURE)
    # Neither what it ran with nor what stands for it.
    assert ("dtype", ("float16",)) in {(way.parameter, way.values) for way in failed.ways}
    assert made.after is not None
    assert 0 < made.after < space.count()


def test_words_are_those_of_the_domain() -> None:
    def other(*values: Any, was: str, asked: Mapping[str, Any] | None = None) -> tuple[Any, ...] | str:
        move = Move(parameter="dtype", apart_from=(was,), was=was)
        return kept(of("dtype", *values), move, launch(dtype=was), asked)

    assert other("auto", "float16", "bfloat16", was="torch.bfloat16") == ("float16",)
    assert other("auto", "half", "bfloat16", was="float16") == ("bfloat16",)
    # What the space does not offer the server has chosen, and would choose again.
    assert other("auto", "float16", was="torch.bfloat16") == ("float16",)
    assert other("auto", was="torch.bfloat16") == "no value of `dtype` in the space avoids this"
    # What was given may differ from that.
    given = {"dtype": "bfloat16"}
    assert other("auto", "float16", "bfloat16", was="torch.bfloat16", asked=given) == ("auto", "float16")
    assert other("auto", "float16", "bfloat16", was="torch.bfloat16", asked={"dtype": "auto"}) == ("float16",)
    fixed = Space.build("s", {"tp_size": [1, 2]}).with_parameter("dtype", ["bfloat16"], default="bfloat16")
    both = finding(
        Move(parameter="tp_size", at_least=2, was=1),
        Move(parameter="dtype", apart_from=("torch.bfloat16",)),
        error=True,
    )
    made = Ground.of(fixed, launch(dtype="torch.bfloat16", tp_size=1)).edit(both)
    assert isinstance(made, Edit)
    assert made.parameters == ("tp_size",)


@pytest.mark.parametrize("version", [OLD, NEW])
def test_the_command_of_what_failed_is_no_solution_any_more(version: str, tmp_path: Path) -> None:
    found = diagnose([write(tmp_path / "a.log", version, "prefill-oom", decodes=80)])
    space = load("h100", target=f"sglang=={'0.5.6' if version == OLD else '0.5.23'}")
    (ran,) = found.launches
    given = {name: ran.arguments[name] for name in (SHARE, "max_running_requests")}
    # As it was typed: with all that the server chose left out.
    config = {p.name: p.default for p in space.parameters} | given
    made = narrow(space, found.launches, found.findings)
    failed = next(one for one in made.edits if one.basis is Basis.FAILURE)
    backends = next(way for way in failed.ways if way.parameter == "attention_backend")
    assert not {None, ran.arguments["attention_backend"]} & set(backends.values)
    assert space.check(config).valid
    assert not made.space.check(config).valid
    # The precision of the checkpoint is another one than one that was given.
    precise = Move(parameter="quantization", apart_from=("fp8",), was="fp8")
    assert kept(of("quantization", None, "fp8"), precise, launch(quantization="fp8")) == (None,)


def test_advice_goes_as_far_as_the_space_does() -> None:
    more = Move(parameter=SHARE, at_least=0.95, at_most=0.98, was=0.88, to=0.96)
    ran = launch(**{SHARE: 0.88})

    def advised(*values: Any, move: Move = more) -> tuple[Any, ...] | str:
        return kept(of(SHARE, *values), move, ran, error=False)

    # What the server would choose lies in no direction.
    assert advised(None, 0.8, 0.88) == f"no value of `{SHARE}` in the space avoids this"
    assert advised(None, 0.8, 0.88, 0.92, 0.94) == (None, 0.94)
    assert advised(0.8, 0.88, 0.92, 0.94) == (0.94,)
    assert advised(0.8, 0.88, 0.99) == f"no value of `{SHARE}` in the space avoids this"
    less = Move(parameter=SHARE, at_most=0.7, was=0.88, to=0.7)
    assert advised(None, 0.8, 0.88, move=less) == (None, 0.8)
    # What failed is only known not to fail where the move says it.
    assert str(kept(of(SHARE, 0.8, 0.84, 0.88), less, ran)).endswith("in the space avoids this")
    endless = Move(parameter="chunked_prefill_size", at_most=100, was=512, to=64)
    space = of("chunked_prefill_size", -1, 512, 1024)
    ran_with = launch(chunked_prefill_size=512)
    assert str(kept(space, endless, ran_with, error=False)).endswith("in the space avoids this")
    made = narrow(of(SHARE, None, 0.8, 0.88, 0.94), [ran], [finding(more)])
    assert made.next is not None
    assert made.next.config[SHARE] == 0.94


def two(folder: Path) -> Path:
    path = folder / "base.yaml"
    path.write_text(
        "spacegen: 1\ntarget: {server: sglang, version: 0.5.6}\nparameters:\n"
        f"  {SHARE}: {{values: [0.8, 0.85, 0.88, 0.9], default: 0.88}}\n"
        "  schedule_conservativeness: {values: [0.3, 0.5, 0.6, 1.0], default: 1.0}\n"
    )
    return path


def narrowed(space: Path, out: Path, *findings: Finding, pins: Mapping[str, Any] | None = None) -> Narrowing:
    """What the findings leave, as a command with `--pin` leaves it in a file that loads."""
    name = str(space)
    loaded = overlay.on_its_base(name, load(name).pinned(pins or {}))
    earlier = overlay.earlier(out, name, loaded)
    loaded = overlay.as_asked(out, name, loaded)
    ran = launch(**{SHARE: 0.9, "schedule_conservativeness": 1.0})
    made = narrow(loaded, [ran], findings, earlier=earlier)
    overlay.write(out, name, loaded, made.edits, counts=made.counts)
    assert load(out).count() == made.after
    return made


LOWER = Move(parameter=SHARE, at_most=0.88, was=0.9, to=0.88)
CALM = Move(parameter="schedule_conservativeness", at_most=0.6, was=1.0, to=0.3)
LOWEST = Move(parameter=SHARE, at_most=0.85, was=0.9, to=0.85)


@pytest.mark.parametrize("pins", [{}, {"schedule_conservativeness": 0.5}])
def test_a_space_of_somebody_between_two_overlays_keeps_both(pins: dict[str, Any], tmp_path: Path) -> None:
    first, own, last = (tmp_path / f"{name}.yaml" for name in ("first", "own", "last"))
    narrowed(two(tmp_path), first, finding(LOWER, id="oom", error=True), pins=pins)
    own.write_text(
        "spacegen: 1\nextends: ./first.yaml\nrules: [{require: schedule_conservativeness <= 0.6}]\n"
    )
    before = load(own).count()
    lower = finding(LOWEST, id="lower")
    made = narrowed(own, last, lower, pins=pins)
    assert (made.whole, made.after) == (before, before * 2 // 3)
    text = last.read_text()
    assert "extends: own.yaml\n" in text
    assert SHARE not in text.replace(f"require: '{SHARE} <= 0.85'", "")
    # The same again changes nothing, from either file.
    for space in (own, last):
        narrowed(space, last, lower, pins=pins)
        assert last.read_text() == text
    # What the file below says does not give way to what is newer.
    more = finding(Move(parameter=SHARE, at_least=0.9, was=0.88, to=0.9), id="more")
    assert [d.reason for d in narrowed(own, last, more).dropped if d.finding == "more"]


def test_of_several_models_that_of_the_last_launch_counts(tmp_path: Path) -> None:
    space = load(two(tmp_path))
    ran = {SHARE: 0.9, "schedule_conservativeness": 1.0}
    small, large = (launch(model_path=f"/models/{name}", **ran) for name in ("small", "large"))
    found = [finding(CALM, id="calm"), finding(LOWER, id="lower", launch=1)]
    made = narrow(space, [small, large], found)
    assert [edit.finding for edit in made.edits] == ["lower"]
    assert [(d.finding, d.reason) for d in made.dropped] == [
        ("calm", "the log is of /models/small, the last launch is of /models/large")
    ]
    assert made.next is not None
    assert [change.parameter for change in made.next.changes] == [SHARE]
    # One model in two places, and a log that does not say its model, count.
    for other in (launch(model_path="hub/Large/", **ran), launch(**ran)):
        assert len(narrow(space, [other, large], found).edits) == 2


def test_what_is_left_is_told_as_the_file_says_it(tmp_path: Path) -> None:
    out = tmp_path / "out.yaml"
    base = two(tmp_path)
    narrowed(base, out, finding(Move(parameter=SHARE, at_least=0.9, was=0.85, to=0.9), id="raise"))
    # What failed opens what older advice had closed.
    made = narrowed(out, out, finding(LOWER, id="oom", error=True))
    assert made.before is not None
    assert made.after is not None
    assert made.before < made.after
    told = "12 of 16 configs are left"
    assert f"# {told}.\n" in out.read_text()
    assert list(narrowing_lines(made)) == [f"`out`: {told} (75.0 %)"]
    huge = replace(made, whole=10**18, after=10**18 - 1)
    assert next(narrowing_lines(huge)).endswith("(> 99.999 %)")


def test_an_edit_is_told_under_each_finding_that_says_it(tmp_path: Path) -> None:
    ran = {SHARE: 0.9, "schedule_conservativeness": 1.0}
    launches = tuple(launch(**ran) for _ in range(3))
    found = [finding(LOWER, id="oom", error=True, launch=i) for i in (0, 2)]
    made = narrow(load(two(tmp_path)), launches, found)
    assert len(made.edits) == 1
    lines = list(body(Diagnosis(launches=launches, findings=tuple(found)), made))
    seen = lines.index("  seen in 2 of 3 launches; the last is shown")
    assert lines[seen - 1] == f"  restrict in `base`: {SHARE} <= 0.88"
    # What the ones before say besides is told, too.
    both = [
        found[0].model_copy(update={"moves": (LOWEST, CALM)}),
        found[1].model_copy(update={"moves": (LOWER,)}),
    ]
    made = narrow(load(two(tmp_path)), launches, both)
    assert len(made.edits) == 2
    lines = list(body(Diagnosis(launches=launches, findings=tuple(both)), made))
    assert lines[seen + 1].endswith("as launch 1 shows")


def test_the_next_launch_is_the_same_whether_findings_are_new_or_known(tmp_path: Path) -> None:
    out, base = tmp_path / "out.yaml", two(tmp_path)
    calmer = CALM.model_copy(update={"at_most": 0.5})
    found = [finding(CALM, LOWEST, id="z", error=True), finding(LOWER, calmer, id="a", error=True)]
    first = narrowed(base, out, *found)
    assert first.next is not None
    assert len(first.edits) == len(first.next.changes) + 1
    for name in (base, out):
        assert narrowed(name, out, *found).next == first.next
