"""Logs diagnosed while they grow: a summary that refreshes on a terminal, else findings as they appear."""

from __future__ import annotations

import signal
import sys
import time
from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final, Self

from spacegen.cli.diagnose_text import at_a_glance
from spacegen.cli.output import print_json, say
from spacegen.cli.process import abandon, unread

if TYPE_CHECKING:
    from spacegen.diagnose.diagnosis import Diagnosis
    from spacegen.diagnose.watched import Watched

__all__ = ["View", "follow", "view"]

_PAUSE: Final = 0.2
_REFRESH: Final = 1.0
"""Seconds between two looks at what was read."""


class View(AbstractContextManager["View"]):
    """Shows what logs show so far."""

    def __exit__(self, *raised: object) -> None:
        """Most have nothing to put away."""

    @abstractmethod
    def show(self, found: Diagnosis) -> None:
        """What there is to say now."""


def view(*, as_json: bool) -> View:
    """What tells people, or programs, on stdout."""
    if as_json:
        return _Documents()
    return _Screen() if sys.stdout.isatty() else _Lines()


class _Lines(View):
    """Each finding when it appears, and when it is there no longer."""

    def __init__(self) -> None:
        self._told: dict[tuple[int, str], str] = {}
        self._marked = False

    def show(self, found: Diagnosis) -> None:
        from spacegen.diagnose.telling.text import SIMULATED, finding_lines

        if found.simulated and not self._marked:
            print(f"{SIMULATED}\n", flush=True)
            self._marked = True
        present = {(finding.launch, finding.id): finding for finding in found.findings}
        for key in self._told.keys() - present.keys():
            print(f"no longer: {self._told.pop(key)}\n", flush=True)
        for key in [key for key in present if key not in self._told]:
            lines = list(finding_lines(present[key], found))
            self._told[key] = lines[0]
            print("\n".join(lines), end="\n\n", flush=True)


class _Documents(View):
    """The document in one line, whenever other findings are in it."""

    def __init__(self) -> None:
        self._ids: list[tuple[int, str]] | None = None

    def show(self, found: Diagnosis) -> None:
        from spacegen.diagnose.telling.document import as_document

        ids = [(finding.launch, finding.id) for finding in found.findings]
        if ids != self._ids:
            print_json(as_document(found))
            sys.stdout.flush()
            self._ids = ids


class _Screen(View):
    """The whole of it, again and again in the same place."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(
            console=Console(),
            transient=True,
            auto_refresh=False,
            # The text is made for stdout as it is.
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._live.stop()

    def show(self, found: Diagnosis) -> None:
        from rich.text import Text

        text = Text(at_a_glance(found), no_wrap=True, overflow="ellipsis")
        self._live.update(text, refresh=True)


def follow(
    watched: Watched, examine: Callable[[], Diagnosis], shown: View, idle: float | None, *, quiet: bool
) -> tuple[Diagnosis, int | None]:
    """Reads until all logs have ended, nothing has come for `idle` seconds, or a signal ends it: what they
    show then, and the exit status that somebody ended it with."""
    status, terminals = None, [stream for stream in (sys.stdout, sys.stderr) if stream.isatty()]
    try:
        fresh = watched.read()
        for name in () if quiet else watched.awaited:
            say(f"waiting for {name}")
        with shown:
            _read(watched, examine, shown, idle, fresh=fresh)
    except (KeyboardInterrupt, SystemExit, OSError) as error:
        gone = [stream for stream in terminals if not stream.isatty()]
        status = _ended_by(error, hung_up=bool(gone))
        abandon(*gone)
    watched.close()
    return examine(), status


def _ended_by(error: BaseException, *, hung_up: bool) -> int:
    """The exit status of what ended the reading: a signal, a reader who left, a terminal that was closed
    before its signal came. Raises anything else."""
    match error:
        case KeyboardInterrupt():
            return 130
        case SystemExit(code=int(code)):
            return code
        case BrokenPipeError():
            return unread()
        case OSError() if hung_up:
            return 128 + signal.SIGHUP
        case _:
            raise error


def _read(
    watched: Watched, examine: Callable[[], Diagnosis], shown: View, idle: float | None, *, fresh: bool
) -> None:
    """Reads on and shows it; `fresh` is whether something was read that is not shown yet."""
    latest, told, stale = time.monotonic(), 0.0, True
    while not watched.ended:
        now = time.monotonic()
        if fresh or watched.read():
            latest, stale, fresh = now, True, False
        elif idle is not None and now - latest >= idle:
            break
        else:
            time.sleep(_PAUSE)
        if stale and now - told >= _REFRESH:
            shown.show(examine())
            told, stale = now, False
