"""What a rule of advice is: a function from a launch, or from all of them, to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from spacegen.diagnose.finding import Finding
from spacegen.diagnose.launch import Launch

__all__ = ["LATENCY", "Across", "Rule"]

LATENCY: Final = "latency"
"""The goal under which an empty queue is fine and a long one is not; else it is "throughput"."""

Rule: TypeAlias = Callable[[Launch, str], Iterable[Finding]]
"""What one launch shows, for a goal; the book numbers the launches."""
Across: TypeAlias = Callable[[Sequence[Launch], str], Iterable[Finding]]
"""What several launches show together; such findings name the launch they are about themselves."""
