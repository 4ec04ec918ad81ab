"""Advice beside errors of the same launch."""

from __future__ import annotations

import pytest

from spacegen.diagnose.advice.book import findings
from spacegen.diagnose.advice.opposed import settled
from spacegen.diagnose.finding import Finding, Move, Severity
from spacegen.diagnose.launch import Fact, Phase, TroubleKind
from tests.made_launches import (
    ARGUMENTS,
    FACTS,
    MINI,
    advised,
    failed,
    launch,
    only,
    shown,
)


def advice_beside(*advised: Finding) -> list[Finding]:
    """What is left of advice beside an error of decoding, of which some is known to help."""
    error = only(launch(ARGUMENTS, FACTS, failed(TroubleKind.OUT_OF_MEMORY, Phase.SERVING, "decode")))
    return list(settled((error, *advised)))[1:]


MORE = Move(parameter="max_running_requests", at_least=1025, was=1024, to=2048)
FEWER = Move(parameter="max_running_requests", at_most=512, was=1024, to=512)
OTHER = Move(parameter="schedule_conservativeness", at_most=0.9, was=1.0, to=0.7)
HIGHER = Move(parameter="mem_fraction_static", at_least=0.9, was=0.88, to=0.9)


def test_advice_that_makes_an_error_worse_waits_for_it() -> None:
    (warning,) = advice_beside(advised(Severity.WARNING, MORE))
    assert (warning.summary, warning.moves) == ("seen", ())
    before = "fix `out-of-memory-decode` before raising `max_running_requests`, which would make it worse"
    assert warning.advice == (before,)
    assert advice_beside(advised(Severity.INFO, MORE)) == []
    within = Move(parameter="mem_fraction_static", at_least=0.9, at_most=0.95, was=0.97, to=0.92)
    (lower,) = advice_beside(advised(Severity.WARNING, within))
    assert "before lowering `mem_fraction_static`" in lower.advice[0]
    (partly,) = advice_beside(advised(Severity.INFO, MORE, OTHER))
    assert (partly.moves, partly.advice[1]) == ((OTHER,), OTHER.sentence)
    # What has to change with a way out is as much against it.
    (beside,) = advice_beside(advised(Severity.WARNING, OTHER, also=(HIGHER,)))
    assert (beside.moves, beside.also) == ((), ())


@pytest.mark.parametrize("move", [FEWER, OTHER])
def test_other_advice_beside_an_error_stays(move: Move) -> None:
    note = advised(Severity.INFO, move)
    assert advice_beside(note) == [note]


def test_a_graph_range_that_ran_out_is_not_to_be_raised() -> None:
    trouble = failed(TroubleKind.OUT_OF_MEMORY, Phase.GRAPHS)
    seen = launch(MINI, {Fact.BEFORE_LOADING: 23.0}, trouble, server="minisgl", graph_sizes=(1, 2, 4, 8, 16))
    assert {one.id for one in shown(seen)} == {"out-of-memory-graphs", "minisgl-graphs"}
    assert [one.id for one in findings([seen])] == ["out-of-memory-graphs"]
