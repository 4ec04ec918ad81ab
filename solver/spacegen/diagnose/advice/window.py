"""Launches that differ in their static share alone: between which shares the model works, if there are any.

Too low a share leaves no room for a KV cache, too high a one none for graphs and activations.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from spacegen.diagnose.advice.lighter import weights
from spacegen.diagnose.advice.outofmemory import gpu_memory
from spacegen.diagnose.advice.said import Key, key, number, troubled
from spacegen.diagnose.advice.ways import STEP, told
from spacegen.diagnose.finding import Finding, Move, Severity
from spacegen.diagnose.launch import Kind, Launch, Line, Phase

__all__ = ["window"]

# Arguments that say nothing about memory, and that often differ from launch to launch.
_PASSING: Final = (
    "port",
    "nccl_port",
    "host",
    "server_host",
    "server_port",
    "dist_init_addr",
    "random_seed",
    "log_level",
    "log_requests",
    "schedule_conservativeness",
    "schedule_policy",
    "served_model_name",
    "watchdog_timeout",
)
_EARLY: Final = (Phase.ARGUMENTS, Phase.WEIGHTS)


@dataclass(slots=True)
class _Tried:
    """The launches of one kind, by what became of them: their place and their share."""

    low: list[tuple[float, int]] = field(default_factory=list)
    high: list[tuple[float, int]] = field(default_factory=list)
    good: list[tuple[float, int]] = field(default_factory=list)

    @property
    def last(self) -> int:
        return max(place for _, place in (*self.low, *self.high, *self.good))


def window(launches: Sequence[Launch], _goal: str) -> Iterable[Finding]:
    """What launches that were too low and launches that ran out say together."""
    for tried in _kinds(launches):
        if not tried.low or not tried.high:
            continue
        (low, lowest), (high, highest) = max(tried.low), min(tried.high)
        works = sorted({share for share, _ in tried.good if low < share < high})
        if works or round(high - low, 4) > STEP:
            yield _open(launches, tried, (lowest, highest), (low, high), works)
        else:
            yield _closed(launches, tried, (lowest, highest), (low, high))


def _kinds(launches: Sequence[Launch]) -> Iterable[_Tried]:
    kinds: dict[str, _Tried] = defaultdict(_Tried)
    for place, launch in enumerate(launches):
        share = number(launch, Key.SHARE)
        if share is None:
            continue
        tried = kinds[_likeness(launch)]
        if troubled(launch, Kind.NO_POOL):
            tried.low.append((share, place))
        elif _ran_out(launch):
            tried.high.append((share, place))
        elif launch.ready is not None:
            tried.good.append((share, place))
    return kinds.values()


def _likeness(launch: Launch) -> str:
    """What launches have in common that differ in their share."""
    apart = {key(launch, Key.SHARE), *_PASSING}
    rest = {name: value for name, value in launch.arguments.items() if name not in apart}
    return json.dumps([launch.server, rest], default=str, sort_keys=True)


def _ran_out(launch: Launch) -> bool:
    """Whether it had too little memory beside its static share, or for it."""
    return any(finding.moves and finding.phase not in _EARLY for finding in gpu_memory(launch, ""))


def _lines(launches: Sequence[Launch], low: int, high: int) -> tuple[Line, ...]:
    """One line of each, the most telling."""
    below = troubled(launches[low], Kind.NO_POOL)
    above = troubled(launches[high], Kind.OUT_OF_MEMORY, Kind.CAPTURE)
    return tuple(line for trouble in (*below[:1], *above[:1]) for line in trouble.lines[:1])


def _open(
    launches: Sequence[Launch],
    tried: _Tried,
    places: tuple[int, int],
    shares: tuple[float, float],
    works: Sequence[float],
) -> Finding:
    low, high = shares
    name = key(launches[tried.last], Key.SHARE)
    first, last = round(low + STEP, 2), round(high - STEP, 2)
    to = works[-1] if works else round((low + high) / 2, 2)
    worked = ", ".join(f"{share:g}" for share in works)
    known = f"{worked} worked" if works else "none of them was tried"
    move = Move(parameter=name, at_least=first, at_most=last, to=to)
    return Finding(
        id="memory-window",
        phase=Phase.KV_POOL,
        severity=Severity.INFO,
        launch=tried.last,
        summary=f"{low:g} is too low and {high:g} runs out: the window is {first:g} to {last:g}; {known}",
        evidence=_lines(launches, *places),
        numbers={"too_low": low, "runs_out": high},
        advice=(f"keep `{name}` at {to:g}" if works else f"try `{name}` at {to:g}",),
        moves=(move,),
    )


def _closed(
    launches: Sequence[Launch], tried: _Tried, places: tuple[int, int], shares: tuple[float, float]
) -> Finding:
    """No share works: something else must need less memory, of what ran out above or of weights."""
    low, high = shares
    above = launches[places[1]]
    name = key(above, Key.SHARE)
    moves = tuple(_openers(above, name))
    crossed = low >= high
    return Finding(
        id="no-memory-window",
        phase=Phase.KV_POOL,
        severity=Severity.ERROR,
        launch=tried.last,
        summary=f"{low:g} is too low and {high:g} runs out"
        + (": no share works" if crossed else f": no share in steps of {STEP} works"),
        evidence=_lines(launches, *places),
        numbers={"too_low": low, "runs_out": high},
        advice=(
            "no share works before something else needs less memory; one of these opens a window:",
            *(told(move) for move in moves[:4]),
        ),
        moves=moves,
    )


def _openers(above: Launch, name: str) -> Iterator[Move]:
    """All that makes the launch that ran out need less, but for the share; then what shrinks its weights."""
    seen = set()
    found = [move for finding in gpu_memory(above, "") for move in (*finding.moves, *finding.unless)]
    for move in (*found, *weights(above)):
        one = move.model_dump_json()
        if move.parameter != name and one not in seen:
            seen.add(one)
            yield move
