"""What the line of a batch says, found by the words before each number, wherever they stand."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from spacegen.diagnose.reading.stamps import MOST_RANK, RANKS, STAMP, STAMP_WIDTH, peer, seconds

__all__ = [
    "DECIMALS",
    "KIND",
    "KINDS",
    "MOST_DIGITS",
    "SCALE",
    "SCALED",
    "Field",
    "Found",
    "LineKind",
    "batch",
    "found",
]


class LineKind(IntEnum):
    """What a line with numbers tells of."""

    DECODE = 0
    PREFILL = 1
    RETRACTION = 2


class Field(IntEnum):
    """The numbers of a line, all whole: USAGE counts parts of `SCALE`, RATE and ACCEPTED as well."""

    KIND = 0
    TIME = 1
    """Seconds since 1970 in the time zone of the log, -1 where the line does not say it."""
    REPLICA = 2
    """The data-parallel rank."""
    PEER = 3
    """Which of those that share the rank."""
    RUNNING = 4
    QUEUE = 5
    USAGE = 6
    RATE = 7
    GRAPH = 8
    """1 with a graph, 0 without, -1 where the line does not say it."""
    NEW = 9
    CACHED = 10
    RETRACTED = 11
    ACCEPTED = 12
    """Tokens that a request gets in a step of speculative decoding; 0 where the line does not say it."""


SCALE: Final = 10_000
SCALED: Final = (Field.USAGE, Field.RATE, Field.ACCEPTED)
KINDS: Final = {
    b"Decode batch": LineKind.DECODE,
    b"Prefill batch": LineKind.PREFILL,
    b"Retract requests": LineKind.RETRACTION,
    # As older versions word it.
    b"Decode out of memory happened": LineKind.RETRACTION,
}
KIND: Final = re.compile(b"|".join(KINDS))
"""A line without this is none of a batch."""
_NEEDED: Final = {
    LineKind.DECODE: (Field.RUNNING, Field.QUEUE, Field.USAGE),
    LineKind.PREFILL: (Field.NEW,),
    LineKind.RETRACTION: (Field.RETRACTED,),
}
"""A line without them was cut off, or is prose."""
MOST_DIGITS: Final = 12
"""Of a number, on either side of the point."""
DECIMALS: Final = 4
_NUMBER: Final = rb"(\d{1,12})(?:\.(\d{1,12}))?(?![\d.]*\d)"
_KEYS: Final = (
    (Field.RUNNING, re.compile(rb"#running-req: *" + _NUMBER)),
    (Field.QUEUE, re.compile(rb"#queue-req: *" + _NUMBER)),
    # Hybrid models have a pool for each kind of layer; what is kept on the host is no measure of room.
    (Field.USAGE, re.compile(rb"(?<!cpu )(?:token|mamba) usage: *" + _NUMBER)),
    (Field.RATE, re.compile(rb"gen throughput[^:,]{0,40}: *" + _NUMBER)),
    (Field.NEW, re.compile(rb"#new-token: *" + _NUMBER)),
    (Field.CACHED, re.compile(rb"#cached-token: *" + _NUMBER)),
    (Field.RETRACTED, re.compile(rb"#retracted_reqs: *" + _NUMBER)),
    (Field.ACCEPTED, re.compile(rb"(?<!block )accept len: *" + _NUMBER)),
)
_GRAPH: Final = re.compile(rb"graph: *(True|False)")
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Found:
    """Where in a line its numbers stand."""

    kind: LineKind
    start: int
    """Where the kind is said."""
    stamp: int | None
    """The start of the time."""
    ranks: dict[bytes, Span]
    numbers: tuple[tuple[Field, Span, Span], ...]
    """The places before and behind the point, the second (-1, -1) without one. A field may be there more than
    once: the largest counts."""
    graph: Span | None
    """The word that says whether there is one."""

    @property
    def whole(self) -> bool:
        return {field for field, _, _ in self.numbers} >= set(_NEEDED[self.kind])


def found(line: bytes) -> Found | None:
    """Where a batch has its numbers, None where the line is none of a batch. Of one that was written into
    another, the last counts."""
    last = _last(KIND, line, len(line))
    if last is None:
        return None
    stamp = _last(STAMP, line, last.start())
    ranks: dict[bytes, Span] = {}
    for rank in RANKS.finditer(line, stamp.end() if stamp else 0, last.start()):
        ranks.setdefault(rank[1], rank.span(2))
    numbers = tuple(
        (field, number.span(1), number.span(2))
        for field, form in _KEYS
        for number in form.finditer(line, last.end())
    )
    graph = _GRAPH.search(line, last.end())
    return Found(
        KINDS[last[0]],
        last.start(),
        None if stamp is None else stamp.start(),
        ranks,
        numbers,
        None if graph is None else graph.span(1),
    )


def _last(form: re.Pattern[bytes], line: bytes, end: int) -> re.Match[bytes] | None:
    return next(iter(deque(form.finditer(line, 0, end), maxlen=1)), None)


def batch(line: bytes) -> list[int] | None:
    """The fields of a line in their order, None where it is none of a batch, or not a whole one."""
    where = found(line)
    if where is None or not where.whole:
        return None
    row = [0] * len(Field)
    row[Field.KIND] = where.kind
    row[Field.GRAPH] = -1 if where.graph is None else int(line[slice(*where.graph)] == b"True")
    row[Field.TIME] = -1 if where.stamp is None else seconds(line[where.stamp : where.stamp + STAMP_WIDTH])
    ranks = {name: min(int(line[slice(*span)]), MOST_RANK) for name, span in where.ranks.items()}
    row[Field.REPLICA], row[Field.PEER] = ranks.get(b"DP", 0), peer(ranks)
    for field, whole, part in where.numbers:
        value = int(line[slice(*whole)])
        if field in SCALED:
            value = value * SCALE + int(
                (line[slice(*part)] if part[0] >= 0 else b"").ljust(DECIMALS, b"0")[:DECIMALS]
            )
        row[field] = max(row[field], value)
    return row
