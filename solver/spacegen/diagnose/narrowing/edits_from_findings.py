"""From findings to edits of a space: moves become values that its parameters keep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from spacegen.api import Space
from spacegen.diagnose.advice.said import chosen_by_server, gpu_gib
from spacegen.diagnose.finding import Finding, Move, Severity
from spacegen.diagnose.launch import Launch
from spacegen.diagnose.narrowing.commands import commanded, leaves_out
from spacegen.diagnose.narrowing.edit import Basis, Edit, Kept, union
from spacegen.diagnose.narrowing.launched import (
    launched,
    named,
    of_another_server,
    schema_of,
    spellings,
)
from spacegen.diagnose.narrowing.likeness import of_other_models, unlike
from spacegen.diagnose.narrowing.moves import as_far_as, fits, in_words, is_bound, nearest, paid
from spacegen.diagnose.narrowing.switches import translated
from spacegen.diagnose.versions import ADVICE
from spacegen.language.expr import Scalar
from spacegen.language.model import Domain, NoDefault, is_number
from spacegen.language.retarget import target_default
from spacegen.questions.verdict import shown
from spacegen.servers import renames
from spacegen.tune.values import Value

__all__ = ["Dropped", "Ground", "because"]

_UNLIMITED: Final = frozenset(
    {"max_total_tokens", "num_page_override", "context_length", "max_seq_len_override"}
)
"""Arguments that limit nothing where they are not given."""
_CHOSEN: Final = "auto"
"""What some arguments have in place of null."""
_OF_CHECKPOINT: Final = frozenset({"quantization", "kv_cache_dtype"})
"""Arguments that come from the checkpoint if they are not given: any other value was most likely given."""
_SLOTS: Final = "max_running_requests"
"""In logs only if it was given, or if the server has set it for speculative decoding."""
_SHARE: Final = "mem_fraction_static"
_LONGEST: Final = 300


class Dropped(Value):
    """A finding that changes nothing in a space, and why."""

    finding: str
    launch: int | None = None
    reason: str
    edit: Edit | None = None
    """The edit that it would have been, if any."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A space and a launch, whose findings become edits. `ran` is the launch's config as far as it is known;
    `said` has the values of the log that the server may have chosen."""

    space: Space
    launch: Launch
    ran: Mapping[str, Any]
    parameters: Mapping[str, str]
    said: Mapping[str, Any] = field(default_factory=dict)
    left_out: bool = False
    """Whether it is known that the static share was left to the server."""
    known: bool = False
    """Whether it is known what was asked for, not only what the server made of it."""

    @classmethod
    def of(cls, space: Space, launch: Launch, asked: Mapping[str, Any] | None = None) -> Ground:
        """A launch that was given the arguments `asked`; if those are not known, those of the command beside
        its log."""
        found = spellings(space, launch.version)
        given = commanded(space, launch) if asked is None else None
        said = named(space, launch) if asked is None and not given else {}
        left_out = leaves_out(launch, "--mem-fraction-static") if asked is None else _SHARE not in asked
        ran = given or launched(space, launch, asked)
        return cls(space, launch, ran, found, said, left_out, asked is not None or bool(given))

    def edit(self, finding: Finding) -> Edit | Dropped:
        """The finding as an edit of the space, or why it changes nothing."""
        if not finding.moves:
            return self._dropped(finding, "it proposes no value")
        if of_another_server(self.space, self.launch):
            about = f"the log is of {self.launch.server}, the space is for {self.space.base.target}"
            return self._dropped(finding, about)
        if (reason := unlike(self.space, self.launch)) is not None:
            return self._dropped(finding, reason)
        if finding.severity is Severity.ERROR and (reason := self._at_its_own(finding)) is not None:
            return self._dropped(finding, reason)
        moves, unless = map(self._translated, (finding.moves, finding.unless))
        if finding.severity is not Severity.ERROR:
            moves = tuple(map(self._reachable, moves))
        members = (*moves, *unless)
        if held := next((m for m in members if self._held(m)), None):
            return self._dropped(finding, f"the space already satisfies it: `{held.parameter}`")
        domains = self.space.domains
        found = [way for move in members if (way := self._way(move)) is not None]
        if finding.severity is not Severity.ERROR:
            # What the server would choose lies in no direction.
            found = [way for way in found if way.values != (None,) or not self._is_directed(way, moves)]
        ways = tuple(way for way in union(found, domains) if way.values)
        if not ways:
            return self._dropped(finding, self._no_way(finding.moves, moves))
        others = of_other_models(self.space, self.launch)
        made = Edit(
            finding=finding.id,
            basis=Basis.FAILURE if finding.severity is Severity.ERROR else Basis.ADVICE,
            ways=ways if others is None else union((*ways, others), domains),
            because=because(finding, simulated=self.launch.simulated),
            tries=tuple(self._tries(finding, moves, ways)),
            launch=finding.launch,
            own=None if others is None or finding.severity is Severity.ERROR else len(ways),
        )
        if full := next((w for w in ways if len(w.values) == len(domains[w.parameter])), None):
            return self._dropped(finding, f"the space already satisfies it: `{full.parameter}`", made)
        return made

    def _no_way(self, said: Iterable[Move], moves: Iterable[Move]) -> str:
        """Why the space has no way out of a finding with these moves, which are `said` in words of advice."""
        names = dict.fromkeys(move.parameter for move in said)
        if any(move.parameter in self.parameters for move in moves):
            return f"no value of {', '.join(f'`{name}`' for name in names)} in the space avoids this"
        return ", ".join(map(self._not_searched, names))

    def _not_searched(self, name: str) -> str:
        held = self.space.not_searched.get(self._now(name))
        if held is None:
            return f"`{name}` is no parameter of `{self.space.name}`"
        return f"`{name}` is fixed at {shown(held)} in `{self.space.name}`"

    def _at_its_own(self, finding: Finding) -> str | None:
        """Why a failure is no evidence: the launch was given a static share, and the space leaves that to the
        server; None if this is not so."""
        schema, share = schema_of(self.space), self.launch.arguments.get(_SHARE)
        about = any(move.parameter == _SHARE for move in (*finding.moves, *finding.unless))
        if not about or schema is None or _SHARE in self.parameters or self._fixed(_SHARE) is not None:
            return None
        if self.left_out or not is_number(share) or chosen_by_server(share):
            return None
        return f"the launch was given `{_SHARE}` {share:g}, but in this space the server chooses it"

    def _translated(self, moves: Iterable[Move]) -> tuple[Move, ...]:
        return tuple(translated(m, self.launch.arguments, self.space.model.index) for m in moves)

    def _dropped(self, finding: Finding, reason: str, edit: Edit | None = None) -> Dropped:
        return Dropped(finding=finding.id, launch=finding.launch, reason=reason, edit=edit)

    def _reachable(self, move: Move) -> Move:
        name = self.parameters.get(move.parameter)
        return move if name is None else as_far_as(move, self.space.model[name].domain)

    def _is_directed(self, way: Kept, moves: Iterable[Move]) -> bool:
        return any(
            m.was is not None and self.parameters.get(m.parameter) == way.parameter and is_bound(m)
            for m in moves
        )

    def _way(self, move: Move) -> Kept | None:
        name = self.parameters.get(move.parameter)
        if name is None:
            return None
        domain = self.space.model[name].domain
        return Kept(parameter=name, values=tuple(v for v in domain if self._keeps(move, name, v)))

    def _held(self, move: Move) -> bool:
        """Whether an argument that the space does not search has a value that satisfies the move."""
        if move.parameter in self.parameters:
            return False
        value = self._fixed(move.parameter)
        if isinstance(value, NoDefault) or value is None or (move.apart_from and value == _CHOSEN):
            return False
        return fits(in_words(move, Domain((value,))), value)

    def _now(self, name: str) -> str:
        """What the target of the space calls an argument of advice."""
        target = self.space.base.target
        if target is None:
            return name
        return renames.renamed(target.server, name, ADVICE, target.version) or name

    def _fixed(self, name: str) -> Any:
        """The value of an argument that is not searched: what the space holds it at, else the default."""
        schema, now = schema_of(self.space), self._now(name)
        if now in self.space.not_searched:
            return self.space.not_searched[now]
        return None if schema is None or now not in schema.arguments else target_default(schema, now)

    def _keeps(self, move: Move, name: str, value: Scalar) -> bool:
        if value is not None and not (move.apart_from is not None and value == _CHOSEN):
            return fits(in_words(move, self.space.model[name].domain), value)
        if move.among is not None and any(v is None for v in move.among):
            return True
        if move.parameter in _UNLIMITED:
            return move.at_most is None and move.among is None
        default = self._fixed(name) if value is None else None
        if default not in (None, _CHOSEN) and not isinstance(default, NoDefault):
            return fits(move, default)
        return not self._chosen_again(move, name)

    def _chosen_again(self, move: Move, name: str) -> bool:
        """Whether a server that chooses for itself would choose what this launch ran with.

        It would where it has chosen here. A log shows what came of choosing; so does every value there that
        nobody knows to have been given.
        """
        ran = self.ran.get(name)
        if ran in (None, _CHOSEN):
            return bool(self.launch.arguments)
        if self.known or (move.apart_from is not None and name in _OF_CHECKPOINT):
            return False
        if name == _SLOTS and self.launch.arguments.get("speculative_algorithm") is None:
            return False
        # No server chooses -1.
        given = is_number(ran) and (ran < 0 or (isinstance(ran, float) and not chosen_by_server(ran)))
        return not given

    def _tries(
        self, finding: Finding, moves: Iterable[Move], ways: Iterable[Kept]
    ) -> Iterator[dict[str, Scalar]]:
        """For each move that has values in the space the best of them; the first also has what changes
        with the best way out."""
        kept = {way.parameter: way.values for way in ways}
        beside = finding.also
        for move in moves:
            name = self.parameters.get(move.parameter)
            values = [v for v in kept.get(name or "", ()) if v is not None and fits(move, v)]
            if name is not None and values:
                taken, cost = nearest(values, move), self._cost(finding)
                yield self._beside([paid(one, move, taken, cost) for one in beside]) | {name: taken}
                beside = ()

    def _cost(self, finding: Finding) -> float:
        """The share of a GPU that the proposed graphs take beyond those that there are; 0 if not known."""
        gib, gpu = finding.numbers.get("graphs_gib_more"), gpu_gib(self.launch)
        return gib / gpu if gib and gpu else 0.0

    def _beside(self, moves: Iterable[Move]) -> dict[str, Scalar]:
        """What changes with the best way out, as far as the space has values for it."""
        found: dict[str, Scalar] = {}
        for move in self._translated(moves):
            name = self.parameters.get(move.parameter)
            domain = () if name is None else self.space.model[name].domain
            values = [value for value in domain if value is not None and fits(move, value)]
            if name is not None and values:
                found[name] = nearest(values, move)
        return found


def because(finding: Finding, *, simulated: bool = False) -> str:
    """Where the log shows it and what it shows, in one line."""
    said = "SIMULATED: " if simulated else ""
    return _one_line(f"{''.join(_places(finding))}{said}{finding.summary}")


def _places(finding: Finding) -> Iterator[str]:
    lines = finding.evidence
    if lines:
        numbers = list(dict.fromkeys(line.number for line in lines if line.file == lines[0].file))[:3]
        word = "line" if len(numbers) == 1 else "lines"
        yield f"log {word} {', '.join(map(str, numbers))} of {lines[0].file}: "


def _one_line(text: str) -> str:
    flat = "".join(c if c.isprintable() else " " for c in text)
    short = " ".join(flat.split())
    return short if len(short) <= _LONGEST else f"{short[: _LONGEST - 1]}…"
