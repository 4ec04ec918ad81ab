"""A trouble while it is collected."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from spacegen.diagnose.launch import Line, Phase, Trouble
from spacegen.diagnose.reading.events import Fault

__all__ = ["Seen"]

_WENT_ON: Final = 4
"""Lines of batches of a rank; ranks that wait for one that has died may have a line or two left to say."""


@dataclass(slots=True)
class Seen:
    """What is known of it until now, and what followed."""

    fault: Fault
    phase: Phase
    lines: list[Line]
    during: str | None
    fatal: bool
    before: frozenset[int]
    """The data-parallel ranks that it may have ended, none where that is not known."""
    after: Counter[int] = field(default_factory=Counter)
    """Lines of batches of each since then."""
    count: int = 1
    numbers: dict[str, float] = field(default_factory=dict)

    @property
    def went_on(self) -> bool:
        """Whether batches go on, of each rank that it may have ended."""
        ranks = self.before or self.after.keys()
        return bool(ranks) and all(self.after[rank] >= _WENT_ON for rank in ranks)

    @property
    def ends(self) -> bool:
        """Whether the launch ended of it."""
        return self.fatal and not self.went_on

    def trouble(self, *, fatal: bool) -> Trouble:
        return Trouble(
            kind=self.fault.kind,
            phase=self.phase,
            lines=tuple(self.lines),
            count=self.count,
            during=self.during,
            fatal=fatal and not self.went_on,
            went_on=self.went_on,
            numbers=dict(self.numbers),
            words=self.fault.words,
        )
