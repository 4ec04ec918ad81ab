"""The log of a server while it grows: how far the launch is, and what went wrong in it."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from spacegen.tune.outcome import Cause

__all__ = ["Evidence", "ServerLog", "Stage", "worded"]

_TAIL: Final = 40
_WIDTH: Final = 500
_CHUNK: Final = 2**20


class Stage(StrEnum):
    """How far a launch is, as the log tells; the value says what it does then."""

    STARTING = "starting"
    LOADING = "loading weights"
    ALLOCATING = "allocating the KV cache"
    CAPTURING = "capturing graphs"
    SERVING = "serving"


# What SGLang 0.5.6 … 0.5.23 and mini-SGLang log. A draft model starts again at the weights.
_STAGES: Final = (
    (re.compile(r"Load weight begin|Free memory before loading model"), Stage.LOADING),
    (
        re.compile(r"Load weight end|Allocating \d+ tokens for KV cache|\b(?:KV )?[Cc]ache is allocated"),
        Stage.ALLOCATING,
    ),
    (re.compile(r"Capture .*graph begin|Capture cuda graph bs|Start capturing CUDA graphs"), Stage.CAPTURING),
    (re.compile(r"Capture .*graph end|max_total_num_tokens=\d"), Stage.SERVING),
)
_READY: Final = re.compile(r"The server is fired up and ready to roll|Scheduler is ready")

_MEMORY: Final = re.compile(
    r"OutOfMemoryError|(?:CUDA|HIP|XPU|NPU|Cuda)\b[^.]{0,30}\bout of memory|cudaErrorMemoryAllocation"
    r"|CUBLAS_STATUS_ALLOC_FAILED|Not enough memory\. Please try to increase"
)
_SERVING_MEMORY: Final = re.compile(
    r"(?:Prefill |Decode )?out of memory\. Try to lower your batch size|alloc_req_slots runs out of memory",
    re.IGNORECASE,
)
_CAPTURE_FAILED: Final = re.compile(r"Capture .*graph failed: *(.*)")
_ABORTED: Final = re.compile(r"Out of memory even after retracting|aborted last request .* due to OOM")
_PORT: Final = re.compile(
    r"address already in use|EADDRINUSE|\[Errno 98\]|[Pp]ort is already in use|port \d+ is already in use"
    r"|at \d+ is not available in \d+ seconds",
    re.IGNORECASE,
)
_REFUSED: Final = re.compile(r"^[\w./-]+(?: [\w.-]+){0,2}: error: (.+)")
_WATCHDOG: Final = re.compile(r"[Ww]atchdog timeout \(")
# What the warden of a launch elsewhere says of it.
_WARDEN: Final = re.compile(r"^(started|ended) (-?\d+)$")
_KILLED: Final = re.compile(r"exit code: (-\d+)", re.IGNORECASE)

# The first line of `spacegen.tune.simulated.server`.
_SIMULATED: Final = re.compile(r"^SIMULATED server: ")
_TRACEBACK: Final = "Traceback (most recent call last):"
_FATAL: Final = re.compile(r"hit an exception|Initialization failed")
_CHAINED: Final = re.compile(r"During handling of the above exception|direct cause of the following")
_EXCEPTION: Final = re.compile(r"[A-Za-z_][\w.]*(?:: .*)?$")
_OF_ARGUMENTS: Final = re.compile(
    r'File ".*(?:server_args\.py|[/\\]arg_groups[/\\].*|[/\\]server[/\\]args\.py)"'
)
_INSTALLATION: Final = re.compile(r"ImportError|ModuleNotFoundError|KeyboardInterrupt")
_PREFIX: Final = re.compile(r"^(?:\x1b\[[\d;]*m)*\[[^\]]*\]\s*")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a line of the log says about the failure."""

    cause: Cause
    line: str


class ServerLog:
    """Reads a log as far as it is written. Holds the end of it and what was found, however long it is.

    `evidence` is the first line that tells why a launch fails, `complaint` one that tells of requests without
    memory on a server that goes on. `fatal` is the last line of the traceback that ended a process,
    `exception` that or the last one that there was. `killed` is the signal that ended a process of the
    server, `code` how a launch `elsewhere` ended, `simulated` whether a formula answers in place of a server.
    """

    def __init__(self, path: Path, *, elsewhere: bool = False) -> None:
        self._path, self._elsewhere = path, elsewhere
        self._at = 0
        self._rest = b""
        self._tail: deque[str] = deque(maxlen=_TAIL)
        self._traceback = _Traceback()
        self.stage = Stage.STARTING
        self.ready = False
        self.evidence: Evidence | None = None
        self.complaint: Evidence | None = None
        self.killed: int | None = None
        self.code: int | None = None
        self.simulated = False

    @property
    def tail(self) -> tuple[str, ...]:
        return tuple(self._tail)

    @property
    def fatal(self) -> str | None:
        return self._traceback.fatal

    @property
    def exception(self) -> str | None:
        return self._traceback.fatal or self._traceback.last

    def read(self) -> ServerLog:
        """Takes in what was written since; the last line counts also without its end."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                while chunk := file.read(_CHUNK):
                    self._at += len(chunk)
                    self._take(chunk)
        except FileNotFoundError:
            pass
        return self

    def _take(self, chunk: bytes) -> None:
        *lines, rest = (self._rest + chunk).split(b"\n")
        # A line that never ends is cut: what matters stands at its end.
        self._rest = rest[-_CHUNK:]
        for raw in lines:
            text = raw.decode("utf-8", errors="replace").rstrip()
            self._line(text.rsplit("\r", 1)[-1])

    def close(self) -> ServerLog:
        """Takes in all that is left, also a last line that was never ended."""
        self.read()
        if self._rest:
            self._take(b"\n")
        return self

    def _line(self, line: str) -> None:
        if found := _WARDEN.match(line) if self._elsewhere else None:
            self.code = int(found[2]) if found[1] == "ended" else None
        # After its end only what watched over it has something to say.
        if found or self.code is not None or not line.strip():
            return
        self._tail.append(line[:_WIDTH])
        self.simulated = self.simulated or _SIMULATED.match(line) is not None
        self.stage = next((stage for form, stage in _STAGES if form.search(line)), self.stage)
        if _READY.search(line):
            # What was said before did not keep the server from coming up.
            self.stage, self.ready, self.evidence = Stage.SERVING, True, None
            self._traceback = _Traceback()
        self._look(line)

    def _look(self, line: str) -> None:
        exception = self._traceback.take(line)
        if self.evidence is None and (cause := self._cause(line, exception is not None)) is not None:
            self.evidence = Evidence(cause, exception or worded(line))
        if self.complaint is None and _ABORTED.search(line):
            self.complaint = Evidence(Cause.SERVING_MEMORY, worded(line))
        if found := _KILLED.search(line):
            self.killed = -int(found[1])

    def _cause(self, line: str, ended: bool) -> Cause | None:
        if found := _CAPTURE_FAILED.search(line):
            short = _MEMORY.search(found[1]) or "out of memory" in found[1].lower()
            return Cause.GRAPH_MEMORY if short else None
        if _SERVING_MEMORY.search(line):
            return Cause.SERVING_MEMORY
        if _MEMORY.search(line):
            return _memory(self.stage)
        if _PORT.search(line):
            return Cause.PORT
        if _WATCHDOG.search(line):
            return Cause.TIMEOUT
        of_arguments = ended and self._traceback.of_arguments and not _INSTALLATION.match(line)
        if self.stage is Stage.STARTING and (of_arguments or _REFUSED.match(line)):
            return Cause.ARGUMENTS
        return None


def _memory(stage: Stage) -> Cause:
    match stage:
        case Stage.CAPTURING:
            return Cause.GRAPH_MEMORY
        case Stage.SERVING:
            return Cause.SERVING_MEMORY
        case _:
            return Cause.LOADING_MEMORY


def worded(line: str) -> str:
    """The line without its time and, from a parser, without the program's name."""
    text = _PREFIX.sub("", line).strip()
    refused = _REFUSED.match(text)
    return (refused[1] if refused else text)[:_WIDTH]


class _Traceback:
    """Finds the exceptions at the end of tracebacks: `fatal` where the server says that one ended it (the
    first counts: others follow from it), else the `last`."""

    def __init__(self) -> None:
        self.fatal: str | None = None
        self.last: str | None = None
        self.of_arguments = False
        self._inside = False
        self._source = ""
        self._fatal = False
        self._chained = False

    def take(self, line: str) -> str | None:
        """The exception, where the line is the end of a traceback."""
        if _TRACEBACK in line:
            self._inside, self._source = True, ""
            self.of_arguments = self._chained and self.of_arguments
            self._fatal = bool(_FATAL.search(line)) or (self._chained and self._fatal)
            return None
        if not self._inside:
            self._chained = bool(_CHAINED.search(line))
            return None
        if line[0].isspace():
            self._frame(line)
            return None
        # What is no exception says another process in between.
        return self._end(line) if _EXCEPTION.match(line) else None

    def _frame(self, line: str) -> None:
        self.of_arguments = self.of_arguments or bool(_OF_ARGUMENTS.search(line))
        text = line.strip()
        if text.strip("^~ ") and not text.startswith("File "):
            self._source = text

    def _end(self, line: str) -> str:
        self._inside = False
        # An assertion without words is told by what it asserts.
        bare = ":" not in line and self._source
        text = (f"{line}: {self._source}" if bare else line)[:_WIDTH]
        self.last = text
        if self._fatal and (self.fatal is None or self._chained):
            self.fatal = text
        self._chained = False
        return text
