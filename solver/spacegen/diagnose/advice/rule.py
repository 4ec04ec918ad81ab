"""What a rule of advice is: a function from a launch, or from all of them, to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from spacegen.diagnose.finding import Finding, Move
from spacegen.diagnose.launch import Launch

__all__ = ["LATENCY", "Across", "Rule", "besides", "once"]

LATENCY: Final = "latency"
"""The goal under which an empty queue is fine and a long one is not; else it is "throughput"."""

Rule: TypeAlias = Callable[[Launch, str], Iterable[Finding]]
"""What one launch shows, for a goal; the book numbers the launches."""
Across: TypeAlias = Callable[[Sequence[Launch], str], Iterable[Finding]]
"""What several launches show together; such findings name the launch they are about themselves."""


def once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The first of each id: what ranks say together is one finding."""
    seen = set()
    for finding in findings:
        if finding.id not in seen:
            seen.add(finding.id)
            yield finding


def besides(moves: tuple[Move, ...], unless: tuple[Move, ...]) -> tuple[Move, ...]:
    """Each of `unless` once, and none that is a way out already."""
    return tuple(move for i, move in enumerate(unless) if move not in moves and move not in unless[:i])
