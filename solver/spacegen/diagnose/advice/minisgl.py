"""What only mini-SGLang needs to be told: its log shows how it starts, but not its batches."""

from __future__ import annotations

from collections.abc import Iterable

from spacegen.diagnose.advice.rule import Aim
from spacegen.diagnose.advice.said import Key, is_mini, key, number
from spacegen.diagnose.finding import Finding, Move, Severity
from spacegen.diagnose.launch import Fact, Launch, Phase

__all__ = ["mini_graphs"]


def mini_graphs(launch: Launch, _goal: Aim) -> Iterable[Finding]:
    """Batches that may run without graphs: the log will not show when they do."""
    if not is_mini(launch) or not launch.graph_sizes:
        return
    largest, running = max(launch.graph_sizes), number(launch, Key.RUNNING)
    figure = launch.figures.get(Fact.LARGEST_GRAPH)
    if running is None or running <= largest:
        return
    move = Move(
        parameter=key(launch, Key.GRAPHS),
        at_least=running,
        was=largest,
        to=int(running),
        because=f"`{key(launch, Key.RUNNING)}` is {running:.0f}",
    )
    yield Finding(
        id="minisgl-graphs",
        phase=Phase.GRAPHS,
        severity=Severity.INFO,
        summary=f"graphs cover batches of up to {largest}, but {running:.0f} requests may run",
        evidence=() if figure is None else (figure.line,),
        numbers={"largest_graph": largest, "max_running_req": running},
        actions=(move, f"or, if latency matters, lower `{key(launch, Key.RUNNING)}` to {largest}"),
        moves=(move,),
    )
