"""A process that answers one JSON line with one JSON line, and that can be late, silent or dead."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from queue import Empty, Queue
from threading import Thread
from typing import Any, Final

__all__ = ["Child", "EndedError", "LateError"]

_TAIL: Final = 2_000


class EndedError(Exception):
    """The process ended instead of answering; the message says how."""


class LateError(Exception):
    """The process did not answer in time."""


class Child:
    """A process in a group of its own, so that everything it starts ends with it; its words go to a log."""

    def __init__(self, command: Sequence[str]) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`
        self._process = subprocess.Popen(  # noqa: S603 - the user names the program
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
            text=True,
            encoding="utf-8",
        )
        self._lines: Queue[str | None] = Queue()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with suppress(ValueError):
            for line in self._process.stdout:
                self._lines.put(line)
        self._lines.put(None)

    def ask(self, question: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """The answer to a question. Raises EndedError and LateError."""
        assert self._process.stdin is not None
        # A process that has ended says so where its answer is awaited.
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        return self.hear(seconds)

    def hear(self, seconds: float) -> dict[str, Any]:
        """The next line that the process says. Raises EndedError and LateError."""
        try:
            line = self._lines.get(timeout=seconds)
        except Empty:
            raise LateError(f"no answer in {seconds:g} seconds") from None
        if line is None:
            raise EndedError(_ending(self._process.wait()))
        answer: dict[str, Any] = json.loads(line)
        return answer

    def tail(self) -> str:
        """The end of what the process logged."""
        # Read without seeking: the process writes at the position that both share.
        log = self._log.fileno()
        start = max(0, os.fstat(log).st_size - _TAIL)
        return os.pread(log, _TAIL, start).decode("utf-8", "replace").strip()

    def close(self) -> None:
        """Ends the process and everything that it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout, self._log):
            with suppress(OSError):
                stream.close()  # type: ignore[union-attr]


def _ending(status: int) -> str:
    if status >= 0:
        return f"the process ended with status {status}"
    with suppress(ValueError):
        return f"the process was ended by {signal.Signals(-status).name}"
    return f"the process was ended by signal {-status}"
