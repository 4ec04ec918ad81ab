"""Where logs stand: files, folders of them, stdin, and servers that tell of themselves."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from spacegen.diagnose.reading.chunks import chunks
from spacegen.errors import ConfigError, Fault

__all__ = ["STDIN", "LogFile", "log_files", "opened", "pieces"]

_LOG: Final = re.compile(r".+\.(?:log|out|err)(?:[.-][\w-]+)?(?:\.gz)?", re.IGNORECASE)
"""What files with logs are called, also those that were rotated."""
_ROTATED: Final = re.compile(r"(.+\.(?:log|out|err))\.(\d+)(?:\.gz)?", re.IGNORECASE)
STDIN: Final = "<stdin>"
_ADDRESS: Final = ("http://", "https://")
_OF_LAUNCH: Final = re.compile(r"server(?:-\d+)?\.log(?:\.gz)?")
"""The logs of a server in the folder of a launch, where `command.txt` stands beside them."""


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log to be read, by the name that evidence gives it."""

    name: str
    path: Path | None
    """None for stdin and for an address."""
    address: str | None = None
    """Of a server's `/metrics`."""

    @property
    def key(self) -> Path | str | None:
        """The same for the same source."""
        return self.address if self.path is None else self.path.resolve()

    @property
    def size(self) -> int | None:
        """How many bytes it has, where that is known."""
        return None if self.path is None or not self.path.is_file() else self.path.stat().st_size


def log_files(sources: Iterable[str | Path], *, growing: bool = False) -> tuple[LogFile, ...]:
    """The logs that sources name: files, folders (with all that is called like a log below them), `-` for
    stdin, addresses of servers; each once. Raises ConfigError for what is not there, and for a folder without
    a log, unless they are `growing`: then it may come."""
    found: dict[Path | str | None, LogFile] = {}
    for source in sources:
        for file in _files(source, growing=growing):
            found.setdefault(file.key, file)
    return tuple(found.values())


def _files(source: str | Path, *, growing: bool) -> Iterator[LogFile]:
    if str(source) == "-":
        yield LogFile(STDIN, None)
        return
    if str(source).lower().startswith(_ADDRESS):
        yield LogFile(str(source), None, address=str(source))
        return
    path = Path(source)
    if not path.is_dir():
        if not path.exists() and not (growing and path.parent.is_dir()):
            raise ConfigError(f"no such file: {path}")
        yield LogFile(str(source), path)
        return
    inside = sorted(_inside(path), key=_age)
    if not inside and not growing:
        hint = (
            "logs end in .log, .out or .err, also with a number and .gz behind; name other files themselves"
        )
        raise ConfigError(Fault(f"no file in {path} is called like a log", hint=hint))
    yield from (LogFile(str(file), file) for file in inside)


def _age(path: Path) -> tuple[list[tuple[int, str]], int]:
    """Sorts older logs before newer ones: `server-2` before `server-10`, and of a log that was rotated
    `server.log.2` before `server.log.1` before `server.log`."""
    rotated = _ROTATED.fullmatch(str(path))
    base, turn = (rotated[1], int(rotated[2])) if rotated else (str(path), 0)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", base)], -turn


def _inside(folder: Path) -> Iterator[Path]:
    """The logs in a folder. In that of a launch the load generator has some too, which are no server's."""
    for path in folder.rglob("*"):
        of_launch = any((place / "command.txt").exists() for place in path.parents[:2])
        form = _OF_LAUNCH if of_launch else _LOG
        if form.fullmatch(path.name) and path.is_file():
            yield path


def pieces(file: LogFile) -> Iterator[bytes]:
    """The bytes of a log, whole lines at a time, unpacked where they are compressed. Raises ConfigError."""
    if file.address is not None:
        from spacegen.diagnose.reading.fetching import fetch

        yield fetch(file.address)
        return
    try:
        with opened(file) as stream:
            yield from chunks(stream)
    except OSError as error:
        raise ConfigError(f"cannot read {file.name}: {(error.strerror or str(error)).lower()}") from None


@contextmanager
def opened(file: LogFile) -> Iterator[BinaryIO]:
    """The bytes of a log as they stand. Raises ConfigError where stdin is closed, and OSError."""
    if file.path is not None:
        with file.path.open("rb") as stream:
            yield stream
    elif sys.stdin is None:
        raise ConfigError(f"{STDIN} is closed")
    else:
        yield sys.stdin.buffer
