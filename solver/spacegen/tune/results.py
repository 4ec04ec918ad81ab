"""Results files: a record a line, appended as it comes, safe against crashes and other writers."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from pydantic import ValidationError

from spacegen.errors import ConfigError, Fault, UsageError
from spacegen.launch.files import refuse_foreign
from spacegen.tune.record import Record

__all__ = ["ResultsFile"]

_HINT: Final = "a results file has one record a line, as `spacegen run` and `spacegen tune` write it"

_START: Final = b'{"study":'


class ResultsFile:
    """The records of a file of JSON lines. A line that a crash cut short is no record: reading passes over
    it, and the next record takes its place. Whole lines are never touched."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._seen = self._numbered = 0
        self._next = 0

    def append(self, record: Record) -> None:
        """Adds a record; it is on the disk when this returns. Several processes may append to one file.

        Raises UsageError where the file is something else, OSError.
        """
        self.append_all((record,))

    def append_all(self, records: tuple[Record, ...]) -> None:
        """Adds records that belong together, none of any other writer between them."""
        lines = "".join(f"{record.model_dump_json()}\n" for record in records)
        fresh = not self.path.exists()
        with self._locked() as stream:
            _mend(stream, self.path)
            _write(stream, lines)
        if fresh:
            _keep_entry(self.path.parent)

    def append_numbered(self, record: Record) -> Record:
        """Adds a record under the next number that is free in the file, and returns it so."""
        fresh = not self.path.exists()
        with self._locked() as stream:
            _mend(stream, self.path)
            earlier, self._numbered = _since(stream, self._numbered, self.path)
            self._next = max([self._next, *(r.trial + 1 for r in earlier if r.trial is not None)])
            numbered = record.model_copy(update={"trial": self._next})
            _write(stream, f"{numbered.model_dump_json()}\n")
        if fresh:
            _keep_entry(self.path.parent)
        return numbered

    def check(self) -> None:
        """Makes sure that records can be appended. Raises UsageError where the file is something else, or
        cannot be written; where there is none, none is made."""
        try:
            if self.path.exists():
                _refuse_other(self.path)
                with self._locked():
                    pass
            elif not os.access(self.path.parent, os.W_OK | os.X_OK):
                raise UsageError(f"no file can be made in {self.path.parent}")
        except OSError as error:
            words = (error.strerror or str(error)).lower()
            raise UsageError(f"cannot write {self.path}: {words}") from None

    def records(self) -> list[Record]:
        """All records, in order; none where there is no file. Raises ConfigError for a line that is none."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            words = (error.strerror or str(error)).lower()
            raise ConfigError(f"cannot read {self.path}: {words}") from None
        return list(_read(data, self.path))

    def fresh(self) -> list[Record]:
        """The records that were added since this was last asked, at first all of them. Raises ConfigError."""
        if not self.path.exists():
            return []
        try:
            with self.path.open("rb") as stream:
                found, self._seen = _since(stream, self._seen, self.path)
        except ConfigError:
            self.records()  # which names the line by its number in the file
            raise
        return found

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        """The file, made where there is none, while no other process that uses this appends to it."""
        with self.path.open("a+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            try:
                yield stream
            finally:
                fcntl.flock(stream, fcntl.LOCK_UN)


def _write(stream: BinaryIO, lines: str) -> None:
    stream.seek(0, os.SEEK_END)
    stream.write(lines.encode())
    stream.flush()
    os.fsync(stream.fileno())


def _mend(stream: BinaryIO, path: Path) -> None:
    """Removes what a crash left of a last line; a whole line without its end gets it."""
    _refuse_other(path)
    end = stream.seek(0, os.SEEK_END)
    tail = _tail(stream, end)
    if not tail:
        return
    if _parsed(tail) is not None:
        stream.write(b"\n")
    else:
        stream.truncate(end - len(tail))


def _tail(stream: BinaryIO, end: int) -> bytes:
    """What follows the last end of a line."""
    size = 4096
    while True:
        start = stream.seek(max(0, end - size))
        block = stream.read(end - start)
        if start == 0 or b"\n" in block:
            return block.rpartition(b"\n")[2]
        size *= 2


def _refuse_other(path: Path) -> None:
    """Raises UsageError where the first line is no record: no other file is ever appended to or cut."""
    refuse_foreign(path, "results file", _is_results, _HINT)


def _is_results(stream: BinaryIO) -> bool:
    line = stream.readline()
    torn = not line.endswith(b"\n") and (line.startswith(_START) or _START.startswith(line))
    return not line.strip() or torn or _parsed(line) is not None


def _parsed(line: bytes) -> Record | None:
    try:
        return Record.model_validate_json(line)
    except ValidationError:
        return None


def _since(stream: BinaryIO, start: int, path: Path) -> tuple[list[Record], int]:
    """The records after a place, and the end of the last whole line."""
    stream.seek(start)
    data = stream.read()
    return list(_read(data, path)), start + data.rfind(b"\n") + 1


def _read(data: bytes, path: Path) -> Iterator[Record]:
    *lines, last = data.split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        record = _parsed(line)
        if record is None:
            raise ConfigError(Fault(f"{path}:{number} is no record", hint=_HINT))
        yield record
    if (record := _parsed(last)) is not None:
        yield record


def _keep_entry(folder: Path) -> None:
    """Puts the name of a new file on the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
