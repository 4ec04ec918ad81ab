"""A log that may be of several services, as Docker Compose writes them into one another."""

from __future__ import annotations

import re
from typing import Final

from spacegen.diagnose.collecting.log import LogReader
from spacegen.diagnose.launch import Launch
from spacegen.diagnose.printable import COLOURS
from spacegen.diagnose.reading.chunks import WholeLines

__all__ = ["Services"]

_FRONT: Final = re.compile(rb"^" + COLOURS + rb"([\w.-]{1,200}+) *\| ", re.MULTILINE)
_ENDED: Final = b" exited with code "
_EXITED: Final = re.compile(COLOURS + rb"([\w.-]{1,200}+)" + _ENDED)
_MOST: Final = 32
"""Services that are told apart; what more of them say is left out."""


class Services:
    """Reads one log of any length in constant memory, as a log for each service whose name stands in front of
    its lines; pieces may end anywhere. Lines keep their numbers."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._whole = WholeLines()
        self._first = LogReader(name)
        self._readers: dict[bytes, LogReader] = {}

    @property
    def launches(self) -> tuple[Launch, ...]:
        """The launches until now, service by service, the last of each as far as it is."""
        readers = self._readers.values() if self._readers else (self._first,)
        return tuple(launch for reader in readers for launch in reader.launches)

    def take(self, chunk: bytes) -> None:
        """Takes in what comes next; a line counts once it has ended."""
        if lines := self._whole.take(chunk):
            self._read(lines)

    def close(self) -> None:
        """Takes in a last line that never ended."""
        if rest := self._whole.close():
            self._read(rest)

    def move_on(self, name: str) -> None:
        """What comes next stands in another file, which goes on where this one ended."""
        self.close()
        self._name = name
        for reader in self._readers.values() or (self._first,):
            reader.move_on(name)

    def _read(self, text: bytes) -> None:
        names = _names(text)
        before = self._first.lines
        for name in names:
            if name not in self._readers and len(self._readers) < _MOST:
                # What was said until now, by whomever, is the first one's.
                reader = LogReader(self._name, before) if self._readers else self._first
                self._readers[name] = reader
        if len(self._readers) < 2 and not (self._readers and _ENDED in text):
            self._first.take_lines(text)
            return
        for name, reader in self._readers.items():
            reader.take_lines(_part(text, name, tuple(self._readers)))


def _names(text: bytes) -> tuple[bytes, ...]:
    """The services that say something, in their order, where most lines have one in front."""
    if _FRONT.match(text) is None:
        return ()
    found = _FRONT.findall(text)
    return tuple(dict.fromkeys(found)) if 2 * len(found) > text.count(b"\n") else ()


def _part(text: bytes, service: bytes, known: tuple[bytes, ...]) -> bytes:
    """What one service says, with an empty line for each line of the others."""
    lines, mine = [], service == known[0]
    for line in text.split(b"\n"):
        if found := _FRONT.match(line):
            mine = found[1] == service
        elif found := _EXITED.match(line):
            # Older versions write the project in front.
            mine = (b"_" + found[1]).endswith(b"_" + service)
        lines.append(line if mine else b"")
    return b"\n".join(lines)
