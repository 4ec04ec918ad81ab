"""What went wrong in a launch, from all that its log says of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from spacegen.diagnose.collecting.seen import Seen
from spacegen.diagnose.launch import Line, Phase, Trouble, TroubleKind
from spacegen.diagnose.reading.events import Detail, Fault, Traced
from spacegen.diagnose.reading.stamps import replica_of
from spacegen.servers.logwords import INSTALLATION, PEER_LOST, WIDTH, Tracebacks

__all__ = ["Troubles"]

_LINES: Final = 3
_APART: Final = 100
"""So many lines further on it is another place of the log."""
_FOLLOWING: Final = (TroubleKind.CRASH, TroubleKind.KILLED, TroubleKind.WATCHDOG)
"""What a failure of one part of a server means for the others."""
_OF_OTHERS: Final = (TroubleKind.ARGUMENTS, TroubleKind.PORT, TroubleKind.WATCHDOG, TroubleKind.KILLED)
"""What ends a server always: one that goes on was not meant."""
_LOST: Final = re.compile(
    rf"{PEER_LOST.pattern}|[Cc]onnection refused|[Bb]roken pipe|EOFError"
    r"|NCCL.{0,80}(?:abort|remote|timeout)|Gloo|TCPStore|died|is dead|there are other ranks"
)
_DURING: Final = re.compile(
    r", in (?:(?:_?execute|forward|_forward)_|process_batch_result_)(extend|decode|prefill)"
)
_PLACES: Final = (
    (
        Phase.SERVING,
        re.compile(
            r", in (?:(?:run_|dispatch_)?event_loop\w*|forward_thread_func|get_next_batch_to_run|run_batch"
            r"|process_batch_result\w*|forward_batch_\w+)$"
        ),
    ),
    (
        Phase.WEIGHTS,
        re.compile(r'model_runner\.py", line \d+, in load_model$|, in dist_barrier_after_load$'),
    ),
    (Phase.KV_POOL, re.compile(r'_pool\.py", line \d+, in _create_buffers|, in (?:init|alloc)_memory_pool$')),
    (Phase.GRAPHS, re.compile(r", in init_(?:device_|cuda_|decode_cuda_|prefill_cuda_)graphs?$")),
)
"""Where a server is, by the functions of sglang that fail there: a rank may be behind the others."""
_FRAME: Final = re.compile(r'File ".*[/\\](?:sglang[/\\]srt|minisgl)[/\\]')
_ALONE: Final = re.compile(r"(?:\w+\.)*\w*(?:Error|Exception)(?:: |$)")
"""The end of a traceback, where nothing else is left of it."""


class Troubles:
    """Collects what goes wrong, in memory that does not grow with the log."""

    def __init__(self) -> None:
        self._seen: dict[tuple[TroubleKind, Phase], Seen] = {}
        self._last: Seen | None = None
        self._tracebacks = Tracebacks()
        self._frame: str | None = None
        self._place: Phase | None = None
        self._plain: Seen | None = None
        self._served: frozenset[int] = frozenset()
        self._dying: int | None = None
        self._quit: Seen | None = None
        self._exception: Seen | None = None
        self.own = False
        """Whether a traceback goes through the code of a server."""

    def take(
        self, event: Fault | Detail | Traced, line: Line, phase: Phase, batch: str | None, *, ready: bool
    ) -> None:
        """Takes in what a line says, in this phase of the launch and after a batch of this kind."""
        match event:
            case Traced():
                self._traced(event, line, phase, batch, ready=ready)
            case Detail():
                if self._last is not None:
                    self._last.numbers.update(event.numbers)
            case Fault():
                if not (event.follows and self._follows(event, line, phase)):
                    self._add(event, line, phase, batch, fatal=event.fatal)

    def serving(self, batches: Mapping[int, int]) -> None:
        """So many lines of batches of these data-parallel ranks: they go on."""
        self._served |= batches.keys()
        for seen in (*self._seen.values(), self._quit, self._exception):
            if seen is not None:
                seen.after.update(batches)
        if self._seen and not self.fatal:
            # The next is not one that follows from what was outlived.
            self._tracebacks.fatal = None

    def go_on(self) -> None:
        """The launch got on: an exception that no server calls its end was none."""
        self._plain = self._exception = None

    @property
    def fatal(self) -> bool:
        """Whether the launch ended of one."""
        return self._quits or any(seen.ends for seen in self._seen.values())

    @property
    def _quits(self) -> bool:
        """Whether it was said that the server ends, and no batches go on."""
        return self._quit is not None and not self._quit.went_on

    @property
    def port(self) -> bool:
        """Whether a port was in use, which keeps a server from starting."""
        return any(kind is TroubleKind.PORT for kind, _ in self._seen)

    def found(self, *, ready: bool) -> tuple[Trouble, ...]:
        """What remains when that is left out which only follows from something else."""
        seen = [one for one in self._seen.values() if not (one.went_on and one.fault.kind in _OF_OTHERS)]
        if (cause := self._cause()) is not None:
            seen = [*(one for one in seen if one is not cause), replace(cause, fatal=True)]
        if len(seen) > 1:
            # That a server does not answer follows from all else.
            seen = [one for one in seen if one.fault.kind is not TroubleKind.UNHEALTHY]
        if not ready and self._plain is not None and not self.fatal:
            seen.append(self._plain)
        causes = [one for one in seen if one.ends and one.fault.kind not in _FOLLOWING]
        left = [one for one in seen if one.fault.kind not in _FOLLOWING] if causes else _first_to_end(seen)
        if any(one.fault.kind is TroubleKind.OUT_OF_MEMORY and one.phase is Phase.GRAPHS for one in left):
            left = [one for one in left if one.fault.kind is not TroubleKind.CAPTURE]
        # A server that did not come up ended of what it said, also where no words tell that it ended.
        ended = not ready and not self.fatal
        return tuple(one.trouble(fatal=one.ends or ended) for one in left)

    def _traced(self, event: Traced, line: Line, phase: Phase, batch: str | None, *, ready: bool) -> None:
        self._framed(event.text, line)
        before = self._tracebacks.fatal
        ended = self._tracebacks.take(event.text) if event.text.strip() else None
        if ended is None:
            if event.fault is not None:
                self.take(event.fault, line, phase, batch, ready=ready)
            elif _ALONE.match(event.text):
                self._raised(event.text[:WIDTH], line, phase)
            return
        fatal = self._tracebacks.fatal is not None and self._tracebacks.fatal != before
        framed = self._frame if phase is Phase.ARGUMENTS else None
        batch, self._frame = self._frame or batch, None
        place, self._place = None if ready else self._place, None
        if place is Phase.SERVING and phase is not Phase.ARGUMENTS:
            place = None
        match event.fault:
            case Fault() as wrong:
                during, where = wrong.during or framed, wrong.phase or place
                wrong = replace(wrong, during=during, phase=where)
                self._add(wrong, line, phase, batch, fatal=fatal or wrong.fatal or not ready)
            case _:
                self._unnamed(ended, line, phase, place, batch, fatal=fatal, ready=ready)
        self._dying = None

    def _framed(self, text: str, line: Line) -> None:
        """Takes in a line of a traceback that says where something was done."""
        if "Traceback (most" in text:
            self._dying, self._place = replica_of(line.text), None
        self.own = self.own or _FRAME.search(text) is not None
        if found := _DURING.search(text):
            self._frame = "decode" if found[1] == "decode" else "prefill"
        for place, form in _PLACES:
            if form.search(text.rstrip()):
                self._place = place

    def _unnamed(
        self,
        words: str,
        line: Line,
        phase: Phase,
        place: Phase | None,
        batch: str | None,
        *,
        fatal: bool,
        ready: bool,
    ) -> None:
        """An exception of no known kind: of the arguments, a crash, or nothing to a server that is up."""
        refused = self._tracebacks.of_arguments and phase is Phase.ARGUMENTS and not INSTALLATION.match(words)
        if refused:
            self._add(Fault(TroubleKind.ARGUMENTS, words), line, phase, batch, fatal=True)
        elif fatal:
            self._add(Fault(TroubleKind.CRASH, words, phase=place), line, phase, batch, fatal=True)
        else:
            raised = self._raised(words, line, place or phase)
            self._plain = self._plain if ready else raised

    def _raised(self, words: str, line: Line, phase: Phase) -> Seen:
        """An exception of which nobody says that it ended the server; what ends may say so later."""
        raised = Seen(Fault(TroubleKind.CRASH, words), phase, [line], None, fatal=True, before=self._served)
        if self._exception is None or not (self._quit or _LOST.search(words)):
            self._exception = raised
        return raised

    def _follows(self, wrong: Fault, line: Line, phase: Phase) -> bool:
        """Whether the end of a process follows from what was said, or from what is not said here.

        sglang ends what is left of it with a signal that shells and Docker tell as they do those of the
        kernel, which ends processes for want of memory; then nothing was said before.
        """
        raised = self._exception
        if wrong.kind is TroubleKind.CRASH:
            if not self._quits:
                self._quit = Seen(wrong, phase, [line], None, fatal=True, before=self._served)
        elif self._quit is None and raised is not None and not _LOST.search(raised.fault.words):
            last = raised.lines[-1]
            near = last.file == line.file and line.number - last.number <= _APART
            self._quit = raised if near and not raised.went_on else None
        return self._quits

    def _cause(self) -> Seen | None:
        """What a server ended of that only says that it ended: what was raised last, or else went wrong."""
        if not self._quits or any(seen.ends for seen in self._seen.values()):
            return None
        before = (self._exception, self._last, self._quit)
        return next((one for one in before if one is not None and not one.went_on), None)

    def _add(self, wrong: Fault, line: Line, phase: Phase, batch: str | None, *, fatal: bool) -> None:
        where = wrong.phase or phase
        seen = self._seen.get((wrong.kind, where))
        if seen is None or (seen.went_on and fatal):
            serving = where in (Phase.WARM_UP, Phase.SERVING)
            during = wrong.during or (batch if serving else None)
            fresh = Seen(wrong, where, [line], during, fatal, self._may_end(line))
            if seen is not None:
                # What was outlived before is not what a launch ends of.
                fresh.lines, fresh.count = [line, *seen.lines][:_LINES], seen.count + 1
            seen = self._seen[wrong.kind, where] = fresh
        else:
            seen.count += 1
            seen.fatal = seen.fatal or fatal
            seen.after.clear()
            last = seen.lines[-1]
            apart = line.file != last.file or line.number - last.number > _APART
            if apart and len(seen.lines) < _LINES:
                seen.lines.append(line)
        for name, number in wrong.numbers.items():
            seen.numbers.setdefault(name, number)
        self._last = seen

    def _may_end(self, line: Line) -> frozenset[int]:
        """The ranks that stop where what a line says is true."""
        rank = replica_of(line.text)
        rank = self._dying if rank is None else rank
        return self._served if rank is None else frozenset((rank,))


def _first_to_end(seen: list[Seen]) -> list[Seen]:
    """Of crashes and signals, which follow from each other, the first; but a killed process before those that
    only miss it."""
    ends = [one for one in seen if one.fault.kind in _FOLLOWING]
    if len(ends) < 2:
        return seen
    last = [one for one in ends if not one.went_on] or ends
    killed = [one for one in last if one.fault.kind is not TroubleKind.CRASH]
    missing = all(_LOST.search(one.fault.words) for one in last if one.fault.kind is TroubleKind.CRASH)
    first = killed[0] if killed and missing else last[0]
    return [one for one in seen if one is first or one not in ends]
