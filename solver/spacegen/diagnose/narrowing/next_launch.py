"""The config to launch next: a solution of the narrowed space, near the last launch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from spacegen.api import Space
from spacegen.diagnose.narrowing.edit import Basis, Edit, holds
from spacegen.diagnose.narrowing.moves import is_endless
from spacegen.errors import EngineError
from spacegen.language.expr import Scalar
from spacegen.language.model import is_number, same_value
from spacegen.questions.near.repair import Change, Repair
from spacegen.questions.why.together import codes_of, possible

__all__ = ["Next", "next_launch", "weights", "within_reach"]

_COSTLY: Final = 3
_DEAR: Final = (
    *("tp_size", "tp", "pp_size", "dp_size", "attn_dp_size", "ep_size"),
    *("quantization", "kv_cache_dtype", "disable_cuda_graph"),
)
"""Changes that cost GPUs, exactness or speed: two changes of sizes are better than one of these."""
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_LACKING: Final = "not in the space"


@dataclass(frozen=True, slots=True)
class Next:
    """The config to launch next: a solution, and its changes from the last launch as far as that is known.
    `whys` has the reasons for changes that no finding asks for, by parameter."""

    config: Mapping[str, Scalar]
    changes: tuple[Change, ...]
    whys: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        changes = [
            change.as_dict() | ({"why": why} if (why := self.whys.get(change.parameter)) else {})
            for change in self.changes
        ]
        return {"config": dict(self.config), "changes": changes}


def next_launch(
    space: Space, edits: Sequence[Edit], ran: Mapping[str, Any], said: Mapping[str, Any] = _NOTHING
) -> Next | None:
    """The solution nearest to the last launch, `ran`, with the values that the edits would try first; None if
    nothing is known of the launch, no edit asks for another one, or no engine finds a solution.

    `said` has the values that the log names, in the domains of the space or not.
    """
    if not ran:
        return None
    wanted: dict[str, Scalar] = {}
    for edit in edits:
        if not holds(edit, {**ran, **wanted}):
            wanted |= _tried(space, edit, edits, ran, wanted, said)
    if not wanted:
        return None
    target = {name: _alike(space, name, value) for name, value in {**ran, **wanted}.items()}
    about = {name for edit in edits for name in edit.parameters}
    rest = {name: value for name, value in target.items() if name in wanted or name not in about}
    after = _solution(space, target, (rest, wanted))
    if after is None:
        return None
    changes = tuple(
        Change(name, said.get(name) if before is None else before, after[name])
        for name, before in ran.items()
        if name in after and not same_value(before, after[name])
    )
    others = [change.parameter for change in changes if change.parameter not in wanted]
    return Next(after, changes, _whys(space, target, ran, others) if others else {})


def _alike(space: Space, name: str, value: Any) -> Any:
    """The value of the space that is closest in meaning to one that it lacks: the highest for no limit, and
    for a word the one with the same beginning."""
    domain = space.model[name].domain if name in space.model.index else None
    if domain is None or value in domain:
        return value
    if is_endless(name, value):
        return max(filter(is_number, domain), default=value)
    if isinstance(value, str):
        words = (one for one in domain if isinstance(one, str) and _stem(one) == _stem(value))
        return next(words, value)
    return value


def _stem(word: str) -> str:
    return word.split("_", 1)[0]


def _whys(
    space: Space, target: Mapping[str, Any], ran: Mapping[str, Any], names: Iterable[str]
) -> Mapping[str, str]:
    """Why parameters change that no finding is about: the space lacks their values, or its rules would be
    broken otherwise."""
    broken = [one.rule for one in space.check(target).broken]
    found: dict[str, str] = {}
    for name in names:
        rules = [rule for rule in broken if name in space.model.scope(rule)]
        if ran[name] not in space.model[name].domain:
            found[name] = _LACKING
        elif not any(Edit.origin(rule.source) for rule in rules):
            found[name] = f"rule `{rules[0].id}`" if rules else "it goes with the rest"
    return found


def _solution(
    space: Space, target: Mapping[str, Any], kept: Iterable[Mapping[str, Any]]
) -> Mapping[str, Scalar] | None:
    """The solution nearest to a config that keeps a part of it: the first of these that is possible."""
    names = list(space.model.index)
    if all(name in target and target[name] in space.model[name].domain for name in names):
        whole = {name: target[name] for name in names}
        if space.check(whole).valid:
            return whole
    try:
        found = next(filter(None, (_nearest(space, target, part) for part in kept)), None)
        repaired = found or space.repair(target, weights=weights(target))
    except EngineError:
        return None
    return repaired.solution if isinstance(repaired, Repair) else None


def weights(config: Mapping[str, Any]) -> dict[str, int]:
    """The weights of changes of the parameters of a config that weigh more than 1."""
    return {name: _COSTLY for name in _DEAR if name in config}


def _tried(
    space: Space,
    edit: Edit,
    edits: Sequence[Edit],
    ran: Mapping[str, Any],
    wanted: Mapping[str, Scalar],
    said: Mapping[str, Any],
) -> dict[str, Scalar]:
    """The proposal of an edit that breaks the fewest failures among the satisfied edits, then changes nothing
    costly, then breaks the fewest edits."""
    held = [other for other in edits if holds(other, {**ran, **wanted})]
    dear = _dear(ran)

    def broken(way: Mapping[str, Scalar]) -> tuple[bool, int, bool, int]:
        lost = [other for other in held if not holds(other, {**ran, **way, **wanted})]
        failures = sum(other.basis is Basis.FAILURE for other in lost)
        kept = _goes(space, {**dear, **way, **wanted})
        return not holds(edit, {**ran, **way, **wanted}), failures, not kept, len(lost)

    # Among equals the first is the best.
    way = min(edit.tries or (_near(edit, {**ran, **said}),), key=broken)
    return {name: value for name, value in way.items() if name not in wanted}


def _dear(ran: Mapping[str, Any]) -> dict[str, Any]:
    return {name: ran[name] for name in _DEAR if name in ran}


def within_reach(space: Space, edit: Edit, ran: Mapping[str, Any]) -> bool:
    """Whether some solution has what an edit would try first, and of a launch what is costly to change."""
    return any(_goes(space, {**_dear(ran), **way}) for way in edit.tries[:1])


def _goes(space: Space, values: Mapping[str, Any]) -> bool:
    """Whether some solution has all these values, as far as the space knows them."""
    known = {n: v for n, v in values.items() if n in space.model.index and v in space.model[n].domain}
    try:
        return possible(space.engine, codes_of(space.model, known))
    except EngineError:
        return True


def _near(edit: Edit, ran: Mapping[str, Any]) -> dict[str, Scalar]:
    """What to try for an edit from a file: its first parameter, at the value nearest to the launch."""
    way = edit.ways[0]
    at = ran.get(way.parameter)
    given: list[Scalar] = [value for value in way.values if value is not None]
    numbers = [value for value in given if is_number(value)]
    if is_number(at) and numbers:
        return {way.parameter: min(numbers, key=lambda value: abs(value - at))}
    return {way.parameter: (given or way.values)[0]}


def _nearest(space: Space, target: Mapping[str, Any], kept: Mapping[str, Any]) -> Repair | None:
    """The nearest solution that keeps some of the values; the more it keeps, the faster it is found."""
    if any(value not in space.model[name].domain for name, value in kept.items()):
        return None
    if not possible(space.engine, codes_of(space.model, kept)):
        return None
    found = space.repair(target, keep=kept, weights=weights(target))
    return found if isinstance(found, Repair) else None
