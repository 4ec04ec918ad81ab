"""Logs that grow while they are read."""

from __future__ import annotations

import os
import select
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from spacegen.diagnose.reading.chunks import GZIP, Piece
from spacegen.diagnose.reading.sources import LogFile, pieces, stdin
from spacegen.errors import ConfigError

__all__ = ["Growing", "following"]

_PIECE: Final = 2**20


class Growing(Protocol):
    """A log that may get longer."""

    @property
    def ended(self) -> bool:
        """Whether nothing can follow."""
        ...

    def read(self) -> Piece:
        """What was written since, about a megabyte of it. Raises ConfigError."""
        ...

    def close(self) -> None: ...


def following(file: LogFile) -> Growing:
    """What reads a log as it grows. What is compressed is read as it is: it does not grow."""
    if file.address is not None:
        from spacegen.diagnose.reading.fetching import Polled

        return Polled(file.address)
    if file.path is None:
        return _Pipe()
    last = _Whole(file) if _is_packed(file.path) else _Tail(file)
    return _Rotated(file, last) if file.older else last


def _is_packed(path: Path) -> bool:
    with suppress(OSError), path.open("rb") as stream:
        return stream.read(len(GZIP)) == GZIP
    return False


class _Whole:
    """A log that is complete."""

    def __init__(self, file: LogFile) -> None:
        self._pieces = pieces(file)
        self.ended = False

    def read(self) -> Piece:
        data = next(self._pieces, b"")
        self.ended = not data
        return Piece(data)

    def close(self) -> None: ...


class _Tail:
    """A file. It may not be there yet; it may be emptied and written anew, or moved away for a fresh one:
    what was still written to the old one is read first."""

    def __init__(self, file: LogFile) -> None:
        assert file.path is not None
        self._path, self._name = file.path, file.name
        self._file: BinaryIO | None = None
        self.ended = False

    def read(self) -> Piece:
        try:
            return self._read()
        except FileNotFoundError:
            return Piece()
        except OSError as error:
            raise ConfigError(f"cannot read {self._name}: {(error.strerror or str(error)).lower()}") from None

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _read(self) -> Piece:
        if self._file is None:
            self._file = self._path.open("rb")
        if data := self._file.read(_PIECE):
            return Piece(data)
        here, there = os.fstat(self._file.fileno()), self._path.stat()
        if (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino):
            fresh = self._path.open("rb")
            self._file.close()
            self._file = fresh
        elif there.st_size < self._file.tell():
            self._file.seek(0)
        else:
            return Piece()
        # A line that was under way stays what it is.
        return Piece(self._file.read(_PIECE), self._name)


class _Rotated:
    """A log after the files that were rotated away from it."""

    def __init__(self, file: LogFile, last: _Whole | _Tail) -> None:
        self._waiting = [(part.name, _Whole(part)) for part in file.older[1:]] + [(file.name, last)]
        self._log: _Whole | _Tail = _Whole(file.older[0])

    @property
    def ended(self) -> bool:
        return not self._waiting and self._log.ended

    def read(self) -> Piece:
        piece, name = self._log.read(), None
        while not piece.data and self._waiting:
            name, self._log = self._waiting.pop(0)
            piece = self._log.read()
        return Piece(piece.data, piece.file or name)

    def close(self) -> None:
        self._log.close()


class _Pipe:
    """Stdin, of which as much is read as is there."""

    def __init__(self) -> None:
        self._from = stdin().fileno()
        self.ended = False

    def read(self) -> Piece:
        ready, _, _ = select.select([self._from], [], [], 0)
        if self.ended or not ready:
            return Piece()
        data = os.read(self._from, _PIECE)
        self.ended = not data
        return Piece(data)

    def close(self) -> None: ...
