"""Where parameters are inactive, their values say nothing: a space with other values in these places.

Two versions of a server often differ in what an argument is by default. Where a space leaves the parameter
inactive, that is all there is to say about it, and no reason to call two solutions different ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter

from spacegen.language.columns import column
from spacegen.language.evaluate import not_false
from spacegen.language.expr import Compare, Const, Expr, IfElse, In, IsTrue, Or, Ref, Scalar
from spacegen.language.model import Model, NoDefault, Parameter, Rule, same_value
from spacegen.language.unparse import literal, unparse
from spacegen.language.walk import scope, substitute

__all__ = ["Moved", "move_inactive"]


@dataclass(frozen=True, slots=True)
class _Place:
    """A parameter that takes another value where it is not `active`."""

    name: str
    active: Expr
    before: Scalar
    after: Scalar

    @property
    def original(self) -> Expr:
        """The value before, from the one after."""
        return IfElse(self.active, Ref(self.name), Const(self.before))


@dataclass(frozen=True, slots=True)
class Moved:
    """A model whose rules are plain ones, `active_when` among them; its solutions are those of another, but
    for the values of inactive parameters."""

    model: Model
    places: tuple[_Place, ...]

    def original(self, config: Mapping[str, Scalar]) -> dict[str, Scalar]:
        """The solution of the other model that a solution stands for."""
        env = {name: column([value]) for name, value in config.items()}
        inactive = {p.name: p.before for p in self.places if not not_false(p.active, env).all()}
        return {**config, **inactive}


def move_inactive(model: Model, defaults: Mapping[str, Scalar]) -> Moved:
    """The model with inactive parameters at these defaults instead of its own.

    Solutions keep their number: what makes a parameter inactive is decided by others, whose values stay. (In
    a cycle of parameters that decide about each other nothing is moved.)
    """
    places = _places(model, defaults)
    back = {name: place.original for name, place in places.items()}
    rules = [
        replace(rule, condition=substitute(rule.condition, back))
        for rule in model.conditions
        if rule.id not in {f"{name}.active_when" for name in places}
    ]
    return Moved(
        model.replace(
            parameters=tuple(_parameter(p, places.get(p.name)) for p in model.parameters),
            rules=(*rules, *(rule for place in places.values() for rule in _rules(model, place))),
        ),
        tuple(places.values()),
    )


def _places(model: Model, defaults: Mapping[str, Scalar]) -> dict[str, _Place]:
    """The parameters that move, those first that decide about others."""
    found = {
        p.name: p
        for p in model.parameters
        if p.active_when is not None
        and not isinstance(p.default, NoDefault)
        and p.name in defaults
        and not same_value(p.default, defaults[p.name])
    }
    deciding = {name: set(scope(p.active_when)) & found.keys() for name, p in found.items() if p.active_when}
    try:
        order = list(TopologicalSorter(deciding).static_order())
    except CycleError:
        return {}
    places: dict[str, _Place] = {}
    for name in order:
        active, before = found[name].active_when, found[name].default
        assert active is not None, "only conditional parameters move"
        assert not isinstance(before, NoDefault), "a conditional parameter has a default"
        now = substitute(active, {other: place.original for other, place in places.items()})
        places[name] = _Place(name, IsTrue(now), before, defaults[name])
    return places


def _parameter(parameter: Parameter, place: _Place | None) -> Parameter:
    if place is None or place.after in parameter.domain:
        return replace(parameter, active_when=None)
    domain = replace(parameter.domain, values=(*parameter.domain.values, place.after))
    return replace(parameter, active_when=None, domain=domain)


def _rules(model: Model, place: _Place) -> list[Rule]:
    """That a parameter has the new default where it is inactive, and where it is active its old values."""
    parameter = model[place.name]
    pinned = next(rule for rule in model.conditions if rule.id == f"{place.name}.active_when")
    at_default = Compare("==", Ref(place.name), Const(place.after))
    rules = [replace(pinned, condition=Or((place.active, at_default)))]
    if place.after not in parameter.domain:
        rules.append(_own_values(parameter, place.active))
    return rules


def _own_values(parameter: Parameter, active: Expr) -> Rule:
    assert parameter.active_when is not None, "only conditional parameters move"
    choices = tuple(map(Const, parameter.domain))
    listed = ", ".join(map(literal, parameter.domain))
    return Rule(
        id=f"{parameter.name}.values",
        condition=IfElse(active, In(Ref(parameter.name), choices), Const(True)),
        text=f"when {unparse(parameter.active_when)}: {parameter.name} in [{listed}]",
        because="the space has no other values",
        span=parameter.span,
    )
