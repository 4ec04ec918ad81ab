"""Why launches fail, from how they ended and what their logs say."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from spacegen.servers.logwords import worded
from spacegen.tune.outcome import Cause, Failure
from spacegen.tune.running.serverlog import Evidence, ServerLog, Stage

__all__ = ["complained", "died", "late", "taken"]

_OUT_OF_MAIN_MEMORY: Final = "the machine may be out of main memory"


def died(log: ServerLog, status: int | None) -> Failure:
    """The failure of a server that ended by itself with a status (negative: a signal), whose log is read."""
    found = _evidence(log)
    if found is not None:
        return _failure(found.cause, found.line, log)
    # A process that a signal ended has no exception of its own, but those who miss it do.
    exception = log.fatal or (log.exception if log.killed is None else None)
    if exception is not None:
        return _failure(Cause.CRASH, f"{exception} (while {log.stage})", log)
    return _failure(Cause.CRASH, f"{_ending(log, status)} while {log.stage}{_last_words(log)}", log)


def late(log: ServerLog, what: str, seconds: float) -> Failure:
    """The failure of a server that still runs after the time for `what`; its log may say better why."""
    found = _evidence(log)
    if found is not None:
        return _failure(found.cause, found.line, log)
    return _failure(Cause.TIMEOUT, f"not {what} after {seconds:g} s: still {log.stage}", log)


def taken(log: ServerLog, url: str) -> Failure:
    """The failure of a launch whose port somebody else has taken while it came up."""
    return _failure(Cause.PORT, f"another server answers at {url} (while {log.stage})", log)


def complained(log: ServerLog, tail: Sequence[str] = ()) -> Failure | None:
    """The failure that the log of a server tells of while it still runs; None where it tells of none.

    `tail` is what to show beside it.
    """
    shown = (*log.tail, *tail)
    found = log.evidence or (None if log.fatal else log.complaint)
    if found is not None and found.cause is not Cause.PORT:
        return Failure(cause=found.cause, message=found.line, log_tail=shown)
    if log.fatal is not None:
        return Failure(cause=Cause.CRASH, message=f"{log.fatal} (while {log.stage})", log_tail=shown)
    return None


def _evidence(log: ServerLog) -> Evidence | None:
    if log.evidence is not None:
        return log.evidence
    # A request that was given up says little about a server that ended with an exception of its own.
    return None if log.exception is not None else log.complaint


def _failure(cause: Cause, message: str, log: ServerLog) -> Failure:
    return Failure(cause=cause, message=message, log_tail=log.tail)


def _ending(log: ServerLog, status: int | None) -> str:
    """How the server ended, where its log names no reason."""
    if log.killed is not None:
        return f"a process of the server was ended by {_signal(log.killed)}{_suspicion(log.killed)}"
    if status is None:
        return "the server ended"
    # Shells and containers report a signal as 128 and its number.
    number = -status if status < 0 else status - 128
    if 0 < number < signal.NSIG:
        return f"the server was ended by {_signal(number)}{_suspicion(number)}"
    return f"the server ended with status {status}"


def _last_words(log: ServerLog) -> str:
    """The last line of a server that never came to its model, such as that there is no such module. Later
    lines tell of other things."""
    said = log.tail if log.stage is Stage.STARTING and log.killed is None else ()
    return f": {worded(said[-1])}" if said else ""


def _suspicion(number: int) -> str:
    return f" ({_OUT_OF_MAIN_MEMORY})" if number == signal.SIGKILL else ""


def _signal(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"
