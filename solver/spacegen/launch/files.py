"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

__all__ = ["replacing"]


@contextmanager
def replacing(path: Path, *, binary: bool = False) -> Iterator[Any]:
    """A file that takes the place of `path` when the block ends well, and vanishes when it does not.

    What is no regular file (a pipe, a terminal), or a name for an open one such as /dev/stdout, is written
    directly, after what it holds. Raises OSError.
    """
    coding, ends = (None, None) if binary else ("utf-8", "")
    if path.exists() and not path.is_dir() and (not path.is_file() or path.absolute().is_relative_to("/dev")):
        with path.open("ab" if binary else "a", encoding=coding, newline=ends) as stream:
            yield stream
        return
    final = path.resolve()
    if final.is_dir():
        raise IsADirectoryError(21, "is a folder", str(path))
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
