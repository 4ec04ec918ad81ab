"""What lines say about things that go wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from spacegen.diagnose.launch import Phase, TroubleKind
from spacegen.servers.logwords import (
    ABORTED,
    CAPTURE_FAILED,
    COLLECTIVE,
    MEMORY,
    PEER_LOST,
    POOL,
    PORT,
    PROGRAM,
    REFUSED,
    SERVING_MEMORY,
    WATCHDOG,
    WIDTH,
    Sign,
    worded,
)

__all__ = ["AT_START", "TRACE", "TRACED", "Detail", "Fault", "Symptom", "fault"]

_EXCEPTION: Final = r"(?:\w++\.)*[A-Z](?=\w*[a-z])\w*+(?:: .*)?\s*$"
AT_START: Final = r"Process \S+:\s*$|\s+File \"|\s+assert\b|Available (?:full )?tokens: |" + _EXCEPTION
"""How lines of a traceback begin that have none of the words of a `Symptom`."""
TRACE: Final = Sign.of(
    r"Traceback \(most recent|During handling of the above|direct cause of the following",
    *("Traceback (most recent", "During handling of the above", "direct cause of the following"),
)
TRACED: Final = re.compile(rf"{TRACE.pattern.pattern}|^(?:{AT_START})", re.ASCII)
"""The lines of a traceback, except for quoted source code."""

_OTHERS: Final = r"(?!python|sglang|minisgl|spacegen|pt_|ray|MainThread|multiproc|uvicorn)"
"""Processes that belong to no server, by the name that the kernel logs."""


class Symptom(Enum):
    """All that a line may say of what goes wrong."""

    CAPTURE_FAILED = Sign.of(CAPTURE_FAILED, "graph failed", "draft extend failed")
    POOL = Sign.of(
        POOL,
        *("Not enough memory", "pool size is too small", "leave no GPU memory", "no room for the full"),
        "state cache is too small",
    )
    SERVING_MEMORY = Sign.of(SERVING_MEMORY, "out of memory")
    ABORTED = Sign.of(ABORTED, "Out of memory even", "due to OOM")
    MEMORY = Sign.of(
        MEMORY, "OutOfMemoryError", "out of memory", "cudaErrorMemoryAllocation", "CUBLAS_STATUS_ALLOC_FAILED"
    )
    TOKENS = Sign.of(
        r"[Tt]ry to allocate (\d{1,15}) tokens|^Available (?:full )?tokens: (\d{1,15})",
        *("to allocate", "Available tokens: ", "Available full tokens: "),
    )
    PORT = Sign.of(PORT, "already in use", "eaddrinuse", "[errno 98]", "is not available in")
    WATCHDOG = Sign.of(WATCHDOG, "watchdog timeout")
    COLLECTIVE = Sign.of(COLLECTIVE)
    UNHEALTHY = Sign.of(
        r"Health check failed\. Server couldn't get a response", "Health check failed. Server couldn't"
    )
    REFUSED = Sign.of(REFUSED, ": error: ")
    KILLED = Sign.of(
        rf"Killed process \d++(?! \({_OTHERS})|(?<!invoked )oom-?kill(?!.*\btask={_OTHERS})|OOMKilled",
        *("Killed process", "oomkill", "oom-kill"),
    )
    KILLED_IN_SHELL = Sign.of(r"^Killed$|: line \d+: +\d+ Killed\b|^\S+: +\d+ Killed\b", "Killed")
    QUIT = Sign.of(
        r"Received sigquit from a child proc|SIGQUIT received\. ", "Received sigquit", "SIGQUIT received. "
    )
    NATIVE = Sign.of(
        r"Process group watchdog thread terminated with exception|Memory access fault by GPU",
        *("Process group watchdog", "Memory access fault"),
    )
    NATIVE_SIGNAL = Sign.of(
        r"Fatal Python error: (?:(?P<s6>Aborted)|(?P<s7>Bus error)|(?P<s8>Floating)|(?P<s4>Illegal instr))"
        r"|(?P<s11>Segmentation fault)",
        *("Fatal Python error: ", "Segmentation fault"),
    )
    CODE = Sign.of(
        r"(?i:exit code:? |exited with code |terminated with )(-?\d{1,9})",
        *("exit code", "exited with code", "terminated with"),
    )

    def search(self, text: str) -> re.Match[str] | None:
        return self.value.search(text)


_MILLISECONDS: Final = re.compile(r"Timeout\(ms\)=(\d{1,12})")
_SHELL: Final = 128
"""What shells add to the number of a signal."""
_SIGNALS: Final = 64
"""On Linux. Whatever is above them is a code of the program's own, as 255 is of `sys.exit(-1)`."""
_HARMLESS: Final = (1, 2, 3, 15)
"""Signals that people send, or a server that ends what is left of it."""
_SIZE: Final = r"(\d{1,15}(?:\.\d{1,15})?) ?([KMGT]i?B|B)"
_TRIED: Final = re.compile(rf"[Tt]ried to allocate {_SIZE}")
_FREE: Final = re.compile(rf"of which {_SIZE} is free|{_SIZE} free;")
_CAPACITY: Final = re.compile(rf"total capacity of {_SIZE}|{_SIZE} total capacity")
_SHARE: Final = re.compile(r"mem[_-]fraction[_-]static=(\d(?:\.\d{1,15})?)")
_LEAST_SHARE: Final = re.compile(r"minimum viable = [^=]*= (\d(?:\.\d{1,15})?)")
_UNITS: Final = {"B": -3, "K": -2, "M": -1, "G": 0, "T": 1}
_PORTS: Final = tuple(
    map(
        re.compile,
        (
            r"\('[^']*', (\d{1,5})\)",
            r"[Pp]ort:? at (\d{1,5})|\bat (\d{1,5}) is not available",
            r"port[:= ]+(\d{1,5})",
            r"://[^\s'\"]*:(\d{1,5})",
            r"\b\d+\.\d+\.\d+\.\d+:(\d{1,5})",
        ),
    )
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that a line says went wrong."""

    kind: TroubleKind
    words: str
    numbers: dict[str, float] = field(default_factory=dict)
    during: str | None = None
    phase: Phase | None = None
    """The phase that the message names; None stands for the one that the launch is in."""
    fatal: bool = False
    """Whether the words say that a process ends."""
    follows: bool = False
    """Whether it may only follow from an earlier failure: a server then ends what is left of it."""


@dataclass(frozen=True, slots=True)
class Detail:
    """Numbers that belong to the fault on the lines before."""

    numbers: dict[str, float]


def fault(text: str) -> Fault | Detail | None:
    """The fault that a line without colour codes reports; None if it reports none."""
    said = worded(text)
    wrong = _memory(text, said) or _other(text, said)
    if wrong is None and (tokens := Symptom.TOKENS.search(text)):
        name = "tokens" if tokens[1] else "available_tokens"
        return Detail({name: float(tokens[1] or tokens[2])})
    return wrong


def _memory(text: str, said: str) -> Fault | None:
    during = _during(text)
    if found := Symptom.CAPTURE_FAILED.search(text):
        if PEER_LOST.search(found[1]):
            return Fault(TroubleKind.CRASH, said, phase=Phase.GRAPHS)
        short = MEMORY.search(found[1]) or "out of memory" in found[1].lower()
        kind = TroubleKind.OUT_OF_MEMORY if short else TroubleKind.CAPTURE
        return Fault(kind, said, _sizes(text), phase=Phase.GRAPHS)
    if Symptom.POOL.search(text):
        return Fault(TroubleKind.NO_POOL, said, _shares(text), phase=Phase.KV_POOL)
    if Symptom.SERVING_MEMORY.search(text):
        slots = "alloc_req_slots" in text
        # Slots are taken when requests begin.
        return Fault(
            TroubleKind.NO_SLOTS if slots else TroubleKind.NO_TOKENS, said, {}, "prefill" if slots else during
        )
    if Symptom.ABORTED.search(text):
        return Fault(TroubleKind.NOTHING_LEFT_TO_RETRACT, said, {}, "decode", Phase.SERVING)
    if Symptom.MEMORY.search(text):
        return Fault(TroubleKind.OUT_OF_MEMORY, said, _sizes(text), during)
    return None


def _other(text: str, said: str) -> Fault | None:
    if Symptom.PORT.search(text) and "trying port" not in text:
        return Fault(TroubleKind.PORT, said, _port(text), fatal="Errno 98" in text)
    if Symptom.WATCHDOG.search(text):
        return Fault(TroubleKind.WATCHDOG, said, fatal=True)
    if Symptom.COLLECTIVE.search(text):
        limit = _MILLISECONDS.search(text)
        return Fault(TroubleKind.WATCHDOG, said, {"seconds": int(limit[1]) / 1000} if limit else {})
    if Symptom.UNHEALTHY.search(text):
        return Fault(TroubleKind.UNHEALTHY, said)
    if Symptom.REFUSED.search(text) and PROGRAM.match(text):
        return Fault(TroubleKind.ARGUMENTS, said, phase=Phase.ARGUMENTS, fatal=True)
    return _ended(text, said)


def _ended(text: str, said: str) -> Fault | None:
    if Symptom.KILLED.search(text):
        return Fault(TroubleKind.KILLED, said, {"signal": 9.0}, fatal=True)
    if Symptom.KILLED_IN_SHELL.search(text):
        return Fault(TroubleKind.KILLED, said, {"signal": 9.0}, fatal=True, follows=True)
    if Symptom.QUIT.search(text):
        return Fault(TroubleKind.CRASH, said, fatal=True, follows=True)
    if found := Symptom.NATIVE.search(text):
        return Fault(TroubleKind.CRASH, text[found.start() :][:WIDTH], fatal=True)
    if found := Symptom.NATIVE_SIGNAL.search(text):
        return Fault(TroubleKind.KILLED, said, {"signal": float((found.lastgroup or "")[1:])}, fatal=True)
    return _code(text, said)


def _code(text: str, said: str) -> Fault | None:
    found = Symptom.CODE.search(text)
    code = int(found[1]) if found else 0
    signal = -code if code < 0 else code - _SHELL
    if signal <= 0 or signal in _HARMLESS:
        return None
    if signal > _SIGNALS:
        return Fault(TroubleKind.CRASH, said, fatal=True, follows=True)
    return Fault(TroubleKind.KILLED, said, {"signal": float(signal)}, fatal=True, follows=code == _SHELL + 9)


def _during(text: str) -> str | None:
    if "Prefill out of memory" in text:
        return "prefill"
    return "decode" if "Decode out of memory" in text else None


def _sizes(text: str) -> dict[str, float]:
    forms = {"tried_gib": _TRIED, "free_gib": _FREE, "capacity_gib": _CAPACITY}
    found = {name: form.search(text) for name, form in forms.items()}
    return {name: _gib(match) for name, match in found.items() if match is not None}


def _gib(match: re.Match[str]) -> float:
    number, unit = (part for part in match.groups() if part is not None)
    return float(number) * float(1024 ** _UNITS[unit[0]])


def _shares(text: str) -> dict[str, float]:
    forms = {"mem_fraction_static": _SHARE, "least_mem_fraction_static": _LEAST_SHARE}
    return {name: float(match[1]) for name, form in forms.items() if (match := form.search(text))}


def _port(text: str) -> dict[str, float]:
    for form in _PORTS:
        if match := form.search(text):
            return {"port": float(next(part for part in match.groups() if part is not None))}
    return {}
