"""What lines say about things that go wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from spacegen.diagnose.launch import Kind, Phase
from spacegen.servers.logwords import (
    ABORTED,
    CAPTURE_FAILED,
    MEMORY,
    PEER_LOST,
    PORT,
    PROGRAM,
    REFUSED,
    SERVING_MEMORY,
    WATCHDOG,
    WIDTH,
    worded,
)

__all__ = ["AT_START", "FAULTS", "FAULT_WORDS", "TRACED", "Detail", "Fault", "fault"]

FAULTS: Final = re.compile(
    rb"(?i:out of memory|OutOfMemory|Not enough memory|MemoryAllocation|ALLOC_FAILED|oom[-_ ]?kill"
    rb"|to allocate)|graph failed|due to OOM|(?i:address already in use|EADDRINUSE|Errno 98"
    rb"|port.{0,24} is already in use|is not available in|watchdog|exit(?:ed with)? ?code)|error: "
    rb"|Killed\b|Segmentation fault|leave no GPU memory|Health check failed|too small|no room for the full"
    rb"|(?i:sigquit)|Memory access fault"
)
"""Which lines may say so."""
_TRACE: Final = rb"Traceback \(most recent|During handling of the above|direct cause of the following"
FAULT_WORDS: Final = (
    *(b"out of memory", b"outofmemory", b"not enough memory", b"memoryallocation", b"alloc_failed"),
    *(b"oomkill", b"oom-kill", b"oom_kill", b"oom kill", b"to allocate", b"graph failed", b"due to OOM"),
    *(b"already in use", b"eaddrinuse", b"errno 98", b"is not available in", b"watchdog", b"exit code"),
    *(b"exitcode", b"exited with", b"error: ", b"Killed", b"Segmentation fault", b"leave no GPU memory"),
    *(b"Health check failed", b"sigquit", b"Memory access fault"),
    *(b"too small", b"no room for the full", b"Traceback (most", b"During handling", b"direct cause"),
)
"""Each line that matches `FAULTS`, or is part of a traceback, contains one of these."""
_EXCEPTION: Final = rb"(?:\w++\.)*+[A-Z](?=\w*[a-z])\w*+(?:: .*)?\s*$"
AT_START: Final = rb"Process \S+:\s*$|\s+File \"|\s+assert\b|Available (?:full )?tokens: |" + _EXCEPTION
"""How the other lines of a traceback begin."""
TRACED: Final = re.compile(_TRACE + rb"|^(?:" + AT_START + rb")")
"""The lines of a traceback, except for quoted source code."""

_POOL: Final = re.compile(
    r"Not enough memory\. Please try to increase|Not enough memory for KV cache|Memory pool size is too small"
    r"|leave no GPU memory for the KV cache|leaves no room for the full|state cache is too small"
)
_COLLECTIVE: Final = re.compile(r"Watchdog caught collective operation timeout")
_MILLISECONDS: Final = re.compile(r"Timeout\(ms\)=(\d{1,12})")
_UNHEALTHY: Final = re.compile(r"Health check failed\. Server couldn't get a response")
_SOFT: Final = re.compile(r"soft=True")
_CODE: Final = re.compile(r"(?:exit code:? |exited with code |terminated with )(-?\d{1,9})", re.IGNORECASE)
_OTHERS: Final = r"(?!python|sglang|minisgl|spacegen|pt_|ray|MainThread|multiproc|uvicorn)"
"""Processes that belong to no server, by the name that the kernel logs."""
_KILLED: Final = re.compile(
    rf"Killed process \d++(?! \({_OTHERS})|(?<!invoked )oom-?kill(?!.*\btask={_OTHERS})|OOMKilled"
)
_KILLED_IN_SHELL: Final = re.compile(r"^Killed$|: line \d+: +\d+ Killed\b|^\S+: +\d+ Killed\b")
_QUIT: Final = re.compile(r"Received sigquit from a child proc|SIGQUIT received\. ")
_NATIVE: Final = re.compile(
    r"Process group watchdog thread terminated with exception|Memory access fault by GPU"
)
_NATIVE_SIGNALS: Final = re.compile(
    r"Fatal Python error: (?:(?P<s6>Aborted)|(?P<s7>Bus error)|(?P<s8>Floating)|(?P<s4>Illegal instr))"
    r"|(?P<s11>Segmentation fault)"
)
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
_TOKENS: Final = re.compile(r"[Tt]ry to allocate (\d{1,15}) tokens|^Available (?:full )?tokens: (\d{1,15})")
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

    kind: Kind
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
    if wrong is None and (tokens := _TOKENS.search(text)):
        name = "tokens" if tokens[1] else "available_tokens"
        return Detail({name: float(tokens[1] or tokens[2])})
    return wrong


def _memory(text: str, said: str) -> Fault | None:
    during = _during(text)
    if found := CAPTURE_FAILED.search(text):
        if PEER_LOST.search(found[1]):
            return Fault(Kind.CRASH, said, phase=Phase.GRAPHS)
        short = MEMORY.search(found[1]) or "out of memory" in found[1].lower()
        kind = Kind.OUT_OF_MEMORY if short else Kind.CAPTURE
        return Fault(kind, said, _sizes(text), phase=Phase.GRAPHS)
    if _POOL.search(text):
        return Fault(Kind.NO_POOL, said, _shares(text), phase=Phase.KV_POOL)
    if SERVING_MEMORY.search(text):
        slots = "alloc_req_slots" in text
        # Slots are taken when requests begin.
        return Fault(Kind.NO_SLOTS if slots else Kind.NO_TOKENS, said, {}, "prefill" if slots else during)
    if ABORTED.search(text):
        return Fault(Kind.NOTHING_LEFT_TO_RETRACT, said, {}, "decode", Phase.SERVING)
    if MEMORY.search(text):
        return Fault(Kind.OUT_OF_MEMORY, said, _sizes(text), during)
    return None


def _other(text: str, said: str) -> Fault | None:
    if PORT.search(text) and "trying port" not in text:
        return Fault(Kind.PORT, said, _port(text), fatal="Errno 98" in text)
    if WATCHDOG.search(text) and not _SOFT.search(text):
        return Fault(Kind.WATCHDOG, said, fatal=True)
    if _COLLECTIVE.search(text):
        limit = _MILLISECONDS.search(text)
        return Fault(Kind.WATCHDOG, said, {"seconds": int(limit[1]) / 1000} if limit else {})
    if _UNHEALTHY.search(text):
        return Fault(Kind.UNHEALTHY, said)
    if REFUSED.match(text) and PROGRAM.match(text):
        return Fault(Kind.ARGUMENTS, said, phase=Phase.ARGUMENTS, fatal=True)
    return _ended(text, said)


def _ended(text: str, said: str) -> Fault | None:
    if _KILLED.search(text):
        return Fault(Kind.KILLED, said, {"signal": 9.0}, fatal=True)
    if _KILLED_IN_SHELL.search(text):
        return Fault(Kind.KILLED, said, {"signal": 9.0}, fatal=True, follows=True)
    if _QUIT.search(text):
        return Fault(Kind.CRASH, said, fatal=True, follows=True)
    if found := _NATIVE.search(text):
        return Fault(Kind.CRASH, text[found.start() :][:WIDTH], fatal=True)
    if found := _NATIVE_SIGNALS.search(text):
        return Fault(Kind.KILLED, said, {"signal": float((found.lastgroup or "")[1:])}, fatal=True)
    return _code(text, said)


def _code(text: str, said: str) -> Fault | None:
    found = _CODE.search(text)
    code = int(found[1]) if found else 0
    signal = -code if code < 0 else code - _SHELL
    if signal <= 0 or signal in _HARMLESS:
        return None
    if signal > _SIGNALS:
        return Fault(Kind.CRASH, said, fatal=True, follows=True)
    return Fault(Kind.KILLED, said, {"signal": float(signal)}, fatal=True, follows=code == _SHELL + 9)


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
