"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

from spacegen.errors import Fault, UsageError

__all__ = ["change", "refuse_foreign", "refuse_unwritable", "replacing"]

_MARK: Final = b"\xef\xbb\xbf"


def change(path: Path, before: str, after: str) -> None:
    """Writes a text file anew, with its byte order mark where it has one.

    Raises UsageError where it is read-only, or no longer what was read as `before`; OSError.
    """
    data = path.read_bytes()
    mark = _MARK if data.startswith(_MARK) else b""
    if data != mark + before.encode():
        raise UsageError(Fault(f"{path} has changed since it was read", hint="run the command again"))
    with replacing(path, binary=True) as stream:
        stream.write(mark + after.encode())


def refuse_foreign(path: Path, what: str, ours: Callable[[BinaryIO], bool], hint: str) -> None:
    """Raises UsageError where a file that holds something is none of ours: nobody meant to lose it. `ours`
    looks at it from its beginning. Raises OSError for one that cannot be read."""
    if not path.is_file() or not path.stat().st_size:
        return
    with path.open("rb") as stream:
        if not ours(stream):
            raise UsageError(Fault(f"{path} is no {what}, and stays", hint=hint))


def refuse_unwritable(path: Path) -> None:
    """Raises UsageError where `replacing` could not write a file, as far as that is known beforehand: before
    work whose outcome it is for."""
    if path.exists() and not path.is_file() and not path.is_dir():
        return
    final = path.resolve()
    if final.is_dir():
        raise UsageError(Fault(f"{path} is a folder", hint="name a file in it"))
    folder = path.parent
    if not final.parent.is_dir():
        raise UsageError(
            Fault(f"{path} cannot be written: there is no folder {folder}", hint="make it first")
        )
    if not os.access(final.parent, os.W_OK | os.X_OK):
        raise UsageError(Fault(f"{path} cannot be written: the folder {folder} is read-only"))
    if final.exists():
        _refuse_read_only(path)


def _refuse_read_only(path: Path) -> None:
    # The super-user may write everything, and did not mean to where nobody may.
    if not path.stat().st_mode & 0o222 or not os.access(path, os.W_OK):
        raise UsageError(Fault(f"{path} is read-only", hint=f"`chmod u+w {path}` lets it be written"))


@contextmanager
def replacing(path: Path, *, binary: bool = False) -> Iterator[Any]:
    """A file that takes the place of `path` when the block ends well, and vanishes when it does not.

    What is no regular file (a pipe, a terminal), or a name for an open one such as /dev/stdout, is written
    directly, after what it holds. Raises OSError, and UsageError for a read-only file.
    """
    coding, ends = (None, None) if binary else ("utf-8", "")
    if path.exists() and not path.is_dir() and (not path.is_file() or path.absolute().is_relative_to("/dev")):
        with path.open("ab" if binary else "a", encoding=coding, newline=ends) as stream:
            yield stream
        return
    final = path.resolve()
    if final.is_dir():
        raise IsADirectoryError(21, "is a folder", str(path))
    if final.exists():
        _refuse_read_only(path)
    beside = final.with_name(f".{final.name[:100]}.{os.getpid()}.tmp")
    try:
        with beside.open("xb" if binary else "x", encoding=coding, newline=ends) as stream:
            if final.exists():
                beside.chmod(final.stat().st_mode & 0o777)
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(final)
    except BaseException as error:
        with suppress(OSError):
            beside.unlink()
        if isinstance(error, OSError) and error.filename == str(beside):
            error.filename = str(path)
        raise
