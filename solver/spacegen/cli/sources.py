"""Files of configs, and stdin for `-`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from spacegen.source import Source

__all__ = ["is_same_file", "label", "opened", "source"]

_PARQUET = b"PAR1"


def is_same_file(path: str, name: str) -> bool:
    """Whether two names are one file on disk, by whatever links."""
    out, read = Path(path), Path(name)
    return name != "-" and out.is_file() and read.is_file() and out.samefile(read)


def label(name: str) -> str:
    """The name that messages give a file."""
    return "<stdin>" if name == "-" else name


def source(name: str) -> Source:
    """The text of a file, or of stdin for `-`. Raises ConfigError."""
    from spacegen.errors import ConfigError, SpacegenError
    from spacegen.language.files import read_source
    from spacegen.source import Source

    if name != "-":
        try:
            return read_source(Path(name))
        except SpacegenError as error:
            _refuse_parquet(name)
            raise ConfigError(*error.faults) from None
    if sys.stdin is None:
        raise ConfigError("<stdin> is closed")
    try:
        return Source(label(name), sys.stdin.buffer.read().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ConfigError("<stdin> is not UTF-8 text") from None


def _refuse_parquet(name: str) -> None:
    """Raises ConfigError for a file whose bytes are better not shown."""
    from spacegen.errors import ConfigError, Fault

    path = Path(name)
    if path.is_file() and os.access(path, os.R_OK):
        with path.open("rb") as stream:
            if stream.read(len(_PARQUET)) == _PARQUET:
                hint = "`spacegen check` reads Parquet; give JSON, JSON lines, YAML or CSV"
                raise ConfigError(Fault(f"{name} is Parquet, which is not read here", hint=hint))


@contextmanager
def opened(name: str) -> Iterator[BinaryIO]:
    """The bytes of a file, or of stdin for `-`, to be read bit by bit. Raises ConfigError."""
    from spacegen.errors import ConfigError

    if name == "-":
        if sys.stdin is None:
            raise ConfigError("<stdin> is closed")
        yield sys.stdin.buffer
        return
    try:
        stream = Path(name).open("rb")  # noqa: SIM115 - what the caller raises is no fault of opening
    except FileNotFoundError:
        raise ConfigError(f"no such file: {name}") from None
    except OSError as error:
        raise ConfigError(f"cannot read {name}: {(error.strerror or str(error)).lower()}") from None
    with stream:
        yield stream
