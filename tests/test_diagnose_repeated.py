"""What one launch shows holds for the next one with the same arguments, as long as that has shown nothing."""

from __future__ import annotations

from typing import Any

from spacegen.diagnose.diagnosis import Diagnosis
from spacegen.diagnose.finding import Finding, Move, Severity
from spacegen.diagnose.launch import Launch, Line, Phase
from spacegen.diagnose.repeated import for_the_last
from spacegen.diagnose.series import Column, Series
from spacegen.diagnose.telling.flags import changes

CAUTION = "schedule_conservativeness"
LINE = Line(file="a.log", number=1, text="server_args=…")
SERVED = Series(columns={Column.DECODES: (9.0,)})
LOWER = Finding(
    id="too-conservative",
    phase=Phase.SERVING,
    severity=Severity.WARNING,
    summary="it shows",
    moves=(Move(parameter=CAUTION, at_most=0.7, was=1.0, to=0.3),),
)


def launch(*, served: bool = False, logged: bool = True, **arguments: Any) -> Launch:
    return Launch(
        server="sglang",
        version="0.5.6",
        arguments={CAUTION: 1.0, "random_seed": 1, **arguments},
        arguments_line=LINE if logged else None,
        series=SERVED if served else Series(),
    )


def after(*launches: Launch) -> list[tuple[str, object]]:
    found = changes(Diagnosis(launches=launches, findings=(LOWER,)))
    return [(move.parameter, move.to) for _, move in found]


def test_another_node_or_another_start_shows_nothing_else() -> None:
    first = launch(served=True)
    again = [
        launch(node_rank=1),
        launch(random_seed=7, port=30001),
    ]
    for other in again:
        assert for_the_last([first, other]) == {0, 1}
        assert after(first, other) == [(CAUTION, 0.3)]
    assert for_the_last([first, *again]) == {0, 1, 2}


def test_what_has_served_or_runs_otherwise_speaks_for_itself() -> None:
    first = launch(served=True)
    for other in (launch(served=True), launch(tp_size=2), launch(logged=False)):
        assert for_the_last([first, other]) == {1}
        assert after(first, other) == []
    assert for_the_last([first, launch(tp_size=2), launch()]) == {2}
    assert for_the_last([]) == frozenset()
