"""Logs diagnosed while they grow."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from spacegen.diagnose.launch import Launch
from spacegen.diagnose.readers import Reader
from spacegen.diagnose.reading.following import Growing, following
from spacegen.diagnose.reading.sources import LogFile, log_files, may_get_more

__all__ = ["Watched"]

_LOOK_AGAIN: Final = 2.0
"""Seconds between two looks for new logs in folders."""


class Watched:
    """Logs that are read as far as they have come. Files need not be there yet, and folders may get more."""

    def __init__(self, sources: Iterable[str | Path]) -> None:
        self._sources = tuple(sources)
        self._logs: dict[Path | str | None, tuple[Growing, Reader]] = {}
        self._silent: dict[Path | str | None, str] = {}
        """The names of the logs that have said nothing yet."""
        self._looked = 0.0
        self._look()

    @property
    def launches(self) -> tuple[Launch, ...]:
        """What the logs come to so far."""
        return tuple(launch for _, reader in self._logs.values() for launch in reader.launches)

    @property
    def awaited(self) -> tuple[str, ...]:
        """The logs that have said nothing yet, and folders without a log."""
        folders = (f"a log in {source}" for source in self._sources if Path(source).is_dir())
        return tuple(self._silent.values() if self._logs else folders)

    @property
    def ended(self) -> bool:
        """Whether nothing can follow."""
        if may_get_more(self._sources):
            return False
        return bool(self._logs) and all(log.ended for log, _ in self._logs.values())

    def read(self) -> bool:
        """Takes in what is there, a piece of each log; whether there was anything. Raises ConfigError."""
        if time.monotonic() - self._looked > _LOOK_AGAIN:
            self._look()
        taken = False
        for key, (log, reader) in self._logs.items():
            piece = log.read()
            if piece.file is not None:
                reader.move_on(piece.file)
            if piece.data:
                self._silent.pop(key, None)
                reader.take(piece.data)
                taken = True
        return taken

    def close(self) -> None:
        """Takes in last lines that nobody has ended."""
        for log, reader in self._logs.values():
            log.close()
            reader.close()

    def _look(self) -> None:
        for file in log_files(self._sources, growing=True):
            self._add(file)
        self._looked = time.monotonic()

    def _add(self, file: LogFile) -> None:
        if file.key not in self._logs:
            self._logs[file.key] = following(file), Reader((*file.older, file)[0].name)
            self._silent[file.key] = file.name
