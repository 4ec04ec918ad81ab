"""Launches that differ in their static share alone: between which shares the model works, if there are any.

Too low a share leaves no room for a KV cache, too high a one none for graphs and activations.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from spacegen.diagnose.advice.instead import Instead, replaced
from spacegen.diagnose.advice.lighter import loading, weights
from spacegen.diagnose.advice.said import Key, key, number, troubled
from spacegen.diagnose.advice.ways import FINEST, STEP, steps_down, steps_up
from spacegen.diagnose.finding import Finding, Move, Severity
from spacegen.diagnose.launch import Launch, Line, Phase, TroubleKind
from spacegen.diagnose.repeated import EACH_TIME

__all__ = ["Tried", "likeness", "tried", "window", "within"]

# Arguments that say nothing about memory, and that often differ from launch to launch.
_PASSING: Final = EACH_TIME | {
    *("log_level", "log_requests", "served_model_name", "watchdog_timeout"),
    *("schedule_conservativeness", "schedule_policy"),
}
# What decides about memory beside the static share, and not whether weights leave room in it.
_NO_WEIGHT: Final = (
    *("chunked_prefill_size", "max_prefill_tokens", "max_extend_tokens", "disable_cuda_graph"),
    *("cuda_graph_max_bs", "cuda_graph_max_bs_decode", "cuda_graph_bs", "cuda_graph_bs_decode"),
)
_SHORT: Final = (TroubleKind.OUT_OF_MEMORY, TroubleKind.CAPTURE)
_TOO_LOW: Final = "no-kv-pool"
_TOO_HIGH: Final = "out-of-memory-"
"""How the ids of findings begin."""


@dataclass(frozen=True, slots=True, order=True)
class _Edge:
    """A share that failed, and the `bound` up to which, or from which on, all shares fail by the numbers."""

    bound: float
    share: float
    place: int


_LOWEST: Final = _Edge(-math.inf, -math.inf, 0)
_HIGHEST: Final = _Edge(math.inf, math.inf, 0)
"""Where no launch failed."""


@dataclass(slots=True)
class Tried:
    """The launches that differ in their static share alone, by what became of them."""

    low: list[_Edge] = field(default_factory=list)
    high: list[_Edge] = field(default_factory=list)
    good: list[float] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    @property
    def limits(self) -> tuple[_Edge, _Edge]:
        """The largest share that is known to be too low, and the smallest that is known to run out."""
        low, high = max(self.low, default=_LOWEST), min(self.high, default=_HIGHEST)
        # What worked counts for more than what was worked out.
        if any(low.share < one <= low.bound for one in self.good):
            low = replace(low, bound=low.share)
        if any(high.bound <= one < high.share for one in self.good):
            high = replace(high, bound=high.share)
        return low, high


def tried(launches: Sequence[Launch], shown: Sequence[Iterable[Finding]]) -> tuple[Tried, ...]:
    """The static shares of the launches, each with the findings that it has shown, by kind of launch."""
    kinds: dict[str, Tried] = defaultdict(Tried)
    for place, (launch, found) in enumerate(zip(launches, shown, strict=True)):
        share = number(launch, Key.SHARE)
        if share is None:
            continue
        kind = kinds[_likeness(launch)]
        kind.places.append(place)
        if troubled(launch, TroubleKind.NO_POOL):
            more = _share_of(launch, found, _TOO_LOW)
            least = None if more is None else more.at_least
            kind.low.append(_Edge(share if least is None else round(least - FINEST, 3), share, place))
        elif less := _share_of(launch, found, _TOO_HIGH):
            most = share if less.at_most is None else round(less.at_most + FINEST, 3)
            kind.high.append(_Edge(most, share, place))
        elif launch.ready is not None and not troubled(launch, *_SHORT):
            kind.good.append(share)
    return tuple(kinds.values())


def window(
    launches: Sequence[Launch], shown: Sequence[Iterable[Finding]], kinds: Iterable[Tried]
) -> Iterator[Finding]:
    """What launches that were too low and launches that ran out say together."""
    for kind in kinds:
        if not kind.low or not kind.high:
            continue
        low, high = max(kind.low), min(kind.high)
        works = sorted({share for share in kind.good if low.share < share < high.share})
        if works or round(high.bound - low.bound, 4) > STEP:
            yield _open(launches, low, high, works)
        else:
            yield _closed(launches, shown[high.place], low, high)


def within(
    launches: Sequence[Launch], findings: Iterable[Finding], kinds: Sequence[Tried]
) -> Iterator[Finding]:
    """The findings with shares to try that no other launch of the same kind has shown to fail."""
    low: dict[str, list[_Edge]] = defaultdict(list)
    for edge in (edge for kind in kinds for edge in kind.low):
        low[_likeness(launches[edge.place], *_NO_WEIGHT)].append(edge)
    limits = {
        place: replace(kind, low=low[_likeness(launches[place], *_NO_WEIGHT)]).limits
        for kind in kinds
        for place in kind.places
    }
    for finding in findings:
        name = key(launches[finding.launch], Key.SHARE)
        yield _within(finding, name, *limits.get(finding.launch, (_LOWEST, _HIGHEST)))


def _within(finding: Finding, name: str, below: _Edge, above: _Edge) -> Finding:
    instead = {}
    low, high = below.bound, above.bound
    for move in finding.moves:
        to = move.to
        if move.parameter != name or not isinstance(to, int | float) or low < to < high:
            continue
        bound = _too_low(below) if to <= low else _too_high(above)
        failed = finding.severity is Severity.ERROR
        wide = move if failed else _advised(move, to, low, high).model_copy(update={"because": bound})
        other = wide.model_copy(update={"to": _nearest(wide, to, low, high)})
        if other.to is not None:
            instead[move] = Instead(other, other)
            continue
        # Without a value to try a failure has a way out in it still: nobody has tried all that lies between.
        instead[move] = Instead(other if failed else None, f"changing `{name}` does not help: {bound}")
    return replaced(finding, instead)


def _advised(move: Move, to: float, low: float, high: float) -> Move:
    """Advice that goes as far as the window does, where that is less far than it would."""
    was = move.was if isinstance(move.was, int | float) else to
    bottom = max(low, was if to > was else -math.inf)
    top = min(high, was if to < was else math.inf)
    return move.model_copy(
        update={
            "at_least": round(bottom + FINEST, 3) if math.isfinite(bottom) else None,
            "at_most": round(top - FINEST, 3) if math.isfinite(top) else None,
        }
    )


def _nearest(move: Move, to: float, low: float, high: float) -> float | None:
    """The share nearest to `to`, in the guide's steps, that keeps to the move and to the window."""
    bottom = steps_up(max(low + FINEST, move.at_least or STEP))
    top = steps_down(min(high - FINEST, 1.0 if move.at_most is None else move.at_most))
    return min(max(to, bottom), top) if bottom <= top else None


def _share_of(launch: Launch, findings: Iterable[Finding], of: str) -> Move | None:
    """How far those findings whose ids begin so move the share."""
    moves = (move for finding in findings if finding.id.startswith(of) for move in finding.moves)
    return next((move for move in moves if move.parameter == key(launch, Key.SHARE)), None)


def likeness(launch: Launch, *apart: str) -> str:
    """What a launch has in common with others that differ in these arguments alone."""
    rest = {name: value for name, value in launch.arguments.items() if name not in _PASSING.union(apart)}
    return json.dumps([launch.server, rest], default=str, sort_keys=True)


def _likeness(launch: Launch, *others: str) -> str:
    """What launches have in common that differ in their share, and in others."""
    return likeness(launch, key(launch, Key.SHARE), *others)


def _lines(launches: Sequence[Launch], low: _Edge, high: _Edge) -> tuple[Line, ...]:
    """One line of each, the most telling."""
    below = troubled(launches[low.place], TroubleKind.NO_POOL)
    above = troubled(launches[high.place], *_SHORT)
    return tuple(line for trouble in (*below[:1], *above[:1]) for line in trouble.lines[:1])


def _told(low: _Edge, high: _Edge) -> str:
    pause = "," if low.bound > low.share else ""
    return f"{_too_low(low)}{pause} and {_too_high(high)}"


def _too_low(edge: _Edge) -> str:
    """The share that was tried; what others would do is worked out."""
    others = f", as is anything up to {edge.bound:g}" if edge.bound > edge.share else ""
    return f"{edge.share:g} is too low{others}"


def _too_high(edge: _Edge) -> str:
    others = f", as does anything from {edge.bound:g}" if edge.bound < edge.share else ""
    return f"{edge.share:g} runs out of memory{others}"


def _open(launches: Sequence[Launch], low: _Edge, high: _Edge, works: Sequence[float]) -> Finding:
    last = max(low.place, high.place)
    name = key(launches[last], Key.SHARE)
    # What worked counts for more than what was worked out.
    bottom, top = (low.share, high.share) if works else (low.bound, high.bound)
    first, final = steps_up(bottom + FINEST), steps_down(top - FINEST)
    to = works[-1] if works else round((bottom + top) / 2, 2)
    known = f"{', '.join(f'{share:g}' for share in works)} worked" if works else "none of them was tried"
    return Finding(
        id="memory-window",
        phase=Phase.KV_POOL,
        severity=Severity.INFO,
        launch=last,
        summary=f"{_told(low, high)}: the window is {first:g} to {final:g}; {known}",
        evidence=_lines(launches, low, high),
        numbers={"too_low": bottom, "runs_out": top},
        actions=(f"keep `{name}` at {to:g}" if works else f"try `{name}` at {to:g}",),
        moves=(_between(name, bottom, top, to),),
    )


def _between(name: str, low: float, high: float, to: float | None = None) -> Move:
    """The shares above one that is too low and below one that runs out."""
    return Move(parameter=name, at_least=round(low + FINEST, 3), at_most=round(high - FINEST, 3), to=to)


def _closed(launches: Sequence[Launch], shown: Iterable[Finding], low: _Edge, high: _Edge) -> Finding:
    """No share works: something else must need less memory, of what ran out above or of weights."""
    above = launches[high.place]
    name = key(above, Key.SHARE)
    openers = tuple(_openers(above, shown, name))
    moves = tuple(move for move in openers if move.apart_from is None)
    # What lies between two steps nobody has tried.
    between = () if high.bound - low.bound < 2 * FINEST else (_between(name, low.bound, high.bound),)
    none = f"no `{name}` {f'in steps of {STEP} ' if between else ''}works"
    return Finding(
        id="no-memory-window",
        phase=Phase.KV_POOL,
        severity=Severity.ERROR,
        launch=max(low.place, high.place),
        summary=f"{_told(low, high)}: {none}",
        evidence=_lines(launches, low, high),
        numbers={"too_low": low.bound, "runs_out": high.bound},
        actions=("first make something else smaller; any one of these is enough:", *moves[:4]),
        moves=moves,
        unless=(*between, *(move for move in openers if move.apart_from is not None)),
    )


def _openers(above: Launch, shown: Iterable[Finding], name: str) -> Iterator[Move]:
    """All that makes the launch that ran out need less, but for the share; then what shrinks its weights."""
    findings, lighter = [one for one in shown if one.id.startswith(_TOO_HIGH)], weights(above)
    ways = [move for finding in findings for move in finding.moves]
    others = [move for finding in findings for move in finding.unless]
    seen = set()
    for move in (*ways, *lighter[:2], *others, *lighter, *loading(above)):
        one = move.model_dump_json()
        if move.parameter != name and one not in seen:
            seen.add(one)
            yield move
