"""The kinds of error that reach a user: data first, words second."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from itertools import zip_longest

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
    spelled: dict[str, str] = {}
    for name in known:
        spelled.setdefault(_plain(name), name)
    close = get_close_matches(_plain(word), list(spelled), n=10, cutoff=0.6)
    found = next((spelled[name] for name in close if _is_close(_plain(word), name)), None)
    return None if found is None else f"did you mean `{found}`?"


def _plain(word: str) -> str:
    return word.casefold().replace("-", "_")


def _is_close(word: str, known: str) -> bool:
    """Whether one may be a slip of the other. Names that share most of their parts (`dp_size`, `tp_size`) may
    still be as different as the others."""
    pairs = list(zip_longest(word.split("_"), known.split("_")))
    if len(pairs) == 1 or SequenceMatcher(None, word, known).ratio() >= 0.94:
        return True
    if any(None in pair for pair in pairs):
        return SequenceMatcher(None, word.replace("_", ""), known.replace("_", "")).ratio() >= 0.8
    return all(sorted(a) == sorted(b) or SequenceMatcher(None, a, b).ratio() >= 0.6 for a, b in pairs)


def how_many(number: int, noun: str) -> str:
    """A number of things in words: `1 row`, `2 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
