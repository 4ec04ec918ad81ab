"""Advice beside failures of other launches."""

from __future__ import annotations

import pytest

from spacegen.diagnose.advice.agreed import agreed
from spacegen.diagnose.advice.book import findings
from spacegen.diagnose.finding import Move, Severity, Step
from spacegen.diagnose.launch import Phase, TroubleKind
from tests.made_launches import (
    HIGH,
    LOW,
    advised,
    at,
    failed,
)
from tests.read_logs import launches_of
from tests.server_logs import OLD, log


def test_no_way_out_leads_to_what_another_launch_has_tried() -> None:
    graphs = failed(TroubleKind.OUT_OF_MEMORY, Phase.GRAPHS)
    found = findings([at(0.84, LOW), at(0.85, graphs)])
    assert {finding.id for finding in found} == {"no-kv-pool", "no-memory-window", "out-of-memory-graphs"}
    shares = [move for finding in found for move in finding.moves if move.parameter == "mem_fraction_static"]
    assert [move.to for move in shares] == [None, None]
    told = [sentence for finding in found for sentence in finding.advice if "mem_fraction" in sentence]
    assert told == [
        "changing `mem_fraction_static` does not help: 0.85 runs out of memory",
        "changing `mem_fraction_static` does not help: 0.84 is too low",
    ]
    # With more room between both, a share of the window.
    found = findings([at(0.75, LOW), at(0.85, failed(TroubleKind.OUT_OF_MEMORY, Phase.GRAPHS))])
    (out,) = (finding for finding in found if finding.id == "out-of-memory-graphs")
    assert (out.moves[0].to, out.moves[0].at_most) == (0.8, 0.849)
    # Whatever the graphs, weights need their share.
    found = findings([at(0.84, LOW), at(0.85, graphs, cuda_graph_max_bs=128)])
    (out,) = (finding for finding in found if finding.id == "out-of-memory-graphs")
    assert [(move.parameter, move.to) for move in out.moves[:2]] == [
        ("mem_fraction_static", None),
        ("cuda_graph_max_bs", 64),
    ]


@pytest.mark.parametrize(
    ("failing", "to", "bounds"),
    [(1024, 512, (257.0, 1023.0)), (400, 399, (257.0, 399.0)), (257, None, None)],
)
def test_advice_leads_to_no_launch_that_failed(
    failing: int, to: int | None, bounds: tuple[float, float] | None
) -> None:
    raised = Move(parameter="max_running_requests", at_least=257, was=256, to=1024)
    lowered = Move(parameter="max_running_requests", at_most=failing - 1, was=failing, to=failing // 2)
    advice = advised(Severity.WARNING, raised)
    error = advised(Severity.ERROR, lowered).model_copy(update={"launch": 1})
    seen = [at(0.88, max_running_requests=256), at(0.88, HIGH, max_running_requests=failing)]
    (finding,) = (one for one in agreed(seen, [advice, error]) if one.severity is Severity.WARNING)
    if bounds is None:
        assert finding.moves == ()
        assert finding.advice == (
            "changing `max_running_requests` does not help: with 257 the launch ends in `advised`",
        )
    else:
        assert [(move.at_least, move.at_most, move.to) for move in finding.moves] == [(*bounds, to)]
    # A launch that failed with another share says nothing about this one.
    seen[1] = at(0.9, HIGH, max_running_requests=failing)
    assert next(iter(agreed(seen, [advice, error]))).moves == (raised,)


def test_advice_in_words_of_its_own_goes_with_its_way_out() -> None:
    (served,) = launches_of("".join(log(OLD, "healthy", tp=2)).encode())
    (note,) = (one for one in findings([served]) if one.id == "data-parallel-first")
    assert "run 2 replicas at `tp_size` 1" in note.advice[0]
    fewer = served.model_copy(
        update={
            "arguments": served.arguments | {"tp_size": 1},
            "troubles": (failed(TroubleKind.OUT_OF_MEMORY, Phase.WEIGHTS),),
        }
    )
    (note,) = (one for one in findings([served, fewer]) if one.id == "data-parallel-first")
    assert (note.moves, note.advice) == (
        (),
        ("changing `tp_size` does not help: with 1 the launch ends in `out-of-memory-weights`",),
    )


def test_what_goes_with_a_way_out_is_not_told_without_it() -> None:
    raised = Move(parameter="max_running_requests", at_least=257, was=256, to=257)
    graphs = Move(parameter="cuda_graph_max_bs", at_least=257, was=256, to=384)
    lowered = Move(parameter="max_running_requests", at_most=256, was=257, to=128)
    advice = advised(Severity.WARNING, raised, also=(graphs,)).model_copy(
        update={
            "actions": (
                raised,
                Step(about=raised, sentence="each takes memory"),
                Step(about=graphs, sentence="and larger graphs"),
                "ask for less",
            )
        }
    )
    error = advised(Severity.ERROR, lowered).model_copy(update={"launch": 1})
    seen = [at(0.88, max_running_requests=256), at(0.88, HIGH, max_running_requests=257)]
    (finding, _) = agreed(seen, [advice, error])
    assert (finding.moves, finding.also) == ((), ())
    assert finding.advice == (
        "changing `max_running_requests` does not help: with 257 the launch ends in `advised`",
        "ask for less",
    )


def test_what_another_launch_ran_with_is_what_it_was_given_by_either_name() -> None:
    raised = Move(parameter="cuda_graph_max_bs", at_least=257, was=256, to=512)
    lowered = Move(parameter="cuda_graph_max_bs", at_most=256, was=512, to=256)
    both = {"cuda_graph_max_bs": None, "cuda_graph_max_bs_decode": 512}
    error = advised(Severity.ERROR, lowered).model_copy(update={"launch": 1})
    seen = [at(0.88), at(0.88, HIGH, **both)]
    (finding, _) = agreed(seen, [advised(Severity.WARNING, raised), error])
    assert "with 512 the launch ends in `advised`" in finding.advice[0]
