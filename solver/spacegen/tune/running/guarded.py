"""Commands that end with this process, whatever happens to it: see `spacegen.tune.running.warden`."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from spacegen.tune.running import warden
from spacegen.tune.running.leftovers import end_marked, new_mark, with_mark

__all__ = ["Guarded", "guard"]

# How long the wardens may take beyond the grace of their command before they are killed themselves.
_PATIENCE: Final = 10.0


class Guarded:
    """A running command, and afterwards how it ended. For one thread. Leaving its context stops it."""

    def __init__(
        self, process: subprocess.Popen[bytes], control: IO[bytes], status: IO[bytes], mark: str, grace: float
    ) -> None:
        self._warden = process
        self._control = control
        self._status = status
        self._mark = mark
        self._grace = grace
        self._heard = b""
        self._code: int | None = None
        self._silent = False
        self._stopped = False
        self._pid: int | None = None

    @property
    def pid(self) -> int:
        """The process of the command, which leads a session and a process group of its own."""
        assert self._pid is not None
        return self._pid

    def expect_start(self, program: str) -> None:
        """Waits until the command runs. Raises OSError where it cannot."""
        word, number = (self._line() or "lost 0").split()
        match word:
            case "started":
                self._pid = int(number)
            case "failed":
                raise OSError(int(number), os.strerror(int(number)), program)
            case _:
                raise ChildProcessError(f"what guards `{program}` did not start")

    def poll(self) -> int | None:
        """The code of the command once it has ended (negative: a signal); what it left is ended meanwhile."""
        return self.wait(0.0)

    def wait(self, timeout: float | None = None) -> int | None:
        """The code of the command, or None where it still runs after `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._code is None and self._says_more(deadline):
            self._hear()
        return self._code

    def stop(self) -> int:
        """Ends the command and all that it started, waits for that, and gives its code."""
        if not self._stopped:
            self._control.close()
            deadline = time.monotonic() + self._grace + _PATIENCE
            # Each of the wardens may have been killed: one is our child, the other holds the pipe.
            while not self._silent and self._says_more(deadline):
                self._hear()
            try:
                self._warden.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._give_up()
            self._status.close()
            self._stopped = True
        assert self._code is not None
        return self._code

    def _give_up(self) -> None:
        """Something cannot even be killed now, as while it waits for a device."""
        self._warden.kill()
        self._warden.wait()
        self._lose()

    def _lose(self) -> None:
        if self._code is None:
            self._code = -signal.SIGKILL
        end_marked(self._mark, self._pid)

    def _says_more(self, deadline: float | None) -> bool:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        return bool(select.select([self._status], [], [], left)[0])

    def _hear(self) -> None:
        line = self._line()
        if line is not None:
            self._code = int(line.split()[1])
            return
        self._silent = True
        if self._code is None:
            # Both wardens were killed, and the command with them: nobody has seen to what it started.
            self._lose()

    def _line(self) -> str | None:
        """The next line that the warden says, or None where it can say no more."""
        while b"\n" not in self._heard:
            said = os.read(self._status.fileno(), 512)
            if not said:
                return None
            self._heard += said
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def guard(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    log: Path | None = None,
    stdout: Path | None = None,
    fds: Sequence[int] = (),
    grace: float = 30.0,
) -> Guarded:
    """Starts a command in a session of its own, which Ctrl-C does not reach.

    Its words are added to the file `log`, its standard output to `stdout` where that is given. It inherits
    the file descriptors `fds` and no others, and so does its warden, which ends last. `grace` is how many
    seconds it has to end when asked. Raises OSError, as `subprocess.Popen` does.
    """
    mark = new_mark()
    environment = with_mark(os.environ if env is None else env, mark)
    with ExitStack() as passed:
        order, control = _pipe()
        status, said = _pipe()
        passed.enter_context(order)
        passed.enter_context(said)
        errors = passed.enter_context(log.open("ab")) if log else subprocess.DEVNULL
        output = passed.enter_context(stdout.open("ab")) if stdout else errors
        pipes = (order.fileno(), said.fileno())
        words = (*map(str, pipes), str(grace), *argv)
        try:
            process = _warden(words, output, errors, environment, cwd, (*pipes, *fds))
        except BaseException:
            control.close()
            status.close()
            raise
    guarded = Guarded(process, control, status, mark, grace)
    try:
        guarded.expect_start(argv[0])
    except BaseException:
        guarded.stop()
        raise
    return guarded


def _warden(
    words: Sequence[str],
    output: IO[bytes] | int,
    errors: IO[bytes] | int,
    environment: Mapping[str, str],
    cwd: Path | None,
    fds: Sequence[int],
) -> subprocess.Popen[bytes]:
    # In isolation (-I) and without its site (-S) an interpreter starts in milliseconds.
    return subprocess.Popen(  # noqa: S603 - the caller names the program
        (sys.executable, "-I", "-S", warden.__file__, *words),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        env=environment,
        cwd=cwd,
        pass_fds=fds,
        start_new_session=True,
    )


def _pipe() -> tuple[IO[bytes], IO[bytes]]:
    read, write = os.pipe()
    return os.fdopen(read, "rb", buffering=0), os.fdopen(write, "wb", buffering=0)
