"""Two spaces under one set of names, so that their solutions can be compared.

The old space takes the names of the new one where a release of their server renamed an argument. A space
without a parameter of the other holds it at one value: the one that its launches have.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from spacegen.errors import Fault, SpaceError, UsageError, did_you_mean
from spacegen.language.expr import Expr, Ref, Scalar
from spacegen.language.model import Domain, Model, NoDefault, Parameter, Rule, Target, same_value
from spacegen.language.naming import reworded
from spacegen.language.retarget import target_default
from spacegen.language.walk import substitute
from spacegen.questions.definition import Definition
from spacegen.questions.edits import choose
from spacegen.servers import renames
from spacegen.servers.schema import load

__all__ = ["Aligned", "align"]

S = TypeVar("S", bound=Definition)


@dataclass(frozen=True, slots=True)
class Aligned(Generic[S]):
    """Two spaces with the same parameters. `renamed` has the old names that became new ones; `only_old` and
    `only_new` have, for each parameter that one of them lacks, the value at which that one holds it."""

    old: S
    new: S
    renamed: Mapping[str, str]
    only_old: Mapping[str, Scalar]
    only_new: Mapping[str, Scalar]

    def without_rules(self, ids: Iterable[str]) -> Aligned[S]:
        """Without these rules on the sides that have them. Raises UsageError for an id that none has."""
        chosen = list(ids)
        known = [{rule.id for rule in side.base.conditions} for side in (self.old, self.new)]
        for id in chosen:
            if not any(id in ids for ids in known):
                hint = did_you_mean(id, sorted(set.union(*known)))
                raise UsageError(Fault(f"no rule is called `{id}`", hint=hint))
        old, new = ([id for id in chosen if id in ids] for ids in known)
        return replace(self, old=self.old.without_rules(old), new=self.new.without_rules(new))

    def narrowed(self, *, only: Iterable[str] | None = None, drop: Iterable[str] = ()) -> Aligned[S]:
        """Without the parameters that `drop` names and those that `only`, where it is given, does not: names,
        groups and impacts on either side. Raises UsageError for a word that means none."""
        kept = None if only is None else self._chosen(only)
        gone = self._chosen(drop)
        old, new = (side.narrowed(only=kept, drop=gone) for side in (self.old, self.new))
        return replace(self, old=old, new=new)

    def _chosen(self, words: Iterable[str]) -> list[str]:
        found: dict[str, None] = {}
        for word in words:
            named: list[str] = []
            faults: list[UsageError] = []
            for side in (self.new, self.old):
                try:
                    named += choose(side.base, [word])
                except UsageError as error:
                    faults.append(error)
            if len(faults) == 2:
                raise faults[0]
            found |= dict.fromkeys(named)
        return list(found)


def align(old: S, new: S) -> Aligned[S]:
    """The spaces under the names of the new one, each with the parameters of both."""
    renamed = _renamed(old, new)
    before = _with_names(old, renamed) if renamed else old
    absent_old = _absent(before, new)
    absent_new = _absent(new, before)
    return Aligned(
        _with_absent(before, new, absent_old),
        _with_absent(new, before, absent_new),
        MappingProxyType(renamed),
        only_old=MappingProxyType(absent_new),
        only_new=MappingProxyType(absent_old),
    )


def _renamed(old: Definition, new: Definition) -> dict[str, str]:
    """What the target of the new space calls the parameters and fixed values of the old one, if otherwise."""
    here, there = old.base.target, new.base.target
    if here is None or there is None or here.server != there.server:
        return {}
    names = [*old.base.index, *old.not_searched]
    theirs = {_argument(there, name): name for name in (*new.base.index, *new.not_searched)}
    found: dict[str, str] = {}
    for name in names:
        moved = renames.renamed(here.server, name, here.version, there.version) or name
        now = theirs.get(_argument(there, moved), moved)
        if now != name and now not in names:
            found[name] = now
    return found


def _argument(target: Target, name: str) -> str:
    """What a target itself calls an argument that may have several names."""
    try:
        argument = load(target.server, target.version).arguments.get(name)
    except SpaceError:
        return name
    return name if argument is None else argument.name


def _with_names(space: S, names: Mapping[str, str]) -> S:
    model = space.base
    at = {name: Ref(now) for name, now in names.items()}

    def moved(expr: Expr) -> Expr:
        return substitute(expr, at)

    def moved_rule(rule: Rule) -> Rule:
        return replace(rule, condition=moved(rule.condition), text=reworded(rule.text, names))

    def moved_keys(values: Mapping[str, Any]) -> Mapping[str, Any]:
        return MappingProxyType({names.get(name, name): value for name, value in values.items()})

    base = model.replace(
        parameters=tuple(
            replace(
                p,
                name=names.get(p.name, p.name),
                active_when=None if p.active_when is None else moved(p.active_when),
            )
            for p in model.parameters
        ),
        rules=tuple(map(moved_rule, model.rules)),
        derived=tuple(replace(d, expr=moved(d.expr), text=reworded(d.text, names)) for d in model.derived),
        preferences=tuple(replace(p, rule=moved_rule(p.rule)) for p in model.preferences),
        objectives=tuple(
            replace(o, expr=moved(o.expr), text=reworded(o.text, names)) for o in model.objectives
        ),
        fixed=moved_keys(model.fixed),
    )
    return replace(space, base=base, pins=moved_keys(space.pins), settled=moved_keys(space.settled))


def _absent(lacking: Definition, having: Definition) -> dict[str, Scalar]:
    """The parameters of one side that the other lacks, and the values at which that one holds them."""
    held = lacking.not_searched
    return {
        p.name: _single(held[p.name]) if p.name in held else _at_default(p, lacking.base, having.base)
        for p in having.parameters
        if p.name not in lacking.base.index
    }


def _single(value: Any) -> Scalar:
    """A fixed value as one that domains can have: lists and mappings become text, which no domain has."""
    return json.dumps(value) if isinstance(value, list | dict) else value


def _at_default(parameter: Parameter, lacking: Model, having: Model) -> Scalar:
    """The value of a parameter where a space does not mention it: its default, but that of the target of the
    space where the default is only a target's. Null, which is not given, where nobody knows one."""
    own = _default_of(lacking.target, parameter.name, having.target)
    other = _default_of(having.target, parameter.name, having.target)
    given = parameter.default
    if isinstance(given, NoDefault):
        return next((d for d in (own, other) if not isinstance(d, NoDefault)), None)
    follows = not isinstance(other, NoDefault) and same_value(given, other)
    return own if follows and not isinstance(own, NoDefault) else given


def _default_of(target: Target | None, name: str, named_by: Target | None) -> Scalar | NoDefault:
    """The default of the argument that the target `named_by` calls `name`."""
    if target is None or named_by is None or target.server != named_by.server:
        return NoDefault.NO_DEFAULT
    now = renames.renamed(target.server, name, named_by.version, target.version) or name
    try:
        return target_default(load(target.server, target.version), now)
    except (KeyError, SpaceError):
        return NoDefault.NO_DEFAULT


def _with_absent(space: S, other: Definition, values: Mapping[str, Scalar]) -> S:
    """The space with the parameters that it lacks, each with one value, which is its default."""
    if not values:
        return space
    added = tuple(
        replace(other.base[name], domain=Domain((value,)), default=value) for name, value in values.items()
    )
    # What a side holds fixed is no longer held beside its parameters.
    fixed = {name: value for name, value in space.base.fixed.items() if name not in values}
    settled = {name: value for name, value in space.settled.items() if name not in values}
    base = space.base.replace(parameters=(*space.base.parameters, *added), fixed=MappingProxyType(fixed))
    return replace(space, base=base, settled=MappingProxyType(settled))
