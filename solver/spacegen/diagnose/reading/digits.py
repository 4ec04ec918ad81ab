"""Numbers in a text, read at many places at once: eight characters are the bytes of one word."""

from __future__ import annotations

from typing import Final

import numpy as np

from spacegen.diagnose.reading.stamps import Integers, Words

__all__ = ["LONGEST_RUN", "PADDING", "TENS", "digits", "words_of"]

LONGEST_RUN: Final = 32
"""Where longer runs of digits are cut. Numbers are right up to 18 of them."""
PADDING: Final = 4096
"""Bytes behind a text that are read as zeros."""
TENS: Final = 10 ** np.arange(19, dtype=np.int64)

_WORD: Final = 8
_ZEROS: Final = np.uint64(0x3030303030303030)
_PAST_NINE: Final = np.uint64(0x7676767676767676)
_HIGH: Final = np.uint64(0x8080808080808080)
_ONES: Final = np.uint64(0x0101010101010101)
_ONE: Final = np.uint64(1)
# Neighbours are joined: digits to numbers of two, these to four, these to eight.
_JOINS: Final = (
    (np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(10 * 2**8 + 1), np.uint64(8)),
    (np.uint64(0x00FF00FF00FF00FF), np.uint64(100 * 2**16 + 1), np.uint64(16)),
    (np.uint64(0x0000FFFF0000FFFF), np.uint64(10000 * 2**32 + 1), np.uint64(32)),
)


def words_of(text: bytes) -> Words:
    """The eight bytes from each place of a text on, the first of them lowest."""
    padded = text + bytes(PADDING)
    return np.ndarray((len(padded) - _WORD + 1,), "<u8", buffer=padded, strides=(1,))


def digits(
    words: Words, at: Integers, *, spelled: bool = True, most: int = LONGEST_RUN
) -> tuple[Integers, Integers]:
    """How many digits stand at each of the places, and, where they are asked for, the numbers they spell."""
    word = words[at] ^ _ZEROS
    # A byte that is no digit gets its high bit; only those behind the first such byte may get it wrongly.
    others = ((word + _PAST_NINE) | word) & _HIGH
    before = (others - _ONE) & ~others
    widths = ((((before >> np.uint64(7)) & _ONES) * _ONES) >> np.uint64(56)).view(np.int64)
    numbers = widths
    if spelled:
        number = word << (np.uint64(64) - widths.view(np.uint64) * np.uint64(8))
        for mask, factor, shift in _JOINS:
            number = ((number & mask) * factor) >> shift
        numbers = number.view(np.int64)
    if most > _WORD and int(widths.max(initial=0)) == _WORD:
        longer = np.flatnonzero(widths == _WORD)
        more, rest = digits(words, at[longer] + _WORD, spelled=spelled, most=most - _WORD)
        if spelled:
            numbers[longer] = numbers[longer] * TENS[np.minimum(more, len(TENS) - 1)] + rest
        widths[longer] += more
    return widths, numbers
