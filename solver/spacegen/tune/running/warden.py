"""Runs a command and sees to its end: a script of its own that only needs the standard library.

    python -I -S warden.py CONTROL STATUS GRACE COMMAND...

CONTROL is a pipe whose other end the parent alone holds: its end of file, however it comes about, is the
order to end the command and all that it started, gently (TERM) and after GRACE seconds surely (KILL). STATUS
is a pipe that takes `started PID` or `failed ERRNO`, then `ended CODE`, the code as in `subprocess`.

The command and its children are found as descendants, also those that left its session: a subreaper gets the
orphans of its tree (prctl(2), PR_SET_CHILD_SUBREAPER). There are two wardens, one the child of the other, and
each ends everything when the other is killed; when both are, the command dies with its parent
(PR_SET_PDEATHSIG). Where there is no prctl, the process group of the command is what is ended.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress

__all__ = ["main"]

# Nothing is imported that takes long: `typing` and `pathlib` alone would double the start.
_PDEATHSIG = 1
_SUBREAPER = 36

_LINUX = sys.platform == "linux"
_ORDERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

# How often a parent that went without closing its pipe is noticed (a fork of it may hold the other end).
_GLANCE = 0.5
_STEP = 0.02
# What outlives its command has had its chance.
_LEFTOVERS = 2.0
_OUTER_PATIENCE = 2.0


def main(words: list[str]) -> None:
    control, status, grace = int(words[0]), int(words[1]), float(words[2])
    for pipe in (control, status):
        os.set_inheritable(pipe, False)
    parent = os.getppid()
    # Until somebody handles them.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ORDERS)
    _prctl(_SUBREAPER, 1)
    inner = os.fork()
    if inner:
        os.close(status)
        watch = _Watch(inner, parent, control)
        watch.until_over()
        watch.end(lambda: _signal([inner], signal.SIGTERM), grace + _OUTER_PATIENCE, leftovers=0.0)
    else:
        _guard(words[3:], control, status, grace)


def _guard(command: list[str], control: int, status: int, grace: float) -> None:
    outer = os.getppid()
    _prctl(_SUBREAPER, 1)
    child, error = _start(command)
    if error:
        _tell(status, f"failed {error}")
        return
    _tell(status, f"started {child}")
    watch = _Watch(child, outer, control, lambda code: _tell(status, f"ended {code}"))
    watch.until_over()
    watch.end(lambda: watch.signal(signal.SIGTERM), grace, leftovers=min(grace, _LEFTOVERS))


def _tell(status: int, line: str) -> None:
    with suppress(BrokenPipeError):
        os.write(status, f"{line}\n".encode())


def _start(command: list[str]) -> tuple[int, int]:
    """The process of the command, in a session of its own, and 0 or the number of the error in its way."""
    warden = os.getpid()
    heard, said = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            _prctl(_PDEATHSIG, signal.SIGKILL)
            # Python ignores some signals, and so would everything that it starts.
            for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, *_ORDERS):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            if os.getppid() == warden:
                os.execvp(command[0], command)  # noqa: S606 - the caller names the program
        except OSError as error:
            os.write(said, str(error.errno).encode())
        finally:
            os._exit(127)
    os.close(said)
    failure = os.read(heard, 16)
    os.close(heard)
    return child, int(failure or 0)


class _Watch:
    """A child and its descendants, until all are gone."""

    def __init__(
        self, child: int, parent: int, control: int, ended: Callable[[int], None] = lambda _: None
    ) -> None:
        self.code: int | None = None
        self._child = child
        self._parent = parent
        self._control = control
        self._ended = ended
        self._ordered = False
        self._woken, wake = os.pipe()
        for pipe in (self._woken, wake):
            os.set_blocking(pipe, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in _ORDERS:
            signal.signal(number, self._order)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def _order(self, *_: object) -> None:
        self._ordered = True

    def until_over(self) -> None:
        """Until the child has ended, or it is time to end it: the parent went, or somebody says so."""
        while True:
            self._reap()
            if self.code is not None or self._ordered or os.getppid() != self._parent:
                return
            ready, _, _ = select.select([self._control, self._woken], [], [], _GLANCE)
            if self._control in ready:
                return
            self._drain()

    def end(self, ask: Callable[[], None], grace: float, leftovers: float) -> None:
        """Until nothing is left; what does not go when asked is killed after `grace` seconds, and what the
        child leaves behind after `leftovers`."""
        limit = time.monotonic() + grace
        orphaned: float | None = None
        if self._reap():
            ask()
        while self._reap():
            now = time.monotonic()
            if orphaned is None and self.code is not None:
                orphaned = now + leftovers
            left = min(limit, orphaned or limit) - now
            if left <= 0:
                self.signal(signal.SIGKILL)
            select.select([self._woken], [], [], _STEP if left <= 0 else min(left, _GLANCE))
            self._drain()

    def signal(self, number: int) -> None:
        """Sends a signal to the child and its descendants, also to those that are stopped."""
        if _LINUX:
            _signal(_descendants(), number)
        else:
            with suppress(OSError):
                os.killpg(self._child, number)

    def _reap(self) -> bool:
        """Whether anything is left after burying who has died."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return True
                if pid == self._child:
                    self.code = os.waitstatus_to_exitcode(status)
                    self._ended(self.code)
        except ChildProcessError:
            return not _LINUX and self._group_lives()

    def _group_lives(self) -> bool:
        try:
            os.killpg(self._child, 0)
        except OSError:
            return False
        return True

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            while os.read(self._woken, 512):
                pass


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
            if number == signal.SIGTERM:
                os.kill(pid, signal.SIGCONT)


def _descendants() -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208
        # A process may go meanwhile. The name, in brackets, may hold anything; the parent is the second field
        # after it.
        with suppress(OSError), open(f"/proc/{entry}/stat", "rb") as stat:  # noqa: PTH123
            fields = stat.read().rpartition(b")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(entry))
    found = children.get(os.getpid(), [])
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def _prctl(option: int, value: int) -> None:
    if _LINUX:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
