"""Which parts of a condition make it false, at given values of its parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from spacegen.language.columns import Column, column
from spacegen.language.evaluate import evaluate, logic
from spacegen.language.expr import (
    AllDifferent,
    And,
    Const,
    Element,
    Expr,
    IfElse,
    IsTrue,
    Not,
    Or,
    Ref,
    Scalar,
    Unset,
)
from spacegen.language.lowering import lower_all_different, lower_element
from spacegen.language.model import Derived, Model
from spacegen.language.walk import children

__all__ = ["At", "Fact", "Facts", "Named"]


@dataclass(frozen=True, slots=True)
class Fact:
    """A part of a condition and its truth (None: unknown). A `given` one is what the rest is held against,
    as it stands in a `when`."""

    expr: Expr
    holds: bool | None
    given: bool


class Named:
    """Which derived value an expression is."""

    def __init__(self, derived: Iterable[Derived]) -> None:
        # The whole of such an expression may have thousands of parts: most are told apart by the first.
        self._alike: dict[tuple[object, ...], list[Derived]] = {}
        for value in derived:
            # A name for a value that has one already says nothing.
            if not isinstance(value.expr, Const | Ref | Unset):
                self._alike.setdefault(_look(value.expr), []).append(value)

    def get(self, expr: Expr) -> Derived | None:
        """The derived value that the expression is, if any."""
        return next((d for d in self._alike.get(_look(expr), ()) if d.expr == expr), None)


def _look(expr: Expr) -> tuple[object, ...]:
    parts = children(expr)
    return (type(expr), *(part if isinstance(part, Const | Ref) else type(part) for part in parts))


@dataclass(frozen=True, slots=True, eq=False)
class At:
    """The meaning of expressions at one value for each parameter that they mention."""

    columns: Mapping[str, Column]
    _known: dict[int, tuple[Expr, Column]] = field(default_factory=dict)

    @staticmethod
    def of(model: Model, values: Mapping[str, Scalar]) -> At:
        """At these values, which lie in their domains."""
        return At({name: _at(model, name, value) for name, value in values.items()})

    def _column(self, expr: Expr) -> Column:
        # The expression is kept beside its value, so that its id stays its own.
        if id(expr) not in self._known:
            self._known[id(expr)] = expr, evaluate(expr, self.columns)
        return self._known[id(expr)][1]

    def value(self, expr: Expr) -> Scalar:
        """The value of an expression; None also where it is unknown."""
        found = self._column(expr)
        return found.reshape((1,)).values()[0]

    def truth(self, expr: Expr) -> bool | None:
        """The truth of a condition; None where it is unknown."""
        yes, maybe = logic(self._column(expr))
        return True if yes.all() else False if not maybe.any() else None


def _at(model: Model, name: str, value: Scalar) -> Column:
    # The whole domain decides whether its numbers are decimals.
    domain = model[name].domain
    code = domain.code(value)
    assert code is not None, "a value lies in its domain"
    return column(domain.values).take(np.array([code]))


def _written_out(expr: Expr) -> Expr:
    match expr:
        case AllDifferent():
            return lower_all_different(expr)
        case Element():
            return lower_element(expr)
        case _:
            return expr


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """Finds facts. The names of conditions in `named` are left as they stand once `depth` of them are
    opened; with `thorough` every false part is told, else the first of them."""

    at: At
    named: Named
    depth: int
    thorough: bool = True

    def of(self, expr: Expr) -> tuple[Fact, ...]:
        """Facts from which alone the truth of the condition follows."""
        return tuple(dict.fromkeys(self._of(expr, self.depth, given=isinstance(expr, Not))))

    def _of(self, expr: Expr, depth: int, *, given: bool) -> Iterator[Fact]:
        if self.named.get(expr) is not None:
            if depth == 0:
                yield Fact(expr, self.at.truth(expr), given)
                return
            depth -= 1
        match _written_out(expr):
            case Not(item) | IsTrue(item):
                yield from self._of(item, depth, given=given)
            case And(items):
                for item in self._telling(items, False, self.at.truth(expr)):
                    yield from self._of(item, depth, given=given)
            case Or(items):
                for item in self._telling(items, True, self.at.truth(expr)):
                    when = isinstance(item, Not | IsTrue) and item is not items[-1]
                    yield from self._of(item, depth, given=given or when)
            case IfElse(test, then, other):
                yield from self._chosen(test, then, other, depth, given=given)
            case _:
                yield Fact(expr, self.at.truth(expr), given)

    def _telling(self, items: tuple[Expr, ...], decides: bool, found: bool | None) -> Sequence[Expr]:
        """The items that make a conjunction what it was `found` to be, which one false item `decides`; or
        those of a disjunction, which one true item does."""
        if found is not decides:
            return items
        telling = [item for item in items if self.at.truth(item) is decides]
        return telling if self.thorough else telling[:1]

    def _chosen(self, test: Expr, then: Expr, other: Expr, depth: int, *, given: bool) -> Iterator[Fact]:
        yield from self._of(test, depth, given=True)
        match self.at.truth(test):
            case True:
                yield from self._of(then, depth, given=given)
            case False:
                yield from self._of(other, depth, given=given)
