"""The window of the static share over several launches."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from spacegen.diagnose.advice import outofmemory
from spacegen.diagnose.advice.book import findings
from spacegen.diagnose.advice.rule import once
from spacegen.diagnose.advice.window import tried, window
from spacegen.diagnose.finding import Finding, Severity
from spacegen.diagnose.launch import Fact, Launch, Phase, TroubleKind
from tests.made_launches import (
    ARGUMENTS,
    FACTS,
    HIGH,
    LOW,
    READY,
    at,
    failed,
    launch,
    shown,
)


def windows(launches: list[Launch]) -> list[Finding]:
    found = [shown(one) for one in launches]
    return list(window(launches, found, tried(launches, found)))


def test_no_window_names_what_opens_one() -> None:
    (finding,) = windows([at(0.84, LOW), at(0.85, HIGH)])
    assert (finding.id, finding.severity, finding.launch) == ("no-memory-window", Severity.ERROR, 1)
    none = "no `mem_fraction_static` in steps of 0.01 works"
    assert finding.summary == f"0.84 is too low and 0.85 runs out of memory: {none}"
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
    verb = "changing" if to is None else "lower" if to < share else "raise"
    assert finding.advice[0].startswith(verb)


def test_a_share_that_was_worked_out_is_told_as_such() -> None:
    short = failed(TroubleKind.OUT_OF_MEMORY, Phase.SERVING, "prefill", tried_gib=2.5, free_gib=1.0)
    seen = launch({**ARGUMENTS, "mem_fraction_static": 0.83}, {**FACTS, Fact.LEFT: 14.0}, ready=READY)
    (finding,) = (one for one in findings([seen, at(0.9, short)]) if one.id == "memory-unused")
    assert finding.advice[0] == (
        "raise `mem_fraction_static` from 0.83 to 0.88 (0.9 runs out of memory, as does anything from 0.882)"
    )
    (finding,) = (one for one in findings([seen, at(0.85, short)]) if one.id == "memory-unused")
    assert finding.advice[0] == (
        "changing `mem_fraction_static` does not help: 0.85 runs out of memory, as does anything from 0.832"
    )
    assert finding.moves == ()


def test_what_lies_between_is_the_window() -> None:
    (finding,) = windows([at(0.88, HIGH), at(0.84, LOW)])
    assert (finding.id, finding.severity) == ("memory-window", Severity.INFO)
    (move,) = finding.moves
    assert (move.at_least, move.at_most, move.to) == (0.841, 0.879, 0.86)
    (finding,) = windows([at(0.88, HIGH), at(0.85), at(0.84, LOW)])
    assert finding.moves[0].to == 0.85
    assert "0.85 worked" in finding.summary


def test_what_was_missing_narrows_the_window() -> None:
    short = failed(TroubleKind.OUT_OF_MEMORY, Phase.SERVING, "prefill", tried_gib=2.5, free_gib=1.0)
    (finding,) = windows([at(0.84, LOW), at(0.89, short)])
    assert finding.summary.startswith(
        "0.84 is too low and 0.89 runs out of memory, as does anything from 0.872: "
        "the window is 0.85 to 0.87;"
    )
    assert (finding.moves[0].at_least, finding.moves[0].at_most) == (0.841, 0.871)
    (finding,) = windows([at(0.84, LOW), at(0.86, short)])
    assert finding.id == "no-memory-window"
    # One that worked is believed before numbers are.
    (finding,) = windows([at(0.84, LOW), at(0.85), at(0.86, short)])
    assert (finding.id, finding.moves[0].to) == ("memory-window", 0.85)


def test_launches_that_differ_otherwise_have_no_window_in_common() -> None:
    assert windows([at(0.84, LOW), at(0.85, HIGH, tp_size=2)]) == []
    assert windows([at(0.84, LOW), at(0.85, HIGH, port=30001)]) != []
    assert windows([at(0.84, LOW, node_rank=0), at(0.85, HIGH, node_rank=1)]) != []


def test_a_capture_that_failed_for_other_reasons_says_nothing_about_shares() -> None:
    other = failed(TroubleKind.CAPTURE, Phase.GRAPHS, words="CUDA error: no kernel image")
    assert windows([at(0.84, LOW), at(0.85, other)]) == []


def test_a_rule_looks_at_each_launch_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []

    def counted(found: Iterable[Finding]) -> Iterable[Finding]:
        looked.append(found)
        return once(found)

    monkeypatch.setattr(outofmemory, "once", counted)
    assert "no-memory-window" in {one.id for one in findings([at(0.84, LOW), at(0.85, HIGH)])}
    assert len(looked) == 2
