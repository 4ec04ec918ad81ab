"""What went wrong in a launch, from all that its log says of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Final

from spacegen.diagnose.launch import Kind, Line, Phase, Trouble
from spacegen.diagnose.reading.events import Detail, Fault, Traced
from spacegen.servers.logwords import INSTALLATION, Tracebacks

__all__ = ["Troubles"]

_LINES: Final = 3
_APART: Final = 100
"""So many lines further on it is another place of the log."""
_FOLLOWING: Final = (Kind.CRASH, Kind.KILLED, Kind.WATCHDOG)
"""What a failure of one part of a server means for the others."""
_LOST: Final = re.compile(
    r"[Cc]onnection (?:closed|reset|refused)|[Bb]roken pipe|EOFError|NCCL"
    r"|Gloo|TCPStore|died|is dead|there are other ranks"
)
_DURING: Final = re.compile(r", in (?:_?execute|forward|_forward)_(extend|decode|prefill)")


@dataclass(slots=True)
class _Seen:
    """A trouble while it is collected."""

    fault: Fault
    phase: Phase
    lines: list[Line]
    during: str | None
    fatal: bool
    count: int = 1
    numbers: dict[str, float] = field(default_factory=dict)

    def trouble(self, *, fatal: bool) -> Trouble:
        return Trouble(
            kind=self.fault.kind,
            phase=self.phase,
            lines=tuple(self.lines),
            count=self.count,
            during=self.during,
            fatal=fatal,
            numbers=dict(self.numbers),
            words=self.fault.words,
        )


class Troubles:
    """Collects what goes wrong, in memory that does not grow with the log."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Kind, Phase], _Seen] = {}
        self._last: _Seen | None = None
        self._tracebacks = Tracebacks()
        self._frame: str | None = None
        self._plain: _Seen | None = None

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
                self._add(event, line, phase, batch, fatal=event.fatal)

    def forget(self) -> None:
        """The server came up: what was said before did not keep it from that."""
        self.__init__()  # type: ignore[misc]

    def go_on(self) -> None:
        """The launch got on: an exception that no server calls its end was none."""
        self._plain = None

    @property
    def fatal(self) -> bool:
        """Whether the launch ended of one."""
        return any(seen.fatal for seen in self._seen.values())

    def found(self, *, ready: bool) -> tuple[Trouble, ...]:
        """What remains when that is left out which only follows from something else."""
        seen = list(self._seen.values())
        if not ready and self._plain is not None and not self.fatal:
            seen.append(self._plain)
        causes = [one for one in seen if one.fatal and one.fault.kind not in _FOLLOWING]
        left = [one for one in seen if one.fault.kind not in _FOLLOWING] if causes else _first_to_end(seen)
        if any(one.fault.kind is Kind.OUT_OF_MEMORY and one.phase is Phase.GRAPHS for one in left):
            left = [one for one in left if one.fault.kind is not Kind.CAPTURE]
        # A server that did not come up ended of what it said, also where no words tell that it ended.
        ended = not ready and not self.fatal
        return tuple(one.trouble(fatal=one.fatal or ended) for one in left)

    def _traced(self, event: Traced, line: Line, phase: Phase, batch: str | None, *, ready: bool) -> None:
        if found := _DURING.search(event.text):
            self._frame = "decode" if found[1] == "decode" else "prefill"
        before = self._tracebacks.fatal
        ended = self._tracebacks.take(event.text) if event.text.strip() else None
        if ended is None:
            if event.fault is not None:
                self.take(event.fault, line, phase, batch, ready=ready)
            return
        fatal = self._tracebacks.fatal is not None and self._tracebacks.fatal != before
        framed = self._frame if phase is Phase.ARGUMENTS else None
        batch, self._frame = self._frame or batch, None
        match event.fault:
            case Fault() as wrong:
                wrong = replace(wrong, during=wrong.during or framed)
                self._add(wrong, line, phase, batch, fatal=fatal or wrong.fatal or not ready)
            case _:
                self._unnamed(ended, line, phase, batch, fatal=fatal, ready=ready)

    def _unnamed(
        self, words: str, line: Line, phase: Phase, batch: str | None, *, fatal: bool, ready: bool
    ) -> None:
        """An exception of no known kind: of the arguments, a crash, or nothing to a server that is up."""
        refused = self._tracebacks.of_arguments and phase is Phase.ARGUMENTS and not INSTALLATION.match(words)
        if refused:
            self._add(Fault(Kind.ARGUMENTS, words), line, phase, batch, fatal=True)
        elif fatal:
            self._add(Fault(Kind.CRASH, words), line, phase, batch, fatal=True)
        elif not ready:
            self._plain = _Seen(Fault(Kind.CRASH, words), phase, [line], None, fatal=True)

    def _add(self, wrong: Fault, line: Line, phase: Phase, batch: str | None, *, fatal: bool) -> None:
        where = wrong.phase or phase
        seen = self._seen.get((wrong.kind, where))
        if seen is None:
            serving = where in (Phase.WARM_UP, Phase.SERVING)
            seen = _Seen(wrong, where, [line], wrong.during or (batch if serving else None), fatal)
            self._seen[wrong.kind, where] = seen
        else:
            seen.count += 1
            seen.fatal = seen.fatal or fatal
            last = seen.lines[-1]
            apart = line.file != last.file or line.number - last.number > _APART
            if apart and len(seen.lines) < _LINES:
                seen.lines.append(line)
        for name, number in wrong.numbers.items():
            seen.numbers.setdefault(name, number)
        self._last = seen


def _first_to_end(seen: list[_Seen]) -> list[_Seen]:
    """Of crashes and signals, which follow from each other, the first; but a killed process before those that
    only miss it."""
    ends = [one for one in seen if one.fault.kind in _FOLLOWING]
    if len(ends) < 2:
        return seen
    killed = [one for one in ends if one.fault.kind is not Kind.CRASH]
    missing = all(_LOST.search(one.fault.words) for one in ends if one.fault.kind is Kind.CRASH)
    first = killed[0] if killed and missing else ends[0]
    return [one for one in seen if one is first or one not in ends]
