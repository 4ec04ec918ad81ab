"""When a line was written, and by which of the ranks of a server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MOST_RANK",
    "RANKS",
    "STAMP",
    "STAMP_WIDTH",
    "TOLD_APART",
    "Integers",
    "Words",
    "peer",
    "rank_of",
    "replica_of",
    "seconds",
    "times",
]

STAMP: Final = re.compile(rb"(?<!\d)\d{4}-\d\d-\d\d[ T|]\d\d:\d\d:\d\d(?!\d)")
"""`2025-08-11 17:17:03` in sglang; mini-SGLang has a bar between, other programs that stand in front a T."""
_DATE: Final = re.compile(rb"\d{4}-\d\d-\d\d")
STAMP_WIDTH: Final = 19
TOLD_APART: Final = rb"\b(DP|TP|PP)"
"""The ranks that tell schedulers apart: those of experts and contexts follow from them."""
RANKS: Final = re.compile(TOLD_APART + rb"(\d{1,12})\b")
_RANK: Final = re.compile(
    r"\[\d{4}-[^\]]*?(?: ((?:(?:[A-Z]+_)?(?:DP|TP|EP|PP|CP)\d{1,12} ?)+)|\|(rank=\d{1,12}))\]"
)
"""All ranks of a scheduler, behind the time: ` DP1 PP0 ATTN_CP0 MOE_DP0 TP3 EP3` at most in sglang, `|rank=3`
in mini-SGLang."""
_REPLICA: Final = re.compile(r"\bDP(\d{1,9})\b")
MOST_RANK: Final = 9999
"""What is larger stands for no rank, and all that is for the same."""
_DAY: Final = 86_400
# `HH:MM:SS` as a word: digits have a higher half of 3, and a lower one that is no more than 15 with 6 added.
_HIGHER: Final = np.uint64(0xF0F0FFF0F0FFF0F0)
_FORM_OF_TIME: Final = np.uint64(0x30303A30303A3030)
_SIGNS: Final = tuple(np.uint64(sign) for sign in b" T|")
_TWOS: Final = np.uint64(0x0F0F000F0F000F0F)
_SIXES: Final = np.uint64(0x0606000606000606)
_TENS: Final = np.uint64(0x1010001010001010)
_TEN_AND_ONE: Final = np.uint64(10 * 2**8 + 1)
_BYTE: Final = np.uint64(255)
_SIXTY: Final = np.uint64(60)

Integers = NDArray[np.int64]
Words = NDArray[np.uint64]


def rank_of(text: str) -> str:
    """The ranks of the scheduler that writes a line, as it says them; nothing where it says none."""
    found = _RANK.search(text)
    return "" if found is None else found[1] or found[2]


def replica_of(text: str) -> int | None:
    """The data-parallel rank that writes a line."""
    found = _REPLICA.search(rank_of(text))
    return None if found is None else int(found[1])


def peer(ranks: Mapping[bytes, Any]) -> Any:
    """A number, or an array of them, for the place of a scheduler among those of one data-parallel rank."""
    return ranks.get(b"PP", 0) << 20 | ranks.get(b"TP", 0)


def seconds(stamp: bytes) -> int:
    """Seconds since 1970 in the time zone of the log; -1 where there is no such day."""
    day = _day(stamp[:10])
    if day < 0:
        return -1
    return day * _DAY + int(stamp[11:13]) * 3600 + int(stamp[14:16]) * 60 + int(stamp[17:19])


@lru_cache(maxsize=1024)
def _day(text: bytes) -> int:
    # Not all that dates may look like elsewhere is a stamp.
    if _DATE.fullmatch(text) is None:
        return -1
    try:
        return date.fromisoformat(text.decode()).toordinal() - date(1970, 1, 1).toordinal()
    except ValueError:
        return -1


def times(words: Words, at: Integers) -> tuple[Integers, NDArray[np.bool_]]:
    """The `seconds` of stamps at these places, and which of them are stamps.

    `words` has the eight bytes from each place of the text on, the first of them lowest.
    """
    clock = words[at + 11]
    sign = words[at + 10] & _BYTE
    good = (sign == _SIGNS[0]) | (sign == _SIGNS[1]) | (sign == _SIGNS[2])
    spelled = clock & _TWOS
    good &= ((clock & _HIGHER) == _FORM_OF_TIME) & (((spelled + _SIXES) & _TENS) == np.uint64(0))
    # Each two digits become the number that they spell, in the byte of the first.
    pairs = (spelled * _TEN_AND_ONE) >> np.uint64(8)
    hours, minutes, left = pairs & _BYTE, (pairs >> np.uint64(24)) & _BYTE, (pairs >> np.uint64(48)) & _BYTE
    since = ((hours * _SIXTY + minutes) * _SIXTY + left).view(np.int64)
    year, day = words[at], words[at + 2]
    changes = np.flatnonzero((year[1:] != year[:-1]) | (day[1:] != day[:-1])) + 1
    firsts = np.concatenate(([0], changes))
    dates = np.empty(len(firsts), np.int64)
    for index, first in enumerate(firsts):
        dates[index] = _day(year[first].tobytes()[:2] + day[first].tobytes())
    lengths = np.diff(np.append(firsts, len(at)))
    days = np.repeat(dates, lengths)
    return days * _DAY + since, good & (days >= 0)
