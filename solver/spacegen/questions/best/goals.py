"""What is best in a space: its objectives in order of importance, and what broken preferences cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from spacegen.engines.protocol import Block
from spacegen.errors import Fault, UsageError
from spacegen.language.columns import Column, column
from spacegen.language.expr import Compare, Const, Expr, IsTrue, Not, Product, Ref, Scalar, Sum
from spacegen.language.model import Direction, Model, NoDefault, Objective, Preference
from spacegen.language.sharing import evaluate_shared
from spacegen.language.unknowns import is_open, unset_names
from spacegen.language.walk import scope

__all__ = [
    "BROKEN",
    "UNKNOWN",
    "Goal",
    "Key",
    "columns_of",
    "departures",
    "evaluated",
    "goals_of",
    "idle_objectives",
    "measures",
    "required_goals",
]

BROKEN: Final = "broken_weight"
"""The name of what broken preferences cost."""

Key: TypeAlias = tuple[int, Any]
"""How good a value is, smaller is better: (0, the number or its opposite), (1, 0) where it is unknown."""
UNKNOWN: Final[Key] = (1, 0)


@dataclass(frozen=True, slots=True)
class Goal:
    """One thing to have most or least of."""

    id: str
    direction: Direction
    expr: Expr
    unit: str | None = None

    def key(self, value: Scalar) -> Key:
        """How good a value is."""
        if value is None or isinstance(value, str) or value != value:
            return UNKNOWN
        return 0, -value if self.direction == "maximize" else value + 0

    def value(self, key: Key) -> Scalar:
        """The number of a key; None where it is unknown, or where anything is possible."""
        place, number = key
        if place != 0:
            return None
        return -number if self.direction == "maximize" else number  # type: ignore[no-any-return]


def goals_of(model: Model) -> tuple[Goal, ...]:
    """The objectives of a model that have a value, then what its broken preferences cost."""
    idle = idle_objectives(model)
    goals = tuple(Goal(o.id, o.direction, o.expr, o.unit) for o in model.objectives if o not in idle)
    if not model.preferences:
        return goals
    return (*goals, Goal(BROKEN, "minimize", Sum(tuple(map(_price, model.preferences)))))


def departures(model: Model) -> Goal | None:
    """What decides among equals: how many parameters are not at their defaults. None where none has one."""
    terms = tuple(
        Compare("!=", Ref(p.name), Const(p.default))
        for p in model.parameters
        if not isinstance(p.default, NoDefault)
    )
    return Goal("departures", "minimize", Sum(terms)) if terms else None


def idle_objectives(model: Model) -> tuple[Objective, ...]:
    """The objectives that are unknown for all values, because a constant has none."""
    return tuple(o for o in model.objectives if is_open(o.expr))


def required_goals(model: Model) -> tuple[Goal, ...]:
    """The goals of a model. Raises UsageError where it has none."""
    goals = goals_of(model)
    if not goals and model.objectives:
        from spacegen.language.inputs import source_of  # reads YAML

        names = unset_names(model.objectives[0].expr)
        source = source_of(names)
        how = f"`--{source}` gives constants" if source else f"`--set {min(names)}=…` gives a constant"
        message = f"what is best in `{model.name}` has no value yet"
        raise UsageError(Fault(message, hint=f"{how} their values" if source else f"{how} its value"))
    if not goals:
        hint = "`--maximize EXPR` and `--minimize EXPR` say it, or `objective:` in the space"
        raise UsageError(Fault(f"`{model.name}` does not say what is best", hint=hint))
    return goals


def measures(model: Model) -> dict[str, Expr]:
    """What can be told of each solution by name: derived values, objectives, what broken preferences cost."""
    derived = {d.name: d.expr for d in model.derived}
    return {**derived, **{o.id: o.expr for o in model.objectives}, **{g.id: g.expr for g in goals_of(model)}}


def columns_of(model: Model, names: Iterable[str]) -> list[str]:
    """Names of more columns, with those of all goals for `objective`; no name of a parameter, which has a
    column anyway."""
    goals = [goal.id for goal in goals_of(model)]
    found = [each for name in names for each in (goals if name == "objective" else [name])]
    return [name for name in dict.fromkeys(found) if name not in goals or name not in model.index]


def _price(preference: Preference) -> Expr:
    return Product((Const(preference.weight), IsTrue(Not(preference.rule.condition))))


def evaluated(model: Model, block: Block, expr: Expr) -> Column:
    """The values of an expression for each row of a block."""
    env = {
        name: column(model[name].domain.values).take(block.columns[model.index[name]]) for name in scope(expr)
    }
    found = evaluate_shared(expr, env)
    if found.data.shape == (len(block),):
        return found
    return found.reshape((1,)).take(np.zeros(len(block), np.intp))
