"""Which lines of a text may say something, all found together."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spacegen.diagnose.reading.events import START, WORDS
from spacegen.diagnose.reading.fields import KINDS
from spacegen.diagnose.reading.literals import Literals
from spacegen.diagnose.reading.stamps import Integers, Words

__all__ = ["Candidates", "candidates", "told"]

_REQUESTS: Final = (
    *(b"Receive: obj=", b"Finish: obj=", b"Receive OpenAI: obj=", b'"event": "request.'),
    *(b' - "GET /', b' - "POST /'),
)
"""How sglang begins what it logs of a request with `--log-requests`, as text or as JSON, and web servers what
they log of one. All behind is what clients and models say."""
_REQUEST: Final = re.compile(b"|".join(map(re.escape, _REQUESTS)))
_LITERALS: Final = Literals((*WORDS, *KINDS, *_REQUESTS))
_BYTE: Final = np.uint64(255)
_INFO: Final = np.uint64(int.from_bytes(b"INFO:   ", "little"))
"""How web servers begin what they say."""
_ADDRESS: Final = len("INFO:     ")
"""So far behind stands the address of a client. What follows is what it asked for, and no evidence."""
_DIGITS: Final = np.array([chr(byte).isdigit() for byte in range(128)] + [False] * 128)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Numbers of lines, rising: those that name the kind of a batch, and others that may be events."""

    batches: list[int] = field(default_factory=list)
    others: list[int] = field(default_factory=list)


def told(line: bytes) -> bytes:
    """The line up to where it tells of a request: what users and models say is no evidence."""
    found = _REQUEST.search(line)
    return line if found is None else line[: found.start()]


def candidates(text: bytes, words: Words, starts: Integers, ends: Integers, lines: Integers) -> Candidates:
    """Those among the numbers `lines` whose line has something that is looked for before it tells of a
    request; `words` are those of the text, lines go from `starts` to `ends`."""
    lines = lines[~_accesses(words, starts[lines])]
    if not len(lines):
        return Candidates()
    found = dict.fromkeys(_beginning(text, words, starts, ends, lines), False)
    places = _LITERALS.places(text, words, _places(len(text), ends, lines))
    at = np.searchsorted(ends, np.array([place for place, _ in places], np.int64)).tolist()
    over = -1
    for line, (_, word) in zip(at, places, strict=True):
        if line == over:
            continue
        if word in _REQUESTS:
            over = line
        else:
            found[line] = found.get(line, False) or word in KINDS
    return Candidates(
        sorted(line for line, of_batch in found.items() if of_batch),
        sorted(line for line, of_batch in found.items() if not of_batch),
    )


def _accesses(words: Words, starts: Integers) -> NDArray[np.bool_]:
    """Which of the lines that start there tell of a request to a web server."""
    addresses = words[np.minimum(starts + _ADDRESS, len(words) - 1)] & _BYTE
    accesses: NDArray[np.bool_] = (words[starts] == _INFO) & _DIGITS[addresses]
    return accesses


def _places(length: int, ends: Integers, lines: Integers) -> NDArray[np.bool_] | None:
    """Which places of a text are in one of the lines; None where all are."""
    if len(lines) == len(ends):
        return None
    asked = np.zeros(len(ends), bool)
    asked[lines] = True
    return np.repeat(asked, np.diff(ends, prepend=-1))[:length]


def _beginning(text: bytes, words: Words, starts: Integers, ends: Integers, lines: Integers) -> list[int]:
    """The lines that begin as some do which say something."""
    heads = words[starts[lines]]
    first, second = heads & _BYTE, (heads >> np.uint64(8)) & _BYTE
    # Nothing begins with the time in brackets, as servers write it, or as JSON does.
    stamped = (first == ord("[")) & _DIGITS[second]
    others = lines[~(stamped | (heads == _INFO) | (first == ord("{")) | (first == ord("\n")))]
    spans = zip(others.tolist(), starts[others].tolist(), ends[others].tolist(), strict=True)
    return [line for line, start, end in spans if START.match(text, start, end)]
