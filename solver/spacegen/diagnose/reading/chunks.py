"""Logs as bytes: unpacked, a bounded piece at a time, in whole lines of bounded length."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

__all__ = ["GZIP", "LONGEST", "Piece", "WholeLines", "chunks", "shortened"]

LONGEST: Final = 2**18
"""Bytes of a line that are kept: half of them from its start, half from its end."""
_HALF: Final = LONGEST // 2
_CUT: Final = b" ... "
_BLOCK: Final = 2**20
GZIP: Final = b"\x1f\x8b"
"""How an archive begins."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What was written since, perhaps nothing."""

    data: bytes = b""
    file: str | None = None
    """The name of the file in which it begins, where that is another one than before."""


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def chunks(
    stream: _Readable, size: int = _BLOCK, *, cut: Callable[[], object] | None = None
) -> Iterator[bytes]:
    """The text of a binary stream in pieces of about `size` bytes that end with a line, or with the text.

    What begins as gzip does is unpacked; an archive that is cut off gives what is there, and `cut` is told.
    Raises OSError where it is damaged.
    """
    head = stream.read(len(GZIP))
    joined = _Joined(head, stream)
    blocks = _unpacked(joined, size, cut) if head == GZIP else iter(lambda: joined.read(size), b"")
    whole = WholeLines()
    for block in blocks:
        if lines := whole.take(block):
            yield lines
    if rest := whole.close():
        yield rest


def _unpacked(packed: _Readable, size: int, cut: Callable[[], object] | None) -> Iterator[bytes]:
    # Only `read` is asked of what is packed.
    with gzip.GzipFile(fileobj=packed) as stream:  # type: ignore[call-overload]
        while True:
            try:
                # Reading more at once would lose what stands before the end of an archive that is cut off.
                block = stream.read1(size)
            except EOFError:
                if cut is not None:
                    cut()
                return
            except zlib.error as error:
                raise OSError(f"the archive is damaged: {error}") from None
            if not block:
                return
            yield block


class _Joined:
    """A stream with the bytes that were already taken from it put back."""

    def __init__(self, head: bytes, stream: _Readable) -> None:
        self._head, self._stream = head, stream

    def read(self, size: int = _BLOCK, /) -> bytes:
        if self._head:
            head, self._head = self._head[:size], self._head[size:]
            return head
        return self._stream.read(size)


def shortened(line: bytes) -> bytes:
    """The line; of one longer than `LONGEST`, its start and its end, and a mark between: no number goes over
    the cut."""
    return line if len(line) <= LONGEST else _CUT.join((line[:_HALF], line[-_HALF:]))


@dataclass(slots=True)
class WholeLines:
    """Puts pieces together until their lines end; a line without end takes a bounded part of memory."""

    _open: bytes = b""

    def take(self, piece: bytes) -> bytes:
        """All lines that ended, each with its end."""
        end = piece.rfind(b"\n") + 1
        if not end:
            self._open = shortened(self._open + piece)
            return b""
        if not self._open:
            lines = piece[:end]
        else:
            first = piece.index(b"\n")
            lines = b"".join((shortened(self._open + piece[:first]), memoryview(piece)[first:end]))
        # What is cut once keeps its length, so that it is cut again where more follows.
        self._open = shortened(piece[end:])
        return lines

    def close(self) -> bytes:
        """The last line, where it never ended."""
        rest, self._open = self._open, b""
        return rest
