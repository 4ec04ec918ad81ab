"""The kinds of error that reach a user: data first, words second."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from spacegen.source import Span

__all__ = [
    "ConfigError",
    "EmptySpaceError",
    "EngineError",
    "Fault",
    "SpaceError",
    "SpacegenError",
    "TooWideError",
    "UsageError",
    "did_you_mean",
    "how_many",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with an input: what, where, and what would help."""

    message: str
    span: Span | None = None
    hint: str | None = None

    def __str__(self) -> str:
        lines = [f"{self.span}: {self.message}" if self.span else self.message]
        if self.span:
            lines.append(self.span.excerpt())
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)


class SpacegenError(Exception):
    """Base of all errors that are answers to bad input; `faults` has every fault found at once."""

    def __init__(self, *faults: Fault | str) -> None:
        self.faults = tuple(Fault(f) if isinstance(f, str) else f for f in faults)
        super().__init__(*self.faults)

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.faults))


class SpaceError(SpacegenError):
    """A space or a pack cannot be read: syntax, names, types, values, files."""


class ConfigError(SpacegenError):
    """A config file cannot be read."""


class UsageError(SpacegenError):
    """An argument of a call or a command makes no sense for this space."""


class EngineError(SpacegenError):
    """An engine gives up: a limit, a time-out, a question that it cannot answer."""


class TooWideError(EngineError):
    """The join tree of this space would not fit in memory."""


class EmptySpaceError(SpacegenError):
    """A question that needs a solution was asked of a space without any."""


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint that names the closest known word, or nothing where none is close."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else None


def how_many(number: int, noun: str) -> str:
    """A number of things in words: `1 row`, `2 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
