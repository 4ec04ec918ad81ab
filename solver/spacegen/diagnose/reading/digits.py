"""Numbers in a text, read at many places at once: eight characters are the bytes of one word."""

from __future__ import annotations

from typing import Final

import numpy as np

from spacegen.diagnose.reading.stamps import Integers, Words

__all__ = ["LONGEST_RUN", "TENS", "digits", "words_of"]

LONGEST_RUN: Final = 32
"""Where longer runs of digits are cut. Numbers are right up to 18 of them."""
TENS: Final = 10 ** np.arange(19, dtype=np.int64)

_WORD: Final = 8
_ZEROS: Final = np.uint64(0x3030303030303030)
_PAST_NINE: Final = np.uint64(0x7676767676767676)
_HIGH: Final = np.uint64(0x8080808080808080)
_ONES: Final = np.uint64(0x0101010101010101)
_EIGHT: Final = np.uint64(8)
# Neighbours are joined: digits to numbers of two, these to four, these to eight.
_JOINS: Final = (
    (np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(10 * 2**8 + 1), np.uint64(8)),
    (np.uint64(0x00FF00FF00FF00FF), np.uint64(100 * 2**16 + 1), np.uint64(16)),
    (np.uint64(0x0000FFFF0000FFFF), np.uint64(10000 * 2**32 + 1), np.uint64(32)),
)


def words_of(text: bytes) -> Words:
    """The eight bytes from each place of a text on, the first of them lowest; behind its end stand zeros."""
    padded = text + bytes(2 * LONGEST_RUN)
    return np.ndarray((len(padded) - _WORD + 1,), "<u8", buffer=padded, strides=(1,))


def digits(words: Words, at: Integers, *, most: int = LONGEST_RUN) -> tuple[Integers, Integers]:
    """How many digits stand at each of the places, and the numbers that they spell."""
    word = words[at] ^ _ZEROS
    # A byte that is no digit gets its high bit; only those behind the first such byte may get it wrongly.
    others = ((word + _PAST_NINE) | word) & _HIGH
    before = (others & (~others + np.uint64(1))) - np.uint64(1)
    width = (((before >> np.uint64(7)) & _ONES) * _ONES) >> np.uint64(56)
    number = word << ((_EIGHT - width) * _EIGHT)
    for mask, factor, shift in _JOINS:
        number = ((number & mask) * factor) >> shift
    widths, numbers = width.astype(np.int64), number.astype(np.int64)
    longer = np.flatnonzero(widths == _WORD) if most > _WORD else ()
    if len(longer):
        more, rest = digits(words, at[longer] + _WORD, most=most - _WORD)
        widths[longer] += more
        numbers[longer] = numbers[longer] * TENS[np.minimum(more, len(TENS) - 1)] + rest
    return widths, numbers
