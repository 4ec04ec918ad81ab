"""A process that measures one config after the other: `python -m spacegen.tune.running.worker`.

It reads JSON lines from standard input, first the setup and then jobs, and answers each job with lines on
standard output: `{"phase": …}` for what it does, then `{"outcome": …}`, or `{"fault": …}` where this program
has one. The end of its input, or a signal, is the order to end: a job that runs is interrupted.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any, Final, TypeAlias

from spacegen.tune.jobs import Job, Phase, Runner
from spacegen.tune.setup import Setup

__all__ = ["Line", "main", "serve"]

Line: TypeAlias = dict[str, Any]
"""What a worker says: one of `phase`, `outcome` and `fault`."""

# How often a parent that went without closing the pipe is noticed (a fork of it may hold the other end).
_GLANCE: Final = 1.0
_ORDERS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    from spacegen.tune.running.runners import runner_for

    serve(runner_for)


def serve(make: Callable[[Setup], Runner]) -> None:
    """Measures the configs of standard input until it ends."""
    # Whatever a runner prints, and whatever reads from the terminal, stays off the two pipes.
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    try:
        # Some parents (a task of Ray) keep signals from their children, and these from theirs.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ORDERS)
        for number in _ORDERS:
            signal.signal(number, _interrupt_once)
        lines: SimpleQueue[bytes] = SimpleQueue()
        threading.Thread(target=_listen, args=(requests, os.getppid(), lines), daemon=True).start()
        setup = Setup.model_validate_json(lines.get())
        runner = make(setup)
        while True:
            _measure(runner, setup, Job.model_validate_json(lines.get()), _Answers(answers))
    except KeyboardInterrupt:
        return


def _interrupt_once(*_: object) -> None:
    """A runner that is ending its server must not be interrupted again."""
    for each in _ORDERS:
        # Not SIG_IGN, which what is started from now on would inherit.
        signal.signal(each, lambda *_: None)
    raise KeyboardInterrupt


def _listen(requests: int, parent: int, lines: SimpleQueue[bytes]) -> None:
    for line in _lines(requests, parent):
        lines.put(line)
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def _lines(requests: int, parent: int) -> Iterator[bytes]:
    """Lines until the other end is closed, or the parent is gone."""
    rest = b""
    while os.getppid() == parent:
        if not select.select([requests], [], [], _GLANCE)[0]:
            continue
        read = os.read(requests, 65536)
        if not read:
            return
        *whole, rest = (rest + read).split(b"\n")
        yield from whole


class _Answers:
    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def say(self, line: Line) -> None:
        """Raises KeyboardInterrupt where nobody listens any more."""
        text = f"{json.dumps(line)}\n".encode()
        try:
            with self._lock:
                while text:
                    text = text[os.write(self._pipe, text) :]
        except BrokenPipeError:
            raise KeyboardInterrupt from None


def _measure(runner: Runner, setup: Setup, job: Job, answers: _Answers) -> None:
    def report(_: Job, phase: Phase) -> None:
        answers.say({"phase": phase})

    try:
        (setup.folder / job.name).mkdir(parents=True, exist_ok=True)
        outcome = runner.run(job, report)
    except Exception:  # noqa: BLE001 - the parent raises it
        answers.say({"fault": traceback.format_exc()})
    else:
        answers.say({"outcome": outcome.model_dump(mode="json")})
    sys.stdout.flush()


if __name__ == "__main__":
    main()
