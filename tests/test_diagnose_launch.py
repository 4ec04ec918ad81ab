"""What a launch holds."""

from __future__ import annotations

from spacegen.diagnose.launch import Fact
from tests.made_launches import (
    ARGUMENTS,
    FACTS,
    launch,
)


def test_figures_that_no_server_has_are_none() -> None:
    seen = launch(ARGUMENTS, {**FACTS, Fact.LEFT: -1.0, Fact.MOST_RUNNING: 1e30, Fact.GRAPHS: float("nan")})
    assert seen.figures.keys() == FACTS.keys()
    assert seen.figure(Fact.MOST_RUNNING) is None
