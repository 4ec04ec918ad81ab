"""What lines that tell of no batch say: how a launch gets on, its figures, and what goes wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from spacegen.diagnose.launch import Fact, Phase
from spacegen.diagnose.printable import COLOURS
from spacegen.diagnose.reading.arguments import ARGUMENTS, Given, arguments
from spacegen.diagnose.reading.faults import AT_START, TRACE, TRACED, Detail, Fault, Symptom, fault
from spacegen.servers.logwords import READY, SIMULATED, Sign
from spacegen.servers.milestones import Milestone, milestone

__all__ = [
    "SIGNS",
    "START",
    "WORDS",
    "Detail",
    "Event",
    "Fault",
    "Given",
    "Progress",
    "Ready",
    "Simulated",
    "Traced",
    "bare",
    "events",
]

_CHECKPOINT: Final = Sign.of(r"Detected \w+(?: FP8)? checkpoint", "Detected ")
_READY: Final = Sign.of(READY, "fired up and ready to roll", "Scheduler is ready")
_FRONTS: Final = (
    r"(?:[\w.-]+ *\| ?|\d{4}-\d\d-\d\d[ T][\d:]{8}[,.]\d{3,6} - [\w.-]+ - [A-Z]+ - "
    r"|\d{4}-\d\d-\d\dT[\d:.,]+(?:Z|[+-]\d\d:?\d\d)? +(?:std(?:out|err) [FP] )?"
    r"|[A-Z][a-z]{2} +\d{1,2}, \d{4} @ [\d:]{8}\.\d{3} {1,4}|\d\d-\d\d [\d:]{8}\.\d{3} ?"
    r"|[A-Z][a-z]{2} +\d{1,2} [\d:]{8} \S+ [\w.@-]+\[\d+\]: ?|\[rank\d+\]: ?|\(\w+ pid=[^)]*\) ?)"
)
_FRONT: Final = re.compile(r"^" + _FRONTS + r"{1,3}")
"""Of docker compose, Kubernetes, programs that log what a server says as their own, collectors of logs, the
journal, torch and Ray."""
START: Final = re.compile(
    COLOURS + rb"(?:" + _FRONTS.encode().replace(rb"[\w", rb"[\w\x80-\xff") + COLOURS + rb"){0,3}"
    rb"(?:" + AT_START.encode() + rb"|ServerArgs\(|SIMULATED)"
)
"""How a line may begin that says something without any of `WORDS`."""
SIGNS: Final = (
    *(one.value for one in (*Milestone, *Symptom)),
    *(_CHECKPOINT, _READY, TRACE, Sign.of(ARGUMENTS, "server_args=")),
)
"""What lines say here, but for those that `START` finds."""
WORDS: Final = tuple(dict.fromkeys(word.encode() for sign in SIGNS for word in sign.words))
"""A line that says something has one of them, in any case where they have no capitals, or begins as `START`
says."""

_BAR: Final = re.compile(r"(?:/s|s/it)\](?=\[\d{4}-\d\d-\d\d)")
"""The end of a progress bar that others wrote on behind."""
_NUMBER: Final = r"(-?\d{1,15}(?:\.\d{1,15})?)"
_AVAILABLE: Final = re.compile(rf"avail mem={_NUMBER} GB")
_USED: Final = re.compile(rf"mem usage={_NUMBER} GB")
_ELAPSED: Final = re.compile(rf"(?:elapsed=|Time elapsed: ){_NUMBER} s")
_SIZES: Final = re.compile(r"(?:\bbs=|graph bs |with sizes: )\[((?:\d{1,9}, )*\d{0,9})\]")
_TOKENS: Final = re.compile(r"#tokens: (\d{1,15})")
_PART: Final = re.compile(rf"size: {_NUMBER} ?GB")
_GIB: Final = re.compile(rf"[:=] *{_NUMBER} GiB")
_PAGES: Final = re.compile(r"Allocating (\d{1,15}) (tokens|pages) for KV cache")
_SET_UP: Final = {
    Fact.POOL_TOKENS: re.compile(r"(?<![\w.])max_total_num_tokens=(\d{1,15})"),
    Fact.CHUNK: re.compile(r"chunked_prefill_size=(-?\d{1,15})"),
    Fact.PREFILL_TOKENS: re.compile(r"max_prefill_tokens=(\d{1,15})"),
    Fact.MOST_RUNNING: re.compile(r"max_running_requests=(\d{1,15})"),
    Fact.CONTEXT: re.compile(r"context_len=(\d{1,15})"),
    Fact.LEFT: re.compile(rf"available_gpu_mem={_NUMBER} GB"),
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a launch is, and what it says of itself there."""

    phase: Phase
    facts: dict[Fact, float] = field(default_factory=dict)
    sizes: tuple[int, ...] | None = None
    """The batches that graphs are captured for."""
    server: str | None = None
    newer: bool | None = None
    """Whether the words are those of newer versions of sglang, or of older ones."""
    pages: int | None = None
    loading: bool = False
    """Whether weights begin to be loaded, as a launch does once for each model."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The server takes requests."""

    server: str


@dataclass(frozen=True, slots=True)
class Simulated:
    """What follows comes from a formula."""


@dataclass(frozen=True, slots=True)
class Traced:
    """A line of a traceback, or one that looks like that, and what is wrong by its words."""

    text: str
    fault: Fault | Detail | None = None


Event = Progress | Ready | Simulated | Given | Fault | Detail | Traced


def bare(text: str) -> str:
    """The line without what other programs or a progress bar put in front of it."""
    text = _FRONT.sub("", text, count=1)
    found = _BAR.search(text)
    return text if found is None else text[found.end() :]


def events(text: str) -> Iterator[Event]:
    """What a line says, without colours: of a launch's progress and of what goes wrong in it."""
    text = bare(text)
    yield from _beginning(text)
    if found := _progress(text):
        yield found
    wrong = fault(text)
    if TRACED.search(text):
        yield Traced(text, wrong)
    elif wrong is not None:
        yield wrong


def _beginning(text: str) -> Iterator[Event]:
    if given := arguments(text):
        yield given
    if found := _READY.search(text):
        yield Ready("minisgl" if found[0].startswith("Scheduler") else "sglang")
    if SIMULATED.match(text):
        yield Simulated()


def _progress(text: str) -> Progress | None:
    if reached := milestone(text):
        return _SAID[reached](text)
    if found := _CHECKPOINT.search(text):
        return Progress(Phase.WEIGHTS, {Fact.BITS: 4.0 if "4" in found[0] else 8.0})
    return None


def _number(form: re.Pattern[str], text: str) -> float | None:
    found = form.search(text)
    return None if found is None else float(found[1])


def _facts(text: str, forms: dict[Fact, re.Pattern[str]]) -> dict[Fact, float]:
    numbers = {fact: _number(form, text) for fact, form in forms.items()}
    return {fact: number for fact, number in numbers.items() if number is not None}


def _sizes(text: str) -> tuple[int, ...] | None:
    found = _SIZES.search(text)
    return None if found is None else tuple(map(int, found[1].replace(",", " ").split()))


def _loading(text: str) -> Progress:
    facts = _facts(text, {Fact.BEFORE_LOADING: _AVAILABLE})
    return Progress(Phase.WEIGHTS, facts, server="sglang", loading=True)


def _loaded(text: str) -> Progress:
    forms = {Fact.AFTER_LOADING: _AVAILABLE, Fact.WEIGHTS: _USED, Fact.LOADING_SECONDS: _ELAPSED}
    facts = _facts(text, forms)
    newer = Fact.LOADING_SECONDS in facts if facts else None
    return Progress(Phase.KV_POOL, facts, server="sglang", newer=newer)


def _allocated(text: str) -> Progress:
    parts = [float(part) for part in _PART.findall(text)]
    facts = {**_facts(text, {Fact.POOL_TOKENS: _TOKENS}), **({Fact.POOL: sum(parts)} if parts else {})}
    return Progress(Phase.KV_POOL, facts, server="sglang")


def _capturing(text: str) -> Progress:
    return Progress(Phase.GRAPHS, sizes=_sizes(text), server="sglang", newer="backend=" in text or None)


def _captured(text: str) -> Progress:
    forms = {Fact.GRAPHS: _USED, Fact.CAPTURE_SECONDS: _ELAPSED, Fact.AFTER_GRAPHS: _AVAILABLE}
    facts = _facts(text, forms)
    sizes = None if "draft" in text else _sizes(text)
    return Progress(Phase.WARM_UP, facts, sizes, "sglang", newer=", elapsed=" in text or ". elapsed=" in text)


def _set_up(text: str) -> Progress:
    return Progress(Phase.WARM_UP, _facts(text, _SET_UP), server="sglang")


def _mini(phase: Phase, fact: Fact | None) -> Callable[[str], Progress]:
    def make(text: str) -> Progress:
        facts = {} if fact is None else _facts(text, {fact: _GIB})
        return Progress(phase, facts, server="minisgl", loading=fact is Fact.BEFORE_LOADING)

    return make


def _mini_pool(text: str) -> Progress:
    found = _PAGES.search(text)
    facts = _facts(text, {Fact.POOL: _GIB})
    pages = int(found[1]) if found else None
    if found and found[2] == "tokens":
        return Progress(Phase.KV_POOL, {**facts, Fact.POOL_TOKENS: float(found[1])}, server="minisgl")
    return Progress(Phase.KV_POOL, facts, server="minisgl", pages=pages)


def _mini_capturing(text: str) -> Progress:
    return Progress(Phase.GRAPHS, sizes=_sizes(text) or (), server="minisgl")


_SAID: Final[Mapping[Milestone, Callable[[str], Progress]]] = {
    Milestone.LOADING: _loading,
    Milestone.LOADED: _loaded,
    Milestone.POOL: _allocated,
    Milestone.CAPTURING: _capturing,
    Milestone.CAPTURED: _captured,
    Milestone.SET_UP: _set_up,
    Milestone.MINI_LOADING: _mini(Phase.WEIGHTS, Fact.BEFORE_LOADING),
    Milestone.MINI_POOL: _mini_pool,
    Milestone.MINI_INITIALIZED: _mini(Phase.KV_POOL, Fact.LEFT),
    Milestone.MINI_CAPTURING: _mini_capturing,
    Milestone.MINI_CAPTURED: _mini(Phase.WARM_UP, Fact.LEFT),
    Milestone.MINI_WITHOUT_GRAPHS: _mini(Phase.WARM_UP, None),
}
