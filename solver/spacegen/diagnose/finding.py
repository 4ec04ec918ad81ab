"""Findings: what a log shows, as data first and words second."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, TypeAlias

from pydantic import Field

from spacegen.diagnose.launch import Line, Phase
from spacegen.language.expr import Scalar
from spacegen.language.model import is_number
from spacegen.tune.values import Value

__all__ = ["SPACE", "Action", "Finding", "Move", "Severity", "Step", "shown"]

SPACE: Final = "SPACE"
"""Stands in a command for the space, until one is given."""

_DOING: Final = {
    "raise": "raising",
    "lower": "lowering",
    "set": "setting",
    "leave out": "leaving out",
    "try another": "trying another",
}


class Severity(StrEnum):
    """How bad it is. A healthy log has `info` only."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def place(self) -> int:
        """Its place in the order, 0 for the worst."""
        return len(Severity) - 1 - tuple(Severity).index(self)

    @property
    def word(self) -> str:
        """The word that people read."""
        return "note" if self is Severity.INFO else self.value


class Move(Value):
    """An argument within bounds, or among values; if both are given, both hold.

    sglang's arguments are called as in 0.5.6, which rule packs use too; mini-SGLang's have its own names.
    """

    parameter: str
    at_least: float | None = None
    at_most: float | None = None
    among: tuple[Scalar, ...] | None = None
    apart_from: tuple[Scalar, ...] | None = None
    """Any value other than these: which one is better is not known."""
    was: Scalar = None
    """The value that the launch ran with; None if the log does not show it."""
    to: Scalar = None
    """The value to try first."""
    because: str = ""
    """Why by this much: the numbers behind `to`, in a few words."""

    @property
    def verb(self) -> str:
        """What is done to the argument, as words before its name."""
        if self.among is not None:
            return "leave out" if self.to is None and None in self.among else "set"
        if self.apart_from is not None:
            return "try another"
        if self.at_most is None or (self.at_least is not None and not self._lowers):
            return "raise"
        return "lower"

    @property
    def doing(self) -> str:
        """The move as what somebody does, without its values."""
        return f"{_DOING[self.verb]} `{self.parameter}`"

    @property
    def _lowers(self) -> bool:
        was, to = self.was, self.to
        return isinstance(was, int | float) and isinstance(to, int | float) and to < was

    @property
    def sentence(self) -> str:
        """The move in words: from which value to which, and why by this much."""
        because = f" ({self.because})" if self.because else ""
        what = f"{self.verb} `{self.parameter}`"
        if self.apart_from is not None:
            return f"{what} than {_quoted(self.was)}{because}"
        if self.verb == "leave out":
            return f"{what}{because}"
        since = "" if self.was is None or self.among is not None else f" from {_quoted(self.was)}"
        return f"{what}{since} to {_quoted(self.to)}{because}"


def _quoted(value: Scalar) -> str:
    return shown(value) if is_number(value) else f"`{shown(value)}`"


def shown(value: Any) -> str:
    """The value of an argument as people write it."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.10g}"
        case _:
            return str(value)


class Step(Value):
    """What to say of a move beside its own sentence, or in place of it; without the move it is not said."""

    about: Move
    sentence: str


Action: TypeAlias = Move | Step | str
"""A move, what is said of one, or a sentence about what no argument does."""


class Finding(Value):
    """One thing that a launch shows, and what to do about it.

    `moves` are ways out, the best first: one of them is enough. `unless` are what else would have to be
    different for the finding to say nothing: a failure of memory holds for every launch that needs as much,
    so each member is an argument on the lighter side of this launch. Without moves there is nothing to edit:
    then `actions` and `command` are all.
    """

    id: str
    phase: Phase
    severity: Severity
    launch: int = 0
    """Which of the launches, counted from 0."""
    summary: str
    """What was observed, in one sentence with its numbers."""
    evidence: tuple[Line, ...] = ()
    numbers: dict[str, float] = Field(default_factory=dict)
    actions: tuple[Action, ...] = ()
    """What to do, in the order in which it is told: moves, and what moves do not say."""
    command: str | None = None
    """A command that shows more, or fixes it."""
    moves: tuple[Move, ...] = ()
    unless: tuple[Move, ...] = ()
    also: tuple[Move, ...] = ()
    """What has to change together with the best way out, which would fail alone."""
    narrows: bool = True
    """Whether a space is narrowed to the ways out; else the moves are advice only."""

    @property
    def advice(self) -> tuple[str, ...]:
        """The actions as sentences, each with direction and size."""
        return tuple(action if isinstance(action, str) else action.sentence for action in self.actions)
