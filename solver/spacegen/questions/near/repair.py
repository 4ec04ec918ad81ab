"""What instead: the nearest solution to a config, what changes, and what would have done as well."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, TypeAlias

from spacegen.engines.protocol import Engine
from spacegen.errors import Fault, UsageError, did_you_mean
from spacegen.language.expr import Scalar
from spacegen.language.model import Domain, Model, NoDefault, Parameter, same_value
from spacegen.questions.edits import fitting, several, shorten, words
from spacegen.questions.near.distance import ONE_EACH, Distance
from spacegen.questions.near.menus import Menu
from spacegen.questions.near.nearest import Nearest, Ways, nearest, ways
from spacegen.questions.verdict import OutsideValue, assignments, shown
from spacegen.questions.why.conflict import Conflict
from spacegen.questions.why.conflicts import find_conflict

__all__ = ["Change", "Menu", "NoRepair", "Repair", "repair"]

Compile: TypeAlias = Callable[[Model], Engine]
_NOTHING: Mapping[str, Scalar] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Change:
    """A parameter that gets another value."""

    parameter: str
    before: object
    after: Scalar

    def as_dict(self) -> dict[str, Any]:
        """The change as plain data."""
        return {"parameter": self.parameter, "before": self.before, "after": self.after}

    def __str__(self) -> str:
        return f"{self.parameter}: {shown(self.before)} -> {shown(self.after)}"


@dataclass(frozen=True, slots=True)
class Repair:
    """The nearest valid config.

    `config` is the given one with its changes, and where there are any with the values of parameters that it
    left open if each valid config has them away from their default (`added`); `solution` has all parameters,
    and `partial` says that the config names fewer. `changed` is what the
    changes weigh, their number unless they are `weighed`, `moved` how far they go over the domains;
    `equally_near` counts the ways to come away with the same weight (`at_least`: there may be more), which
    are the product of the menus if `is_product`, and else take their values from them.
    """

    config: Mapping[str, Any]
    solution: Mapping[str, Scalar]
    changes: tuple[Change, ...]
    added: Mapping[str, Scalar]
    changed: int
    moved: int
    equally_near: int
    menus: tuple[Menu, ...]
    is_product: bool = True
    at_least: bool = False
    weighed: bool = False
    partial: bool = False

    @property
    def valid(self) -> bool:
        """Whether there was nothing to repair."""
        return not (self.changes or self.added)

    def as_dict(self) -> dict[str, Any]:
        """The repair as plain data."""
        return {
            "valid": self.valid,
            "config": dict(self.config),
            "changes": [change.as_dict() for change in self.changes],
            "added": dict(self.added),
            "changed": self.changed,
            "moved": self.moved,
            "equally_near": self.equally_near,
            "at_least": self.at_least,
            "is_product": self.is_product,
            "menus": [menu.as_dict() for menu in self.menus],
        }

    def __str__(self) -> str:
        if self.valid:
            return self.headline
        lines = [str(change) for change in self.changes]
        lines += [f"{name}: not given -> {shown(value)}" for name, value in self.added.items()]
        return "\n".join([*lines, *filter(None, [self.choice])])

    @property
    def headline(self) -> str:
        """What changes, in one line."""
        if self.valid:
            return "already valid so far" if self.partial else "already valid"
        parts = [
            *map(str, self.changes),
            *(f"{name}: not given -> {shown(v)}" for name, v in self.added.items()),
        ]
        several = self.equally_near > 1 or self.at_least
        others = f" ({self.number} {self._alike})" if several else ""
        return "; ".join(parts) + others

    @property
    def number(self) -> str:
        """The ways with as few changes, as a number in words."""
        return f"{'at least ' if self.at_least else ''}{self.equally_near:,}"

    @property
    def choice(self) -> str:
        """In how many ways as few changes do, with their menus, in words; nothing where values had to be
        added, as these may be chosen otherwise."""
        if self.equally_near == 1 and not self.at_least:
            return "" if self.added else "no other config is as near"
        if not self.is_product:
            lines = [f"{self.number} {self._alike}; values that they have:"]
            return "\n".join([*lines, *(f"  {_options(menu)}" for menu in self.menus)])
        sizes = " × ".join(str(len(menu.options)) for menu in self.menus)
        head = f"{self.number} {self._alike}" + (f" ({sizes}):" if len(self.menus) > 1 else ":")
        return "\n".join([head, *(f"  {_options(menu)}" for menu in self.menus)])

    @property
    def _alike(self) -> str:
        return "ways that weigh as little" if self.weighed else "ways with as few changes"


def _options(menu: Menu) -> str:
    """The options on one line; those that change a single parameter stand together."""
    if any(len(option) > 1 for option in menu.options):
        sets = [assignments(option) or "none of them" for option in menu.options]
        return fitting([f"({text})" if "," in text else text for text in sets], " or ", " or ", 200)
    values: dict[str, list[Scalar]] = {}
    for option in menu.options:
        for name, value in option.items() or (("as it is", None),):
            values.setdefault(name, []).append(value)
    told = [f"{name} = {several(v)}" if name in menu.parameters else name for name, v in values.items()]
    return " or ".join(told)


@dataclass(frozen=True, slots=True)
class NoRepair:
    """Why no valid config keeps what was to be kept: rules and kept values that cannot hold together, or
    kept values that the space does not have."""

    conflict: Conflict | None
    outside: tuple[OutsideValue, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The reason as plain data."""
        outside = [
            {"parameter": o.parameter, "value": o.value, "allowed": list(o.allowed)} for o in self.outside
        ]
        conflict = None if self.conflict is None else self.conflict.as_dict()
        return {"valid": False, "config": None, "conflict": conflict, "outside": outside}

    def __str__(self) -> str:
        lines = []
        for o in self.outside:
            known = shorten(", ".join(map(words, o.allowed)))
            lines.append(f"`{o.parameter}` cannot be kept: {shown(o.value)} is outside its domain: {known}")
        if self.conflict is not None:
            lines.append(f"no valid config is left: {self.conflict}")
        return "\n".join(lines)


def repair(
    model: Model,
    config: Mapping[str, Any],
    engine: Engine,
    compile_model: Compile,
    *,
    keep: Collection[str] = (),
    weights: Mapping[str, int] = ONE_EACH,
    settled: Mapping[str, Scalar] = _NOTHING,
) -> Repair | NoRepair:
    """The nearest solution of `model` to a config, which names parameters of it and of `settled` (names that
    are not searched, with their values).

    `keep` names what must stay, `weights` say how much a change counts. Raises UsageError for names that the
    config lacks, and for weights that are no whole numbers from 0.
    """
    _check_names(model, config, keep, weights)
    forced = {n: v for n, v in settled.items() if n in config and config[n] not in Domain((v,))}
    distance = Distance(model, {n: v for n, v in config.items() if n in model.index}, weights)
    kept = {name: config[name] for name in distance.named if name in keep}
    if outside := (*_held(forced, config, keep), *_outside(model, kept)):
        return NoRepair(None, outside)
    given = {name: (model[name].domain.code(value) or 0,) for name, value in kept.items()}
    found = nearest(engine, distance, given)
    if found is None:
        return NoRepair(find_conflict(model, compile_model, kept))
    made = _made(distance, found, config, forced)
    if not made.changes:
        return made
    return _widened(made, ways(engine, distance, given), _forced(engine, distance, made.solution))


def _widened(made: Repair, others: Ways, added: Mapping[str, Scalar]) -> Repair:
    """A repair with what would have done as well, and what must be added to it."""
    return replace(
        made,
        config={**made.config, **added},
        added=MappingProxyType(added),
        equally_near=others.count,
        menus=others.menus,
        is_product=others.is_product,
        at_least=others.at_least,
    )


def _made(
    distance: Distance, found: Nearest, config: Mapping[str, Any], forced: Mapping[str, Scalar]
) -> Repair:
    """The repair, without what would have done as well."""
    model, solution = distance.model, found.values(distance)
    after = {**solution, **forced}
    changes = tuple(
        Change(name, value, after[name])
        for name, value in config.items()
        if name in forced or (name in solution and value not in Domain((solution[name],)))
    )
    return Repair(
        config={**config, **{change.parameter: change.after for change in changes}},
        solution=MappingProxyType(solution),
        changes=changes,
        added=_NOTHING,
        changed=found.weight + sum(distance.weights.get(name, 1) for name in forced),
        moved=sum(int(distance.moved(n)[model[n].domain.code(solution[n]) or 0]) for n in distance.named),
        equally_near=1,
        menus=(),
        weighed=any(weight != 1 for weight in distance.weights.values()),
        partial=len(distance.named) < len(model.parameters),
    )


def _forced(engine: Engine, distance: Distance, solution: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """The open parameters that have no valid config at their default beside the named ones of a solution."""
    model = distance.model
    named = {name: (model[name].domain.code(solution[name]) or 0,) for name in distance.named}

    def is_forced(parameter: Parameter) -> bool:
        default = parameter.default
        if parameter.name in named or isinstance(default, NoDefault):
            return False
        code = parameter.domain.code(default)
        if code is None or same_value(default, solution[parameter.name]):
            return code is None
        return engine.costed(distance.costs, {**named, parameter.name: (code,)}).least() is None

    return {p.name: solution[p.name] for p in model.parameters if is_forced(p)}


def _outside(model: Model, kept: Mapping[str, Any]) -> Iterator[OutsideValue]:
    for name, value in kept.items():
        if value not in model[name].domain:
            yield OutsideValue(name, value, model[name].domain.values, type_fits=True)


def _held(
    forced: Mapping[str, Scalar], config: Mapping[str, Any], keep: Collection[str]
) -> Iterator[OutsideValue]:
    for name, value in forced.items():
        if name in keep:
            yield OutsideValue(name, config[name], (value,), type_fits=True)


def _check_names(
    model: Model, config: Mapping[str, Any], keep: Collection[str], weights: Mapping[str, int]
) -> None:
    for what, names in (("keep", keep), ("weigh", weights)):
        for name in names:
            if name not in config:
                hint = did_you_mean(name, {*model.index, *config} - {name})
                raise UsageError(
                    Fault(f"there is no `{name}` to {what}: the config does not name it", hint=hint)
                )
    for name, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, int) or weight < 0:
            raise UsageError(f"a weight is a whole number from 0, and that of `{name}` is {shown(weight)}")
