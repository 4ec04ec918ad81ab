"""Where logs stand: files, folders of them, stdin, and servers that tell of themselves."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from spacegen.diagnose.reading.chunks import chunks
from spacegen.errors import ConfigError, Fault
from spacegen.tune.secret import masked_text

__all__ = ["STDIN", "LogFile", "log_files", "may_get_more", "name_of", "opened", "pieces", "stdin"]

_LOG: Final = re.compile(r".+\.(?:log|out|err)(?:[.-][\w-]+)?(?:\.gz)?", re.IGNORECASE)
"""What files with logs are called, also those that were rotated."""
_TURNED: Final = re.compile(r"(.+\.(?:log|out|err))\.(\d+)(?:\.gz)?", re.IGNORECASE)
_DATED: Final = re.compile(r"(.+\.(?:log|out|err))-(\d{8}(?:-?\d{2,10})?)(?:\.gz)?", re.IGNORECASE)
"""What was rotated, by number or by date."""
_NEWEST: Final = (2, "", 0)
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
    listed: bool = False
    """Whether it was found in a folder: then it may be gone when its turn comes."""
    older: tuple[LogFile, ...] = ()
    """What was rotated away from it, the oldest first: one log in several files."""

    @property
    def key(self) -> Path | str | None:
        """The same for the same source."""
        return self.address if self.path is None else self.path.resolve()

    @property
    def size(self) -> int | None:
        """How many bytes it has, where that is known."""
        return None if self.path is None or not self.path.is_file() else self.path.stat().st_size


def name_of(source: str | Path) -> str:
    """What messages and evidence call a source: an address without its password."""
    text = str(source)
    return STDIN if text == "-" else masked_text(text) if _is_address(text) else text


def _is_address(text: str) -> bool:
    return text.lower().startswith(_ADDRESS)


def log_files(sources: Iterable[str | Path], *, growing: bool = False) -> tuple[LogFile, ...]:
    """The logs that sources name: files, folders (with all that is called like a log below them), `-` for
    stdin, addresses of servers; each once. Raises ConfigError for what is not there, and for a folder without
    a log, unless they are `growing`: then it may come."""
    given = tuple(sources)
    found: dict[Path | str | None, LogFile] = {}
    for source in given:
        for file in _files(source, growing=growing):
            found.setdefault(file.key, file)
    return _joined(found.values(), awaited=growing and may_get_more(given))


def may_get_more(sources: Iterable[str | Path]) -> bool:
    """Whether logs may come that are not there yet, as in folders."""
    return any(Path(source).is_dir() for source in sources)


def _joined(files: Iterable[LogFile], *, awaited: bool) -> tuple[LogFile, ...]:
    """The logs, each with what was rotated away from it."""
    groups: dict[Path | str | None, list[tuple[tuple[int, str, int], LogFile]]] = {}
    for file in files:
        base, turn = (file.key, _NEWEST) if file.path is None else _rotated(file.path)
        groups.setdefault(base, []).append((turn, file))
    found = []
    for base, parts in groups.items():
        *older, (turn, last) = sorted(parts, key=lambda part: part[0])
        if awaited and turn != _NEWEST and isinstance(base, Path):
            # Between two steps of a rotation it is not there.
            older, last = [*older, (turn, last)], LogFile(str(base), base)
        found.append(replace(last, older=tuple(file for _, file in older)))
    return tuple(found)


def _rotated(path: Path) -> tuple[Path, tuple[int, str, int]]:
    """The log that a file was rotated away from, or is, and what sorts older files before newer ones."""
    if found := _TURNED.fullmatch(path.name):
        return path.with_name(found[1]), (1, "", -int(found[2]))
    if found := _DATED.fullmatch(path.name):
        return path.with_name(found[1]), (0, found[2], 0)
    return path, _NEWEST


def _files(source: str | Path, *, growing: bool) -> Iterator[LogFile]:
    if str(source) == "-":
        yield LogFile(STDIN, None)
        return
    if _is_address(str(source)):
        yield LogFile(name_of(source), None, address=str(source))
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
    yield from (LogFile(str(file), file, listed=True) for file in inside)


def _age(path: Path) -> tuple[list[tuple[int, str]], int]:
    """Sorts older logs before newer ones: `server-2` before `server-10`, and of a log that was rotated
    `server.log.2` before `server.log.1` before `server.log`."""
    rotated = _TURNED.fullmatch(str(path))
    base, turn = (rotated[1], int(rotated[2])) if rotated else (str(path), 0)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", base)], -turn


def _inside(folder: Path) -> Iterator[Path]:
    """The logs in a folder. In that of a launch the load generator has some too, which are no server's."""
    # What goes while it is listed, or may not be looked at, is left out.
    for place, _, names in os.walk(folder):
        inside, above = Path(place), Path(place).parent
        of_launch = any(_is_file(one / "command.txt") for one in (inside, above))
        form = _OF_LAUNCH if of_launch else _LOG
        yield from (inside / name for name in names if form.fullmatch(name) and _is_file(inside / name))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def pieces(file: LogFile, cut: Callable[[str], object] | None = None) -> Iterator[bytes]:
    """The bytes of a log, whole lines at a time, unpacked where they are compressed; `cut` is told the
    name of an archive that is cut off. Raises ConfigError."""
    if file.address is not None:
        from spacegen.diagnose.reading.fetching import fetch

        yield fetch(file.address)
        return
    try:
        with opened(file) as stream:
            yield from chunks(stream, cut=None if cut is None else partial(cut, file.name))
    except OSError as error:
        if file.listed and isinstance(error, FileNotFoundError | ProcessLookupError):
            return
        raise ConfigError(f"cannot read {file.name}: {(error.strerror or str(error)).lower()}") from None


@contextmanager
def opened(file: LogFile) -> Iterator[BinaryIO]:
    """The bytes of a log as they stand. Raises ConfigError where stdin is closed, and OSError."""
    if file.path is not None:
        with file.path.open("rb") as stream:
            yield stream
    else:
        yield stdin()


def stdin() -> BinaryIO:
    """The bytes of stdin. Raises ConfigError where it is closed."""
    if sys.stdin is None:
        raise ConfigError(f"{STDIN} is closed")
    return sys.stdin.buffer
