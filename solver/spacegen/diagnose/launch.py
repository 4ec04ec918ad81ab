"""What the log of one launch shows: how far it got, its figures, what went wrong, how it served."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from pydantic import Field, field_validator

from spacegen.diagnose.printable import Printable, printable, printable_value
from spacegen.diagnose.series import Column, Series
from spacegen.language.model import is_number
from spacegen.tune.secret import masked
from spacegen.tune.values import Value

__all__ = ["Fact", "Figure", "Launch", "Line", "Phase", "Trouble", "TroubleKind", "asked_of", "sensible"]

_LARGEST: Final = 1e12


class Phase(StrEnum):
    """The parts of a launch, in their order."""

    ARGUMENTS = "arguments"
    WEIGHTS = "weights"
    KV_POOL = "KV pool"
    GRAPHS = "graph capture"
    WARM_UP = "warm-up"
    SERVING = "serving"


class Line(Value):
    """A line of a log, cut where it is very long."""

    file: Printable
    number: int
    """Counted from 1."""
    text: Printable


class Fact(StrEnum):
    """What servers log about themselves while they start; memory is that of one GPU, in GiB (logs say GB)."""

    BEFORE_LOADING = "available before loading"
    WEIGHTS = "weights"
    BITS = "bits of a weight in the checkpoint"
    AFTER_LOADING = "available after loading"
    POOL = "KV pool"
    POOL_TOKENS = "KV pool tokens"
    GRAPHS = "graphs"
    AFTER_GRAPHS = "available after graph capture"
    LARGEST_GRAPH = "largest graph batch"
    LEFT = "available when ready"
    """On the rank that has the least."""
    CHUNK = "chunked prefill size"
    PREFILL_TOKENS = "max prefill tokens"
    MOST_RUNNING = "max running requests"
    CONTEXT = "context length"
    LOADING_SECONDS = "seconds of loading"
    CAPTURE_SECONDS = "seconds of graph capture"


class Figure(Value):
    """A number and the line that says it."""

    value: float
    line: Line
    rank: Printable = ""
    """The rank that says it, where others have more room; nothing where it speaks for all."""


class TroubleKind(StrEnum):
    """What can go wrong, as far as the messages in a log distinguish it."""

    ARGUMENTS = "arguments refused"
    NO_POOL = "no room for a KV pool"
    OUT_OF_MEMORY = "out of memory"
    CAPTURE = "graph capture failed"
    NO_TOKENS = "no room for the tokens of a batch"
    NO_SLOTS = "no slots for requests"
    NOTHING_LEFT_TO_RETRACT = "out of memory with everything retracted"
    PORT = "port in use"
    WATCHDOG = "watchdog timeout"
    UNHEALTHY = "health check failed"
    KILLED = "killed"
    CRASH = "crash"


class Trouble(Value):
    """One way in which a launch went wrong, with the first lines that say so and how many there were."""

    kind: TroubleKind
    phase: Phase
    lines: tuple[Line, ...]
    """The first ones, at most three, each from another place in the log."""
    count: int = 1
    during: str | None = None
    """`prefill` or `decode`, if the message or the batch before says so."""
    fatal: bool = False
    """Whether it ended the launch."""
    went_on: bool = False
    """Whether batches followed, so that the server outlived it."""
    numbers: dict[str, float] = Field(default_factory=dict)
    """What the message says: `tried_gib`, `free_gib`, `tokens`, `port`, `signal`, `mem_fraction_static` …"""
    words: Printable = ""
    """The exception or the message, without the time."""


class Launch(Value):
    """One start of a server and what followed. Arguments have the names of their own version."""

    server: str | None = None
    """`sglang` or `minisgl`, if something in the log is written by only one of them."""
    version: Printable | None = None
    """As the server says it; else, for sglang, the known one that logs in its style."""
    version_guessed: bool = False
    """Whether `version` is told by the style alone: other versions log in the same one."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """As the server runs with them, from its own words, but as they are given; `***` for secrets."""
    as_logged: dict[str, Any] = Field(default_factory=dict)
    """What the server says of those that it scales before it says them: with attention data parallelism
    `chunked_prefill_size` and `schedule_conservativeness`."""
    arguments_line: Line | None = None
    phase: Phase = Phase.ARGUMENTS
    """The last that it reached."""
    ready: Line | None = None
    figures: dict[Fact, Figure] = Field(default_factory=dict)
    """Those that make sense: no server has negative ones."""
    graph_sizes: tuple[int, ...] = ()
    """The batches that graphs were captured for."""
    troubles: tuple[Trouble, ...] = ()
    retraction: Line | None = None
    """The first of them."""
    busiest: Line | None = None
    """The decode line with the most running requests, which stands for the log."""
    examples: dict[Column, Line] = Field(default_factory=dict)
    """For EMPTY_QUEUE, UNFILLED and NO_GRAPH: of the lines that they count, one with the most running."""
    series: Series = Series()
    files: tuple[Printable, ...] = ()
    lines: int = 0
    simulated: bool = False
    folded: int = 0
    """How many launches before this one are left out, as a log may have very many."""

    @field_validator("arguments", mode="after")
    @classmethod
    def _without_secrets(cls, arguments: dict[str, Any]) -> dict[str, Any]:
        # What is known of a launch is shown, written and sent around.
        return {printable(name): masked(name, printable_value(value)) for name, value in arguments.items()}

    @field_validator("figures")
    @classmethod
    def _of_servers(cls, figures: dict[Fact, Figure]) -> dict[Fact, Figure]:
        values = {fact: sensible(figure.value) for fact, figure in figures.items()}
        return {fact: figures[fact] for fact, value in values.items() if value is not None and value >= 0}

    def figure(self, fact: Fact) -> float | None:
        """The number, if the log shows it."""
        found = self.figures.get(fact)
        return None if found is None else found.value

    @property
    def ended(self) -> Trouble | None:
        """The first trouble that ended the launch; None if it has not failed."""
        return next((trouble for trouble in self.troubles if trouble.fatal), None)


def sensible(value: Any) -> float | None:
    """The value as a number; None if it is not a number, or of a size that no server has."""
    return value if is_number(value) and math.isfinite(value) and abs(value) <= _LARGEST else None


def asked_of(
    launches: Sequence[Launch], asked: Mapping[str, Any] | None
) -> tuple[Mapping[str, Any] | None, ...]:
    """The config that each launch was asked to run with, as far as one is known; None for the others.

    It is the config of the only launch. Of several, which may have been asked for different things, it speaks
    for those that do not say their arguments themselves.
    """
    alone = len(launches) == 1
    return tuple(asked if alone or one.arguments_line is None else None for one in launches)
