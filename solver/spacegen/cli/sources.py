"""Files of configs, and stdin for `-`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from spacegen.source import Source

__all__ = ["label", "opened", "source"]


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
            raise ConfigError(*error.faults) from None
    if sys.stdin is None:
        raise ConfigError("<stdin> is closed")
    try:
        return Source(label(name), sys.stdin.buffer.read().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ConfigError("<stdin> is not UTF-8 text") from None


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
