"""Launches that ended for other reasons than GPU memory: exceptions, signals, the watchdog."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from typing import Final

from spacegen.diagnose.advice.lighter import hosted, known
from spacegen.diagnose.advice.rule import Aim, once
from spacegen.diagnose.advice.said import Key, argument, number, numbers_of, said, troubled, whole, words
from spacegen.diagnose.advice.ways import FINEST, rather
from spacegen.diagnose.finding import Action, Finding, Move, Severity
from spacegen.diagnose.launch import Launch, Phase, Trouble, TroubleKind, sensible
from spacegen.servers.logwords import PEER_LOST

__all__ = ["endings"]

# Kinds that follow from others, which tell more.
_FOLLOWING: Final = (TroubleKind.WATCHDOG, TroubleKind.UNHEALTHY, TroubleKind.KILLED, TroubleKind.CRASH)
_CAUSES: Final = tuple(kind for kind in TroubleKind if kind not in _FOLLOWING)
_KILL: Final = 9
_BUS: Final = 7
_FAULTS: Final = (4, 6, _BUS, 8, 11)
_IN_NATIVE_CODE: Final = (
    "a fault in native code: try another attention backend, or another version of the server"
)
_SENT: Final = "find out who sends that signal: a job scheduler at its time limit, for example"
_SHARED_MEMORY: Final = "give the container more shared memory, as with `--shm-size 32g`"
_UNEXPLAINED: Final = (
    "the log shows no cause that a launch argument could fix: read the lines before the exception"
)
_UNSAID: Final = "the log does not say why: look for what the failed process wrote to stderr"
_HOST_MEMORY: Final = re.compile(
    r"not enough host memory|cannot allocate memory|std::bad_alloc|\bMemoryError", re.IGNORECASE
)
_REQUESTED: Final = re.compile(r"Requesting ([\d.]+) GB but only have ([\d.]+) GB free")
_COLLECTIVE: Final = re.compile(r"collective operation timeout")
_RAISED: Final = re.compile(r"(?:\w+\.)*[A-Z]\w*(?:: |$)")
"""How an exception begins; other messages of an end only say that the server ended."""
_NAMED: Final = re.compile(r"\bSGLANG_[A-Z0-9_]{4,60}\b")
_REASONS: Final = {
    PEER_LOST.pattern: "another rank or node is gone: the cause is in its log, or above in this one",
    r"batch_prefill_tmp|AlignedAllocator": (
        "flashinfer's workspace is too small: raise `SGLANG_FLASHINFER_WORKSPACE_SIZE` (bytes)"
    ),
    r"nccl|DistBackendError": "run it again with `NCCL_DEBUG=INFO`, which says what failed between the GPUs",
    r"illegal memory access|device-side assert|unspecified launch failure": (
        "a kernel failed: try another attention backend, and `CUDA_LAUNCH_BLOCKING=1` to see which one it is"
    ),
    r"Memory access fault by GPU": (
        "a kernel failed: try another attention backend, and `AMD_SERIALIZE_KERNEL=3` to see which one it is"
    ),
    r"memory leak detected": (
        "the server's own bookkeeping of the KV cache is wrong, and no launch argument fixes that: try "
        "another version, or only be warned with `SGLANG_ENABLE_STRICT_MEM_CHECK_DURING_IDLE=0`"
    ),
    r"CalledProcessError: .*\b(?:gcc|g\+\+|cc|nvcc|ninja|hipcc)\b|Ninja build failed": (
        "a kernel could not be compiled: the compiler, or headers of Python or CUDA, may be missing here"
    ),
    r"monitoredBarrier|didn't finish loading": (
        "not every rank loaded its weights in time: find the one that failed before, or that reads from "
        "slower storage"
    ),
    r"no SGLang implementation|are not supported for now": (
        "this version of the server does not support the model: try a newer one"
    ),
    r"no kernel image|not supported on this (?:GPU|device)|compute capability": (
        "a kernel does not support this GPU: choose a backend that does"
    ),
    r"(?:im|un)balanced": "one GPU has less free memory than the others: `nvidia-smi` shows what uses it",
    r"No space left on device|\bshm": _SHARED_MEMORY,
    r"ModuleNotFoundError|ImportError|cannot open shared object": (
        "a dependency is missing or does not fit: no launch argument fixes that"
    ),
    r"RepositoryNotFound|GatedRepo|401 Client Error|not a valid model identifier": (
        "the model was not found: check its name and your access to it, or give a local folder"
    ),
}


def endings(launch: Launch, _goal: Aim) -> Iterable[Finding]:
    """How a launch ended, unless the log gives a better reason."""
    ends = () if troubled(launch, *_CAUSES) else launch.troubles
    return once(finding for trouble in ends for finding in _of(launch, trouble))


def _of(launch: Launch, trouble: Trouble) -> Iterator[Finding]:
    match trouble.kind:
        case TroubleKind.WATCHDOG if _COLLECTIVE.search(words(trouble)):
            yield _apart(trouble)
        case TroubleKind.WATCHDOG:
            yield _stuck(launch, trouble)
        case TroubleKind.UNHEALTHY:
            yield _silent(trouble)
        case TroubleKind.KILLED:
            yield _killed(launch, trouble)
        case TroubleKind.CRASH:
            yield _crashed(launch, trouble)
        case _:
            return


def _stuck(launch: Launch, trouble: Trouble) -> Finding:
    limit, chunk = sensible(argument(launch, "watchdog_timeout")), number(launch, Key.CHUNK)
    after = "" if limit is None else f" of {limit:g} s"
    whole = chunk is not None and chunk <= 0
    return _finding(
        trouble,
        "watchdog",
        f"a batch took longer than the watchdog's timeout{after}",
        (
            *(("set a `chunked_prefill_size`: without chunks a long prompt is one batch",) if whole else ()),
            "dump the scheduler's stack to see what it waits for: ranks waiting for each other suggest NCCL",
            "raise `watchdog_timeout` if a batch may really take that long",
        ),
        command="py-spy dump --pid PID",
    )


def _apart(trouble: Trouble) -> Finding:
    """PyTorch's watchdog, which watches collective operations."""
    limit = said(trouble, "seconds")
    after = "" if limit is None else f" of {limit:g} s"
    return _finding(
        trouble,
        "watchdog",
        f"ranks waited for each other longer than NCCL's timeout{after}",
        (
            "find the rank that did not arrive (its own log lines, or its stack): it failed or is slow",
            "check the network between the GPUs with `NCCL_DEBUG=INFO`",
            "raise `dist_timeout` (seconds) if a rank may really take that long",
        ),
        command="py-spy dump --pid PID",
    )


def _silent(trouble: Trouble) -> Finding:
    times = "" if trouble.count == 1 else f" {trouble.count} times"
    return _finding(
        trouble,
        "health-check-failed",
        f"a health check failed{times}: the server did not answer in time",
        (
            "dump the stacks of detokenizer and scheduler while it hangs",
            "if the server is only busy, give it more time: `SGLANG_HEALTH_CHECK_TIMEOUT` (default: 20 s)",
        ),
        severity=Severity.WARNING,
        command="py-spy dump --pid PID",
    )


def _killed(launch: Launch, trouble: Trouble) -> Finding:
    told_of = said(trouble, "signal")
    signal = _KILL if told_of is None else abs(int(told_of))
    if signal == _KILL:
        return _host_memory(
            launch, trouble, "a process was killed with SIGKILL, as the kernel does when main memory runs out"
        )
    advice = _SHARED_MEMORY if signal == _BUS else _IN_NATIVE_CODE if signal in _FAULTS else _SENT
    return _finding(trouble, "crashed", f"signal {signal} ended a process of the server", (advice,))


def _host_memory(launch: Launch, trouble: Trouble, summary: str) -> Finding:
    """Main memory ran out: while weights were loaded, or for a hierarchical cache.

    A signal alone says neither who killed the process nor whose memory was short, so it proves nothing about
    arguments.
    """
    no_cache = rather(launch, "enable_hierarchical_cache", (False,), (True,))
    ways = known(*_smaller_host_pool(launch, words(trouble)), no_cache) if no_cache else ()
    moves = () if trouble.kind is TroubleKind.KILLED else ways
    loading = trouble.phase is Phase.WEIGHTS and not ways
    return _finding(
        trouble,
        "host-memory",
        summary,
        (
            *ways,
            *(
                ("each rank holds part of the weights in main memory while it loads: fewer ranks need less",)
                * loading
            ),
            "give the container or the job more main memory",
        ),
        moves=moves,
        unless=hosted(launch) if moves else (),
        command="dmesg -T | grep -i -E 'killed process|oom'",
    )


def _smaller_host_pool(launch: Launch, text: str) -> Iterator[Move]:
    """A host pool that fits into free memory, if the message says how much that was."""
    size, ratio = whole(launch, "hicache_size"), sensible(argument(launch, "hicache_ratio"))
    found = _REQUESTED.search(text)
    fits = float(found[2]) / float(found[1]) if found and float(found[1]) > float(found[2]) else None
    because = "" if found is None else f"{found[2]} GB were free, {found[1]} GB wanted"
    if size is not None and size > 0:
        most, half = (size - 1, size // 2) if fits is None else (int(size * fits), int(size * fits))
        if most >= 1:
            yield Move(
                parameter="hicache_size",
                at_least=1,
                at_most=most,
                was=size,
                to=max(half, 1),
                because=because,
            )
    elif ratio is not None and ratio > 1:
        enough, to = (ratio, 1 + (ratio - 1) / 2) if fits is None else (ratio * fits, ratio * fits)
        at_most = round(min(math.ceil(round(enough / FINEST, 6)) * FINEST, ratio - FINEST), 3)
        yield Move(
            parameter="hicache_ratio",
            at_most=at_most,
            was=ratio,
            to=min(round(to, 2), at_most),
            because=because,
        )


def _crashed(launch: Launch, trouble: Trouble) -> Finding:
    text = words(trouble)
    if _HOST_MEMORY.search(text):
        return _host_memory(launch, trouble, f"main memory ran out: {text}")
    reasons = tuple(advice for form, advice in _REASONS.items() if re.search(form, text, flags=re.IGNORECASE))
    # A server that goes on has lost requests, not the launch.
    went_on = trouble.went_on or (launch.ready is not None and not trouble.fatal)
    variables = dict.fromkeys(_NAMED.findall(text))
    raised = _RAISED.match(text) is not None
    ended = "an exception ended the server" if raised else "the server ended"
    return _finding(
        trouble,
        "crashed",
        f"{'an exception was logged' if went_on else ended}: {text}",
        (*(f"set `{name}` in the environment, as the message suggests" for name in variables), *reasons)
        or (_UNEXPLAINED if raised else _UNSAID,),
        severity=Severity.WARNING if went_on else Severity.ERROR,
    )


def _finding(
    trouble: Trouble,
    name: str,
    summary: str,
    actions: tuple[Action, ...],
    *,
    severity: Severity = Severity.ERROR,
    command: str | None = None,
    moves: tuple[Move, ...] = (),
    unless: tuple[Move, ...] = (),
) -> Finding:
    return Finding(
        id=name,
        phase=trouble.phase,
        severity=severity,
        summary=summary,
        evidence=trouble.lines,
        numbers=numbers_of(trouble),
        actions=actions,
        command=command,
        moves=moves,
        unless=unless,
    )
