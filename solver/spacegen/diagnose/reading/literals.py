"""Many words looked for at once in a long text, as fast as a few passes over it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spacegen.diagnose.reading.stamps import Integers, Words

__all__ = ["SHORTEST", "Literals"]

SHORTEST: Final = 6
"""Characters of a word, at least."""
_LONGEST: Final = 8
"""The last characters of a word, so many, are looked for at first: they fit into one number."""
_GRAM: Final = 4
_STEP: Final = SHORTEST - _GRAM + 1
"""So far apart are the places that are looked at: each word has one of them in its last characters."""
_LOWER: Final = 0x2020202020202020
_FACTOR: Final = 0x9E3779B97F4A7C15
"""2**64 by the golden ratio, as Knuth's multiplicative hashing has it (TAOCP 3, 6.4)."""
_BITS: Final = 16


class Literals:
    """Words of at least `SHORTEST` ASCII characters. Those without capitals are found in any case."""

    def __init__(self, words: Iterable[bytes]) -> None:
        self._words: dict[bytes, list[tuple[bytes, bool]]] = {}
        for word in sorted(set(words)):
            if len(word) < SHORTEST:
                raise ValueError(f"{word!r} is too short to be looked for")
            self._words.setdefault(word[-_LONGEST:].lower(), []).append((word, word.islower()))
        grams = [
            end[at : at + _GRAM] for end in self._words for at in range(len(end) - SHORTEST, len(end) - 3)
        ]
        self._grams = _table(grams)
        self._ends = {
            length: _table(ends)
            for length in range(SHORTEST, _LONGEST + 1)
            if (ends := [end for end in self._words if len(end) == length])
        }

    def places(
        self, text: bytes, words: Words, asked: NDArray[np.bool_] | None = None
    ) -> list[tuple[int, bytes]]:
        """Where each of the words stands, rising by their ends, at places that are `asked` for; `words` are
        those of the text."""
        found: list[tuple[int, bytes]] = []
        every = slice(0, len(text), _STEP)
        looked_at = self._likely(words[every], None if asked is None else asked[every]) * _STEP
        for length, table in self._ends.items():
            for before in range(length - SHORTEST, length - SHORTEST + _STEP):
                starts = looked_at[np.searchsorted(looked_at, before) :] - before
                ends = starts[table[_hashes(words[starts], length)]] + length
                found.extend(self._ending(text, ends.tolist(), length))
        found.sort()
        return [(end - len(word), word) for end, word in found]

    def _likely(self, words: Words, asked: NDArray[np.bool_] | None) -> Integers:
        """The places of those asked for at which some word may have its last characters."""
        if asked is not None and 2 * np.count_nonzero(asked) < len(asked):
            few = np.flatnonzero(asked)
            places: Integers = few[self._grams[_hashes(words[few], _GRAM)]]
            return places
        # A pass over all takes less time than most of them picked out.
        likely = self._grams[_hashes(words, _GRAM)]
        return np.flatnonzero(likely if asked is None else likely & asked)

    def _ending(self, text: bytes, ends: list[int], length: int) -> Iterator[tuple[int, bytes]]:
        """The words that end at these places, as their last characters let expect."""
        for end in ends:
            for word, any_case in self._words.get(text[end - length : end].lower(), ()):
                start = end - len(word)
                if start < 0:
                    continue
                if text.startswith(word, start) or (any_case and text[start:end].lower() == word):
                    yield end, word


def _table(texts: list[bytes]) -> NDArray[np.bool_]:
    table = np.zeros(2**_BITS, bool)
    for text in texts:
        table[_hashes(np.array([int.from_bytes(text, "little")], np.uint64), len(text))] = True
    return table


def _hashes(words: Words, length: int) -> NDArray[np.unsignedinteger]:
    """Numbers below 2**`_BITS` for the first characters of each word, so many, whatever their case."""
    if length <= _GRAM:
        short = words.astype(np.uint32)
        short |= np.uint32(_LOWER >> 32)
        short *= np.uint32(_FACTOR >> 32)
        short >>= np.uint32(32 - _BITS)
        return short
    hashes = words << np.uint64(8 * (_LONGEST - length))
    hashes |= np.uint64(_LOWER << 8 * (_LONGEST - length) & 2**64 - 1)
    hashes *= np.uint64(_FACTOR)
    hashes >>= np.uint64(64 - _BITS)
    return hashes
