"""What a rule of advice is: a function from a launch to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import TypeAlias

from spacegen.diagnose.finding import Finding, Move
from spacegen.diagnose.launch import Launch
from spacegen.errors import Fault, UsageError, did_you_mean

__all__ = ["Aim", "Rule", "besides", "once"]


class Aim(StrEnum):
    """What a server is tuned for. For latency an empty queue is fine and a long one is not."""

    THROUGHPUT = "throughput"
    LATENCY = "latency"

    @classmethod
    def of(cls, text: str) -> Aim:
        """The goal of that name. Raises UsageError."""
        if text not in tuple(cls):
            hint = did_you_mean(text, cls) or f"choose one of {', '.join(cls)}"
            raise UsageError(Fault(f"no goal is called `{text}`", hint=hint))
        return cls(text)


Rule: TypeAlias = Callable[[Launch, Aim], Iterable[Finding]]
"""What one launch shows, for a goal; the book numbers the launches."""


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
