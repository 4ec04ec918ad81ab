"""The process of a launch with its log, from its start to the last of what it started."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

from spacegen.launch.files import replacing
from spacegen.tune.outcome import Failure
from spacegen.tune.running.failures import died
from spacegen.tune.running.guarded import Guarded, guard
from spacegen.tune.running.launching import Launch
from spacegen.tune.running.serverlog import ServerLog, Stage
from spacegen.tune.running.sites import Site
from spacegen.tune.running.templates import with_input
from spacegen.tune.setup import Setup

if TYPE_CHECKING:
    import psutil

__all__ = ["LaunchProcess", "StartError"]

_STEP: Final = 0.05
_PORT_PATIENCE: Final = 10.0
# What ends a launch elsewhere kills it after the same time, and is not to be overtaken.
_MARGIN: Final = 5.0


class StartError(Exception):
    """The program of a launch does not start, whatever its arguments are."""


class LaunchProcess:
    """A context: entering it starts the launch, leaving it ends it, and waits until its port is free. Raises
    StartError. `loading` is called once the log tells of a model."""

    def __init__(
        self, launch: Launch, site: Site, setup: Setup, loading: Callable[[], None] = lambda: None
    ) -> None:
        self.log = ServerLog(site.log, elsewhere=launch.elsewhere)
        self._launch = launch
        self._site = site
        self._setup = setup
        self._loading = loading
        self._guarded: Guarded | None = None
        self._input: int | None = None

    def __enter__(self) -> Self:
        with replacing(self._site.folder / "command.txt") as out:
            out.write(f"{self._launch.shown}\n")
        argv, fds = self._launch.argv, self._site.fds
        read = None
        if self._launch.elsewhere:
            # The end of this pipe, however it comes about, is what a launch elsewhere ends with.
            read, self._input = os.pipe()
            argv, fds = with_input(argv, read), (*fds, read)
        try:
            self._guarded = guard(
                argv,
                env=self._launch.environment,
                log=self._site.log,
                fds=fds,
                grace=self._setup.timeouts.stop,
            )
        except OSError as error:
            self._close_input()
            words = (error.strerror or str(error)).lower()
            raise StartError(f"`{self._launch.argv[0]}` does not start: {words}") from None
        finally:
            if read is not None:
                os.close(read)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            self._end_for_sure()
        if self._launch.elsewhere or self._setup.server_command:
            self._await_port()

    @property
    def code(self) -> int | None:
        """The code of the launch once it has ended; of one elsewhere its own, where it is known."""
        assert self._guarded is not None
        code = self._guarded.poll()
        return code if code is None or self.log.code is None else self.log.code

    def goes_on(self) -> bool:
        """Whether the launch still runs; takes in its log."""
        before = self.log.stage
        self.log.read()
        if before is Stage.STARTING and self.log.stage is not before:
            self._loading()
        return self.code is None

    def listens(self) -> bool:
        """Whether one of the processes of the launch listens at its port, not somebody else."""
        import psutil

        assert self._guarded is not None
        port = urlsplit(self._launch.url).port
        try:
            first = psutil.Process(self._guarded.pid)
            return any(_listens(process, port) for process in (first, *first.children(recursive=True)))
        except psutil.Error:
            return False

    def wait(self, seconds: float) -> bool:
        """Whether the launch ends within some time."""
        assert self._guarded is not None
        return self._guarded.wait(seconds) is not None

    def died(self) -> Failure:
        """Why the launch has ended by itself."""
        self.stop()
        self.log.close()
        return died(self.log, self.code)

    def stop(self) -> None:
        """Ends the launch, and all that it started; elsewhere first."""
        assert self._guarded is not None
        if self._input is not None and self._guarded.poll() is None:
            self._close_input()
            self._guarded.wait(self._setup.timeouts.stop + _MARGIN)
        self._close_input()
        self._guarded.stop()

    def _close_input(self) -> None:
        if self._input is not None:
            os.close(self._input)
            self._input = None

    def _end_for_sure(self) -> None:
        if not self._launch.ending:
            return
        # What it says belongs to the log; whether there is still something to end, nobody knows.
        with suppress(OSError), guard(self._launch.ending, log=self._site.log, grace=1.0) as ending:
            ending.wait(self._setup.timeouts.stop)

    def _await_port(self) -> None:
        """Until nobody answers at the port: what is no process of this machine may take its time to go."""
        place = urlsplit(self._launch.url)
        deadline = time.monotonic() + _PORT_PATIENCE
        while time.monotonic() < deadline:
            try:
                socket.create_connection((place.hostname, place.port), timeout=1.0).close()
            except OSError:
                return
            time.sleep(_STEP)


def _listens(process: psutil.Process, port: int | None) -> bool:
    import psutil

    with suppress(psutil.Error):
        links = process.net_connections("tcp")
        return any(link.status == psutil.CONN_LISTEN and link.laddr.port == port for link in links)
    return False
