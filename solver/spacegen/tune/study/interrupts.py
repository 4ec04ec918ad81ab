"""Ctrl-C and signals like it, where they do no harm: between the steps of a study, not within one.

A handler that raises in the middle of a transaction leaves the storage's connection with what was raised, and
the connection keeps the database locked: whoever writes next, to say that the study was interrupted, waits
for it in vain. Raised in a callback of the garbage collector, of which SQLAlchemy has many, it is lost.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, TypeVar

__all__ = ["at_once", "heed", "putting_off"]

_NAMES: Final = ("SIGINT", "SIGTERM", "SIGHUP")
_SIGNALS: Final = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))
_IMPATIENT: Final = 1.0
"""After so many seconds a second signal is one of somebody who does not want to wait; before, it may be the
same one, sent to a group of processes and passed on by one of them."""

T = TypeVar("T")


class _Signals:
    """The handlers of this process, called late."""

    def __init__(self) -> None:
        self._handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self._due: tuple[int, float] | None = None
        self._open = False

    def take(self) -> None:
        for number in _SIGNALS:
            handler = signal.getsignal(number)
            # What is ignored, or kills without asking, stays as it is.
            if callable(handler):
                self._handlers[number] = handler
                signal.signal(number, self._heed)

    def give_back(self) -> None:
        # That of Ctrl-C last: from then on it may raise here.
        for number, handler in reversed(self._handlers.items()):
            signal.signal(number, handler)

    def _heed(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        first = now if self._due is None else self._due[1]
        self._due = number, first
        if self._open or now - first > _IMPATIENT:
            self.deliver(frame)

    def deliver(self, frame: FrameType | None = None) -> None:
        """Calls the handler of a signal that came."""
        if self._due is not None:
            (number, _), self._due = self._due, None
            # What is done because of it is a step of its own.
            was, self._open = self._open, False
            self._handlers[number](number, frame)
            self._open = was

    def at_once(self, step: Callable[[], T]) -> T:
        try:
            self._open = True
            self.deliver()
            return step()
        finally:
            self._open = False


_signals: _Signals | None = None
"""Those of the main thread, the only one that is ever interrupted."""


@contextmanager
def putting_off() -> Iterator[None]:
    """Until this is left, a signal waits for the next step that is taken `at_once`; a second one does not,
    but interrupts whatever is done. Does nothing in other threads than the main one."""
    global _signals
    if _signals is not None or threading.current_thread() is not threading.main_thread():
        yield
        return
    mine = _Signals()
    try:
        _signals = mine
        mine.take()
        yield
    finally:
        _signals = None
        mine.give_back()
        mine.deliver()


def at_once(step: Callable[[], T]) -> T:
    """What a step gives that signals may interrupt, those too that came before it."""
    if _signals is None or threading.current_thread() is not threading.main_thread():
        return step()
    return _signals.at_once(step)


def heed() -> None:
    """Lets a signal through that came before."""
    at_once(lambda: None)
