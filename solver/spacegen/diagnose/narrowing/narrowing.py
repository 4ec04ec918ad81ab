"""A space narrowed by findings: what is dropped and why, how much is left, and the config to launch next."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from spacegen.api import Space
from spacegen.diagnose.finding import Finding, Severity
from spacegen.diagnose.launch import Launch, asked_of
from spacegen.diagnose.narrowing.completed import completed
from spacegen.diagnose.narrowing.edit import Basis, Edit
from spacegen.diagnose.narrowing.edits_from_findings import Dropped, Ground
from spacegen.diagnose.narrowing.elsewhere import spared
from spacegen.diagnose.narrowing.likeness import model_of, unlike_the_last
from spacegen.diagnose.narrowing.missing_window import Window, windows
from spacegen.diagnose.narrowing.next_launch import Next, next_launch, within_reach
from spacegen.diagnose.narrowing.resolving import Resolved, resolve, without_edits
from spacegen.diagnose.repeated import for_the_last
from spacegen.errors import EngineError, how_many
from spacegen.language.model import Domain

__all__ = ["APPLIED", "Narrowing", "counted", "left", "narrow"]

APPLIED: Final = frozenset({Severity.ERROR, Severity.WARNING})
_SERVED: Final = "no config is dropped for it, because the server has served at full load with this one"


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What findings leave of a space.

    `edits` are all that apply, with those of an overlay of ours (`launch` is None there). `dropped` are the
    findings with moves that change nothing, with reasons. `whole` counts the solutions without any edit,
    `before` those of the space as given, `after` those that are left; None if no engine can count them.
    """

    space: Space
    edits: tuple[Edit, ...]
    dropped: tuple[Dropped, ...]
    whole: int | None
    before: int | None
    after: int | None
    next: Next | None = None
    windows: tuple[Window, ...] = ()
    made: tuple[Edit, ...] = ()
    """The edits made from the findings; `edits` has only the first of those that are equal."""
    name: str | None = None
    """What the space was given as."""

    model: str | None = None
    """The model that the findings are about, if the space names none."""

    @property
    def counts(self) -> tuple[int, int] | None:
        """The solutions without any edit and those that are left, as an overlay tells them."""
        return None if self.whole is None or self.after is None else (self.whole, self.after)

    def edit_of(self, finding: Finding) -> Edit | None:
        """The edit that a finding led to, or an equal one of another launch; None if neither applies."""
        made = [e for e in (*self.edits, *self.made) if (e.finding, e.launch) == (finding.id, finding.launch)]
        if not made or made[0] in self.edits:
            return made[0] if made else None
        told = (e for e in self.edits if e.basis is made[0].basis and e.finding == finding.id)
        return next((e for e in told if e.same_as(made[0])), None)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        domains = self.space.domains
        return {
            "whole": self.whole,
            "before": self.before,
            "after": self.after,
            "edits": [_as_dict(edit, domains) for edit in self.edits],
            "dropped": [{"finding": d.finding, "launch": d.launch, "reason": d.reason} for d in self.dropped],
            "windows": [window.model_dump(mode="json") | {"text": str(window)} for window in self.windows],
            "next": None if self.next is None else self.next.as_dict(),
        }


def _as_dict(edit: Edit, domains: Mapping[str, Domain]) -> dict[str, Any]:
    return {
        "finding": edit.finding,
        "basis": str(edit.basis),
        "launch": edit.launch,
        "form": edit.form,
        "text": edit.text(domains),
        "ways": {way.parameter: list(way.values) for way in edit.ways},
        "because": edit.because,
    }


def left(before: int, after: int) -> str:
    """How much is left, in words."""
    return f"{after:,} of {how_many(before, 'config')} are left"


def narrow(
    space: Space,
    launches: Sequence[Launch],
    findings: Sequence[Finding],
    *,
    asked: Mapping[str, Any] | None = None,
    apply: Collection[Severity] = APPLIED,
    earlier: Sequence[Edit] = (),
) -> Narrowing:
    """The space under the findings whose severity is one of `apply`, the worst first.

    `asked` are the arguments that the launches were given, if known; `earlier` the edits of an overlay that
    is to keep them. Raises EngineError where no engine can tell whether a solution is left.
    """
    given = asked_of(launches, asked)
    grounds = [Ground.of(space, one, asked) for one, asked in zip(launches, given, strict=True)]
    told = sorted(
        (f for f in findings if f.moves and f.severity in apply and f.launch < len(grounds)),
        key=lambda finding: finding.severity.place,
    )
    others = unlike_the_last(space, launches)
    base = without_edits(space)
    each = [(f, _edit(base, f, grounds[f.launch], others[f.launch])) for f in told]
    made, advised = [one for f, one in each if f.narrows], [one for f, one in each if not f.narrows]
    found = resolve(space, _edits(made), earlier, _edits(advised))
    last, said = _last(space, grounds)
    asked_for = (*_asked_for(found, made, last), *_wishes(_edits(advised), found.kept, launches))
    after = next_launch(found.space, asked_for, last, said)
    return Narrowing(
        space=found.space,
        edits=found.kept,
        dropped=(*(one for one in made if isinstance(one, Dropped)), *map(_spared, advised), *found.dropped),
        whole=counted(found.base),
        before=counted(space),
        after=counted(found.space),
        next=after,
        windows=windows(found.space, _failed(found), last, [g.ran for g in grounds], after, said),
        made=tuple(_edits(made)),
        model=model_of(space, launches),
    )


def _wishes(advised: Iterable[Edit], kept: Sequence[Edit], launches: Sequence[Launch]) -> Iterator[Edit]:
    """Advice that narrows no space, as far as it is about the last launch and no edit is against it."""
    alike = for_the_last(launches)
    return (one for one in advised if one.launch in alike and not any(map(one.contradicts, kept)))


def _asked_for(found: Resolved, made: Iterable[Edit | Dropped], last: Mapping[str, Any]) -> list[Edit]:
    """The edits that apply, and what the whole space does already, which a launch outside of it did not."""
    proposed = [(one, one if isinstance(one, Edit) else one.edit) for one in made]
    already = (edit for one, edit in proposed if edit is not None and isinstance(one, Dropped))
    satisfied = [edit for edit in already if within_reach(found.space, edit, last)]
    return _in_order([*found.kept, *satisfied], [edit for _, edit in proposed if edit is not None])


def _in_order(kept: Iterable[Edit], made: Sequence[Edit]) -> list[Edit]:
    """The edits in an order that does not depend on which of them an overlay has already: failures before
    advice, new ones in the order of their findings."""

    def place(edit: Edit) -> tuple[int, int, str]:
        failed = edit.basis is Basis.FAILURE
        now = (i for i, e in enumerate(made) if e.basis is edit.basis and e.same_as(edit))
        if (number := next(now, None)) is not None:
            return (1 if failed else 2), number, ""
        return (0 if failed else 3), 0, edit.model_dump_json(include={"finding", "ways"})

    return sorted(kept, key=place)


def _edit(base: Space, finding: Finding, ground: Ground, reason: str | None) -> Edit | Dropped:
    """The edit of a finding; dropped if there is a `reason` against it. `base` is the space without edits."""
    if reason is None:
        made = ground.edit(finding)
        found = spared(base, made, ground.ran) if isinstance(made, Edit) else made
        if not isinstance(found, str):
            return found
        reason = found
    return Dropped(finding=finding.id, launch=finding.launch, reason=reason)


def _spared(advised: Edit | Dropped) -> Dropped:
    """What advice comes to that does not narrow a space."""
    if isinstance(advised, Dropped):
        return advised
    return Dropped(finding=advised.finding, launch=advised.launch, reason=_SERVED)


def _edits(made: Iterable[Edit | Dropped]) -> list[Edit]:
    return [one for one in made if isinstance(one, Edit)]


def _last(space: Space, grounds: Sequence[Ground]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The config of the last launch with a known one, and the values that its log has."""
    ground = next((ground for ground in reversed(grounds) if ground.ran), None)
    return ({}, {}) if ground is None else (completed(space, ground.ran), ground.said)


def _failed(found: Resolved) -> list[Edit]:
    """The failures, dropped ones included: all of them bound a window. Advice does not: nothing failed."""
    dropped = (one.edit for one in found.dropped if one.edit is not None)
    return [edit for edit in (*found.kept, *dropped) if edit.basis is Basis.FAILURE]


def counted(space: Space) -> int | None:
    """The number of solutions; None if no engine can count them."""
    try:
        return space.count()
    except EngineError:
        return None
