"""Ports for servers that are started side by side."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spacegen.errors import Fault, UsageError
from spacegen.tune.running.locks import lock_folder, try_lock, unlock

__all__ = ["FIRST_PORT", "Ports", "free_ports"]

FIRST_PORT: Final = 30000
"""Below the ports that systems give to clients."""

_LAST: Final = 65535
_ELSEWHERE: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


@dataclass(frozen=True, slots=True)
class Ports:
    """Two ports in a row, and the open files that reserve them: whoever inherits these keeps them."""

    first: int
    fds: tuple[int, ...]

    @property
    def second(self) -> int:
        return self.first + 1


@contextmanager
def free_ports(
    host: str = "127.0.0.1", *, start: int = FIRST_PORT, folder: Path | None = None
) -> Iterator[Ports]:
    """Reserves two ports in a row that nobody listens at, against all who ask here.

    Strangers can still take them before the server does. Raises UsageError where there are none left.
    """
    place = lock_folder(folder)
    with ExitStack() as stack:
        for first in range(start, _LAST, 2):
            files = _reserve(place, (first, first + 1))
            if files and all(_is_free(host, port) for port in (first, first + 1)):
                for file in files:
                    stack.callback(os.close, file)
                yield Ports(first, files)
                return
            _give_back(files)
    raise UsageError(Fault(f"no two free ports in a row from {start}", hint="start at a lower port"))


def _reserve(folder: Path, ports: tuple[int, ...]) -> tuple[int, ...]:
    files: list[int] = []
    for port in ports:
        file = try_lock(folder / f"port-{port}.lock")
        if file is None:
            _give_back(files)
            return ()
        files.append(file)
    return tuple(files)


def _give_back(files: Iterable[int]) -> None:
    for file in files:
        unlock(file)


def _is_free(host: str, port: int) -> bool:
    """Whether a server could listen, at all addresses and at this one, where it is one of this machine."""
    return _can_listen("", port) and _can_listen(host, port)


def _can_listen(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As servers do it: connections that linger from the server before are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except socket.gaierror:
            return True
        except OSError as error:
            return error.errno in _ELSEWHERE
    return True
