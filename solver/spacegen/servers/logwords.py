"""What servers, torch and Python say in logs when a launch gets on, and when it fails."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = [
    "ABORTED",
    "CAPTURE_FAILED",
    "COLLECTIVE",
    "INSTALLATION",
    "KILLED",
    "MEMORY",
    "PEER_LOST",
    "POOL",
    "PORT",
    "PROGRAM",
    "READY",
    "REFUSED",
    "SERVING_MEMORY",
    "SIMULATED",
    "WATCHDOG",
    "WIDTH",
    "Sign",
    "Tracebacks",
    "worded",
]

WIDTH: Final = 500
"""How much of a line is kept."""

READY: Final = re.compile(r"The server is fired up and ready to roll|Scheduler is ready")
MEMORY: Final = re.compile(
    r"OutOfMemoryError|(?:CUDA|HIP|XPU|NPU|Cuda)\b[^.]{0,30}\bout of memory|cudaErrorMemoryAllocation"
    r"|CUBLAS_STATUS_ALLOC_FAILED"
)
POOL: Final = re.compile(
    r"Not enough memory\. Please try to increase|Not enough memory for KV cache|Memory pool size is too small"
    r"|leave no GPU memory for the KV cache|leaves no room for the full|state cache is too small"
)
"""What says that a KV cache has no room beside the weights."""
SERVING_MEMORY: Final = re.compile(
    r"(?:Prefill |Decode )?out of memory\. Try to lower your batch size|alloc_req_slots runs out of memory",
    re.IGNORECASE,
)
CAPTURE_FAILED: Final = re.compile(r"Capture .{0,80}(?:graph|draft extend) failed: *(.*)")
ABORTED: Final = re.compile(r"Out of memory even after retracting|aborted last request .{0,80} due to OOM")
PEER_LOST: Final = re.compile(r"[Cc]onnection (?:closed|reset)|remote process exited|Broken pipe")
"""What ranks say where another is gone, which has the cause in its log."""
PORT: Final = re.compile(
    r"address already in use|EADDRINUSE|\[Errno 98\]|[Pp]ort is already in use|port \d+ is already in use"
    r"|at \d+ is not available in \d+ seconds",
    re.IGNORECASE,
)
REFUSED: Final = re.compile(r"^[\w./-]+(?: [\w.-]+){0,2}: error: (.+)")
PROGRAM: Final = re.compile(
    r"^(?:(?![^:]*(?:bench|client|eval|test|setup))(?:[\w./-]*\.py|\S*python[\d.]* -m \S+)"
    r"|(?:\S*/)?(?:sglang|minisgl)\b[^:]*): "
)
"""What may be a server, in front of words like those: compilers and builds have the same."""
WATCHDOG: Final = re.compile(r"[Ww]atchdog timeout \((?!.*\bsoft=True)")
"""A soft one looks on; the others end a server."""
COLLECTIVE: Final = re.compile(r"Watchdog caught collective operation timeout")
"""What torch says before it ends a rank that others did not answer."""
KILLED: Final = re.compile(r"exit code: (-\d+)", re.IGNORECASE)
SIMULATED: Final = re.compile(r"^SIMULATED server: ")
"""The first line of `spacegen.tune.simulated.server`."""
INSTALLATION: Final = re.compile(r"ImportError|ModuleNotFoundError|KeyboardInterrupt")
"""Exceptions that are not about the arguments, wherever they come from."""

_TRACEBACK: Final = "Traceback (most recent call last):"
_FATAL: Final = re.compile(r"hit an exception|Initialization failed")
_DYING: Final = re.compile(r"^Process \S+:$")
"""What Python says before the traceback of a process that it started."""
_CHAINED: Final = re.compile(r"During handling of the above exception|direct cause of the following")
_EXCEPTION: Final = re.compile(r"[A-Za-z_][\w.]*(?:: .*)?$")
_OF_ARGUMENTS: Final = re.compile(
    r'File ".*(?:server_args\.py|[/\\]arg_groups[/\\].*|[/\\]server[/\\]args\.py)"'
)
_PREFIX: Final = re.compile(r"^(?:\x1b\[[\d;]*m)*\[[^\]]*\]\s*")


@dataclass(frozen=True, slots=True)
class Sign:
    """What a line says that has one of the `words`, those without capitals in any case, and that `pattern`
    matches: many lines can then be searched for the words alone."""

    pattern: re.Pattern[str]
    words: tuple[str, ...]

    @classmethod
    def of(cls, pattern: str | re.Pattern[str], *words: str) -> Sign:
        """The words are the pattern where none are given."""
        form = re.compile(pattern)
        return cls(form, words or (form.pattern,))

    def search(self, text: str) -> re.Match[str] | None:
        """Where the line says it."""
        said = any(word in (text.lower() if word.islower() else text) for word in self.words)
        return self.pattern.search(text) if said else None


def worded(line: str) -> str:
    """The line without its time and, from a parser, without the program's name."""
    text = _PREFIX.sub("", line).strip()
    refused = REFUSED.match(text)
    return (refused[1] if refused else text)[:WIDTH]


class Tracebacks:
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
        self._dying = False
        self._around = False

    def take(self, line: str) -> str | None:
        """The exception, where the line is the end of a traceback."""
        if _TRACEBACK in line:
            self._begin(line)
            return None
        if not self._inside:
            self._chained, self._dying = bool(_CHAINED.search(line)), bool(_DYING.match(line))
            return None
        if line[0].isspace():
            self._frame(line)
            return None
        # What is no exception says another process in between.
        return self._end(line) if _EXCEPTION.match(line) else None

    def _begin(self, line: str) -> None:
        fatal = bool(_FATAL.search(line)) or self._dying or (self._chained and self._fatal)
        # That of another process may stand in the middle of one that ends a process.
        self._around = self._inside and self._fatal and not fatal
        self._inside, self._source, self._fatal = True, "", fatal
        self.of_arguments = self._chained and self.of_arguments

    def _frame(self, line: str) -> None:
        self.of_arguments = self.of_arguments or bool(_OF_ARGUMENTS.search(line))
        text = line.strip()
        if text.strip("^~ ") and not text.startswith("File "):
            self._source = text

    def _end(self, line: str) -> str:
        self._inside = self._around
        # An assertion without words is told by what it asserts.
        bare = ":" not in line and self._source
        text = (f"{line}: {self._source}" if bare else line)[:WIDTH]
        self.last = text
        if self._fatal and (self.fatal is None or self._chained):
            self.fatal = text
        self._fatal, self._around = self._fatal or self._around, False
        self._chained = False
        return text
