"""One launch as the lines tell of it that are no batches: how far it got, its figures, what went wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from spacegen.diagnose.collecting.troubles import Troubles
from spacegen.diagnose.launch import Fact, Figure, Line, Phase, Trouble, TroubleKind
from spacegen.diagnose.reading.events import (
    Detail,
    Event,
    Fault,
    Given,
    Progress,
    Ready,
    Simulated,
    Traced,
    bare,
)
from spacegen.diagnose.reading.stamps import STAMP, rank_of, seconds
from spacegen.diagnose.versions import NEWEST, OLDER
from spacegen.servers.logwords import CAPTURE_FAILED
from spacegen.tune.secret import masked, masked_text

__all__ = ["Startup"]

_ADDED: Final = (Fact.WEIGHTS, Fact.POOL, Fact.GRAPHS, Fact.CAPTURE_SECONDS, Fact.LOADING_SECONDS)
"""A rank says it once for each model, pool or set of graphs; the rank with the most stands for all."""
_LAST: Final = (Fact.LEFT, Fact.AFTER_GRAPHS, Fact.POOL_TOKENS)
"""What a rank says later is what counts; the rank with the least stands for all."""
_SHORT: Final = re.compile(
    r"(?:torch\.|cuda\.)*OutOfMemoryError\b|RuntimeError: .*(?i:out of memory|not enough memory)"
    r"|(?:Prefill |Decode )?[Oo]ut of memory\. Try to lower your|Out of memory even after retracting"
    r"|CUDA out of memory\b"
)
"""How a line begins that says that memory ran out: a launch is told by it where nothing else is left of its
log. Others have these words elsewhere in a line."""
_OWN: Final = re.compile(rf"^(?:\w+: )?{CAPTURE_FAILED.pattern}|Health check failed\. Server couldn't get")
"""What servers alone say of what goes wrong."""
_OF_BATCHES: Final = re.compile(
    r"illegal memory access|device-side assert|Memory access fault by GPU|memory leak detected"
    r"|(?:Prefill|Decode) out of memory"
)
_UNPLACED: Final = (
    TroubleKind.OUT_OF_MEMORY,
    TroubleKind.NO_TOKENS,
    TroubleKind.NO_SLOTS,
    TroubleKind.WATCHDOG,
    TroubleKind.UNHEALTHY,
)
"""What goes wrong while a server serves, where nothing says in which phase."""
_OF_A_NODE: Final = frozenset({"node_rank", "host", "port", "nccl_port", "random_seed", "base_gpu_id"})
"""Arguments in which the nodes of one launch may differ."""
_NOTICED: Final = 0.5
"""Ours: what a rank has to have less than others, in GB, for it to be worth telling."""
_MOST_RANKS: Final = 4096
_PHASES: Final = tuple(Phase)


class Startup:
    """Collects one launch; `fields` are those of a `Launch` that it knows."""

    def __init__(self) -> None:
        self.server: str | None = None
        self.version: str | None = None
        self.arguments: dict[str, Any] = {}
        self.as_logged: dict[str, Any] = {}
        self.arguments_line: Line | None = None
        self.phase = Phase.ARGUMENTS
        self.ready: Line | None = None
        self.simulated = False
        self._now = Phase.ARGUMENTS
        self._sizes: tuple[int, ...] = ()
        self._sizes_line: Line | None = None
        self._figures: dict[Fact, dict[str, Figure]] = {}
        self._since: dict[Phase, int] = {}
        self._troubles = Troubles()
        self._nodes: set[Any] = set()

    @property
    def begun(self) -> bool:
        """Whether there is a launch."""
        return (
            self.arguments_line is not None
            or self.ready is not None
            or self.phase is not Phase.ARGUMENTS
            or self._troubles.fatal
            or self._troubles.port
            or any(map(self._told, self._troubles.found(ready=False)))
        )

    @property
    def _torn(self) -> bool:
        """Whether there is no more than what went wrong with a launch."""
        return not (self.arguments_line or self.ready) and self.phase is Phase.ARGUMENTS

    def _told(self, trouble: Trouble) -> bool:
        """Whether it is a server's, by what is said of it alone."""
        stamped = trouble.kind is TroubleKind.OUT_OF_MEMORY and rank_of(trouble.lines[0].text)
        own = self._troubles.own and trouble.kind is TroubleKind.CRASH
        return bool(own or stamped or _SHORT.match(trouble.words) or _OWN.search(trouble.words))

    def over(self, event: Event) -> bool:
        """Whether what is said belongs to another launch, after this one."""
        up = self.phase is not Phase.ARGUMENTS or self.ready is not None
        match event:
            case Given() if self._of_another_node(event):
                return False
            case Given():
                return self.arguments_line is not None or up or self._troubles.fatal
            case Progress(loading=True):
                # Where launches say their arguments, each does.
                return self.arguments_line is None and (self.ready is not None or self._troubles.fatal)
            case Fault(kind=TroubleKind.ARGUMENTS):
                return up or self._troubles.fatal
            case Simulated():
                return self.begun
            case _:
                return False

    def take(self, event: Event, line: Line, batch: str | None = None) -> None:
        """Takes in what a line says; `batch` is `prefill` or `decode`, what the last batch before was."""
        match event:
            case Given():
                self._given(event, line)
            case Progress():
                self._progress(event, line)
            case Ready():
                self._came_up(event, line)
            case Simulated():
                self.simulated = True
            case Fault() | Detail() | Traced():
                self._troubles.take(_masked(event), line, self._now, batch, ready=self._up)

    def serving(self, batches: Mapping[int, int]) -> None:
        """So many lines of batches are logged of these data-parallel ranks: it is up, whatever else the log
        says, or leaves out."""
        self._troubles.serving(batches)
        if self.ready is None and self._now is Phase.ARGUMENTS:
            self._reach(Phase.SERVING)

    def fields(self, batch: Line | None = None) -> dict[str, Any]:
        """What is known of the launch by the names of `Launch`; `batch` is a line of decoding."""
        found = self._troubles.found(ready=self._up)
        if self._torn:
            found = tuple(map(_served, found))
        reached = [trouble.phase for trouble in found if self._torn]
        known = {fact: _standing(fact, said) for fact, said in self._figures.items()}
        if self._sizes and self._sizes_line is not None:
            known[Fact.LARGEST_GRAPH] = Figure(value=float(max(self._sizes)), line=self._sizes_line)
        if Fact.LEFT in known:
            known[Fact.LEFT] = self._least_left(known[Fact.LEFT])
        return {
            "server": self.server or (None if batch is None else "sglang"),
            "version": (version := self.version or _style(batch)),
            "version_guessed": version is not None,
            "arguments": self.arguments,
            "as_logged": self.as_logged,
            "arguments_line": self.arguments_line,
            "phase": max((self.phase, *reached), key=_PHASES.index),
            "ready": self.ready,
            "figures": known,
            "graph_sizes": self._sizes,
            "troubles": found,
            "simulated": self.simulated,
        }

    def _least_left(self, said: Figure) -> Figure:
        """One rank says what is left when all is ready; the others said it last after their graphs."""
        spoke = self._figures[Fact.LEFT]
        others = {
            rank: figure
            for rank, figure in self._figures.get(Fact.AFTER_GRAPHS, {}).items()
            if rank not in spoke and figure.value < said.value - _NOTICED
        }
        return _standing(Fact.LEFT, {**others, "": said})

    @property
    def _up(self) -> bool:
        return self.ready is not None or self.phase is Phase.SERVING

    def _of_another_node(self, given: Given) -> bool:
        """Whether these are the arguments that a node of this launch has which did not say them yet."""
        if given.values.get("node_rank") in (None, *self._nodes) or (given.values.get("nnodes") or 1) == 1:
            return False
        return bool(self.arguments) and all(
            masked(name, value) == self.arguments[name]
            for name, value in given.values.items()
            if name in self.arguments and name not in _OF_A_NODE
        )

    def _given(self, given: Given, line: Line) -> None:
        self._nodes.add(given.values.get("node_rank"))
        if self.arguments_line is not None:
            return
        self.arguments_line = line
        self.server, self.as_logged = given.server, given.as_logged
        self.arguments = {name: masked(name, value) for name, value in given.values.items()}
        if given.server == "sglang":
            self.version = NEWEST if given.as_mapping else OLDER

    def _came_up(self, ready: Ready, line: Line) -> None:
        self.server = self.server or ready.server
        if self.ready is None:
            self.ready = line
            # What was said before did not keep it from that.
            self._troubles = Troubles()
        self._reach(Phase.SERVING)

    def _reach(self, phase: Phase) -> None:
        self._now = phase
        self.phase = max(self.phase, phase, key=_PHASES.index)

    def _progress(self, said: Progress, line: Line) -> None:
        if Fact.BITS in said.facts and self._now is not Phase.WEIGHTS:
            # Other programs load checkpoints, too.
            return
        self._troubles.go_on()
        if self.ready is None:
            self._reach(said.phase)
        self.server = self.server or said.server
        if said.newer is not None and self.version is None:
            self.version = NEWEST if said.newer else OLDER
        if said.sizes is not None and (not self._sizes or said.sizes):
            self._sizes, self._sizes_line = tuple(sorted(said.sizes)), line
        facts = {**said.facts, **self._took(said, line)}
        if said.pages is not None:
            facts[Fact.POOL_TOKENS] = float(said.pages * int(self.arguments.get("page_size") or 1))
        if said.server == "minisgl" and said.phase is Phase.WARM_UP and Fact.LEFT in facts:
            facts.update(self._mini_graphs(facts[Fact.LEFT]))
        for fact, value in facts.items():
            self._figure(fact, rank_of(line.text), Figure(value=value, line=line))

    def _mini_graphs(self, left: float) -> dict[Fact, float]:
        """mini-SGLang says what is free before and after its graphs, not what they take."""
        before = self._figures.get(Fact.LEFT, {})
        return {Fact.GRAPHS: max(figure.value for figure in before.values()) - left} if before else {}

    def _took(self, said: Progress, line: Line) -> dict[Fact, float]:
        """How long the phase took that ends here, where only the times of the lines tell it."""
        stamp = STAMP.search(bare(line.text)[:64].encode(errors="replace"))
        now = -1 if stamp is None else seconds(stamp[0])
        if now < 0:
            return {}
        began = self._since.get(Phase.WEIGHTS if said.phase is Phase.KV_POOL else Phase.GRAPHS)
        self._since.setdefault(said.phase, now)
        if began is None or now < began:
            return {}
        if said.phase is Phase.KV_POOL and Fact.LOADING_SECONDS not in (*said.facts, *self._figures):
            return {Fact.LOADING_SECONDS: float(now - began)}
        if said.phase is Phase.WARM_UP and Fact.CAPTURE_SECONDS not in (*said.facts, *self._figures):
            return {Fact.CAPTURE_SECONDS: float(now - began)}
        return {}

    def _figure(self, fact: Fact, rank: str, figure: Figure) -> None:
        said = self._figures.setdefault(fact, {})
        if rank not in said:
            if len(said) < _MOST_RANKS:
                said[rank] = figure
        elif fact in _ADDED:
            said[rank] = Figure(value=said[rank].value + figure.value, line=said[rank].line)
        elif fact in _LAST:
            said[rank] = figure


def _masked(event: Fault | Detail | Traced) -> Fault | Detail | Traced:
    match event:
        case Fault():
            return replace(event, words=masked_text(event.words))
        case Traced():
            wrong = event.fault
            hidden = replace(wrong, words=masked_text(wrong.words)) if isinstance(wrong, Fault) else wrong
            return Traced(masked_text(event.text), hidden)
        case Detail():
            return event


def _served(trouble: Trouble) -> Trouble:
    # Most memory is taken then, and batches are looked after.
    unplaced = trouble.kind in _UNPLACED or _OF_BATCHES.search(trouble.words)
    unknown = trouble.phase is Phase.ARGUMENTS and unplaced
    return trouble.model_copy(update={"phase": Phase.SERVING}) if unknown else trouble


def _standing(fact: Fact, said: dict[str, Figure]) -> Figure:
    """That of the rank that stands for all: that with the least room."""
    choose = max if fact in _ADDED else min
    rank, figure = choose(said.items(), key=lambda of_rank: of_rank[1].value)
    return figure.model_copy(update={"rank": rank}) if len(said) > 1 and rank else figure


def _style(batch: Line | None) -> str | None:
    """Older versions end their lines of batches with a comma, and yet older ones name the kind in a sentence
    of its own."""
    if batch is None:
        return None
    return OLDER if batch.text.rstrip().endswith(",") or "batch. #" in batch.text else NEWEST
