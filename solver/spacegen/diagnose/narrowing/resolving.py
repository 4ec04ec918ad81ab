"""Which edits a space takes: failures first, then advice, as long as a solution is left."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from spacegen.api import Space
from spacegen.diagnose.narrowing.clause_forms import conditions, members
from spacegen.diagnose.narrowing.command_options import asked_by_commands
from spacegen.diagnose.narrowing.edit import STEM, Basis, Edit, Kept
from spacegen.diagnose.narrowing.edits_from_findings import Dropped
from spacegen.language.columns import column
from spacegen.language.evaluate import not_false
from spacegen.language.expr import Expr
from spacegen.language.model import Domain
from spacegen.language.walk import scope
from spacegen.questions.verdict import shown
from spacegen.questions.why.together import possible

__all__ = ["Resolved", "edits_in", "read_edit", "resolve", "under", "without_edits"]


@dataclass(frozen=True, slots=True)
class Resolved:
    """The edits that apply to a space: `kept`, the most important first, and `dropped` with reasons. `space`
    is the space with the edits, `base` the one without any."""

    base: Space
    space: Space
    kept: tuple[Edit, ...]
    dropped: tuple[Dropped, ...]


def edits_in(space: Space) -> tuple[Edit, ...]:
    """The edits in the rules of a space, which come from an overlay of ours."""
    return tuple(_edits_by_rule(space).values())


def without_edits(space: Space) -> Space:
    """The space without any edits of ours."""
    ours = list(_edits_by_rule(space))
    return space.without_rules(ours) if ours else space


def _edits_by_rule(space: Space) -> dict[str, Edit]:
    domains = space.domains
    found = ((r.id, read_edit(r.condition, r.because, r.source, domains)) for r in space.rules)
    return {id: edit for id, edit in found if edit is not None}


def read_edit(
    condition: Expr, because: str | None, source: str | None, domains: Mapping[str, Domain]
) -> Edit | None:
    """The edit behind a rule with this source; None if the rule is not ours."""
    origin = Edit.origin(source)
    if origin is None:
        return None
    parts = members(condition)
    names = [scope(part) for part in parts]
    if any(len(mentioned) != 1 or mentioned[0] not in domains for mentioned in names):
        return None
    ways = tuple(_kept(part, name, domains[name]) for part, (name,) in zip(parts, names, strict=True))
    basis, finding, own = origin
    return Edit(finding=finding, basis=basis, ways=ways, because=because or "", own=own)


def _kept(part: Expr, name: str, domain: Domain) -> Kept:
    mask = not_false(part, {name: column(list(domain))})
    return Kept(parameter=name, values=tuple(v for v, kept in zip(domain, mask, strict=True) if kept))


def under(space: Space, edits: Iterable[Edit]) -> Space:
    """The space with the edits as rules."""
    taken = tuple(edits)
    for number, (edit, written) in enumerate(zip(taken, conditions(taken, space.domains), strict=True), 1):
        space = space.with_rule(edit.rule(f"{STEM}{number}:{edit.finding}", written))
    return space


def resolve(
    space: Space, new: Sequence[Edit], earlier: Sequence[Edit] = (), against: Sequence[Edit] = ()
) -> Resolved:
    """The space under new edits, under those that it has (from an overlay of ours), and under `earlier` ones,
    as far as they agree.

    Failures come first, older ones before newer ones; then new advice, then older advice. Older advice gives
    way to newer, also to advice in `against`, which is not applied itself.
    Raises EngineError where no engine can tell whether a solution is left.
    """
    known = [_seen_again(edit, new) for edit in _distinct([*edits_in(space), *earlier])]
    base = without_edits(space)
    failed = [edit for edit in known if edit.basis is Basis.FAILURE]
    advice, disputed = _undisputed([edit for edit in new if edit.basis is not Basis.FAILURE], against)
    known_advice = [e for e in known if e.basis is not Basis.FAILURE and not _among(e, disputed)]
    older, gone = _without(known_advice, against)
    disputed += gone
    choice = _Choice(base)
    choice.take([*failed, *(edit for edit in new if edit.basis is Basis.FAILURE), *advice, *older])
    return Resolved(base, choice.space, choice.kept, (*disputed, *choice.dropped))


def _seen_again(edit: Edit, new: Sequence[Edit]) -> Edit:
    """An older edit, now of the launch that shows the same again; it keeps its first evidence."""
    for other in new:
        if other.basis is edit.basis and other.finding == edit.finding and other.same_as(edit):
            return edit.model_copy(update={"launch": other.launch, "tries": other.tries})
    return edit


def _among(edit: Edit, dropped: Iterable[Dropped]) -> bool:
    return any(d.edit is not None and d.edit.same_as(edit) for d in dropped)


@dataclass(slots=True)
class _Choice:
    """Edits applied one after the other as long as a solution is left."""

    base: Space
    space: Space = field(init=False)
    kept: tuple[Edit, ...] = ()
    dropped: list[Dropped] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.space = self.base

    def take(self, edits: Iterable[Edit]) -> None:
        """Applies each edit that leaves a solution together with those before it; drops the others."""
        waiting = self._agreeing(edits)
        while waiting and not self._leaves(waiting):
            few, many = 0, len(waiting)
            while many - few > 1:
                middle = (few + many) // 2
                few, many = (middle, many) if self._leaves(waiting[:middle]) else (few, middle)
            self._drop(waiting[few], f"no solution of the space would be left{self._asked(waiting[few])}")
            del waiting[few]
        for edit in waiting:
            if edit.launch is not None and edit not in self.kept:
                other = next(one for one in self.kept if one.implies(edit))
                self._drop(edit, f"`{other.finding}` already implies it: {other.because}")

    def _asked(self, edit: Edit) -> str:
        """What a command asked for of the parameters of an edit."""
        pins = asked_by_commands(self.base).pins
        held = [f"`{name}` at {shown(pins[name])}" for name in edit.parameters if name in pins]
        return f" with {', '.join(held)}" if held else ""

    def _leaves(self, edits: Sequence[Edit]) -> bool:
        """Whether a solution is left under the edits; if so, they are kept."""
        kept = _strongest(edits)
        space = under(self.base, kept)
        alive = possible(space.engine)
        if alive:
            self.space, self.kept = space, kept
        return alive

    def _agreeing(self, edits: Iterable[Edit]) -> list[Edit]:
        """The edits without those that leave no value of their parameter beside those before them."""
        found: list[Edit] = []
        left: dict[Hashable, Edit] = {}
        for edit in _distinct(edits):
            if any(one.contradicts(edit) for one in left.values()):
                name = edit.ways[0].parameter
                alone = [one for one in found if [way.parameter for way in one.own_ways] == [name]]
                other = next((one for one in alone if one.contradicts(edit)), alone[-1])
                verb = "gives way to" if edit.launch is None else "contradicts"
                self._drop(edit, f"it {verb} `{other.finding}`: {other.because}")
                continue
            found.append(edit)
            if len(edit.own_ways) == 1:
                about = edit.ways[0].parameter, edit.elsewhere
                left[about] = left[about].joined(edit) if about in left else edit
        return found

    def _drop(self, edit: Edit, reason: str) -> None:
        self.dropped.append(Dropped(finding=edit.finding, launch=edit.launch, reason=reason, edit=edit))


def _without(edits: Iterable[Edit], against: Sequence[Edit]) -> tuple[list[Edit], list[Dropped]]:
    """Older advice, less what advice of newer launches contradicts."""
    kept, dropped = [], []
    for edit in edits:
        other = next((one for one in against if one.contradicts(edit)), None)
        if other is None:
            kept.append(edit)
        else:
            reason = f"it gives way to `{other.finding}`: {other.because}"
            dropped.append(Dropped(finding=edit.finding, launch=edit.launch, reason=reason, edit=edit))
    return kept, dropped


def _undisputed(edits: Sequence[Edit], against: Sequence[Edit]) -> tuple[list[Edit], list[Dropped]]:
    """The edits without advice of several launches that leaves no value."""
    kept, dropped = [], []
    for edit in _distinct(edits):
        other = next((e for e in (*edits, *against) if e.launch != edit.launch and e.contradicts(edit)), None)
        if other is None:
            kept.append(edit)
        else:
            reason = f"launches disagree about `{edit.ways[0].parameter}`: {other.because}"
            dropped.append(Dropped(finding=edit.finding, launch=edit.launch, reason=reason, edit=edit))
    return kept, dropped


def _distinct(edits: Iterable[Edit]) -> list[Edit]:
    """Equal edits once, the first of them; failures and advice are never equal."""
    found: list[Edit] = []
    for edit in edits:
        if not any(e.basis is edit.basis and e.same_as(edit) for e in found):
            found.append(edit)
    return found


def _strongest(edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """The edits without those that others imply. Advice makes no failure redundant: it may give way later."""

    def said(i: int, edit: Edit) -> Iterator[bool]:
        for j, other in enumerate(edits):
            if i != j and (other.basis is Basis.FAILURE or edit.basis is not Basis.FAILURE):
                yield other.implies(edit) and not (edit.implies(other) and _first(i, j, edit, other))

    return tuple(edit for i, edit in enumerate(edits) if not any(said(i, edit)))


def _first(i: int, j: int, edit: Edit, other: Edit) -> bool:
    """Whether the first of two equal edits stays: the failure does, else the one that comes first."""
    if edit.basis is not other.basis and Basis.FAILURE in (edit.basis, other.basis):
        return edit.basis is Basis.FAILURE
    return i < j
