"""Comparisons as linear expressions that must lie in a domain."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, floor
from typing import Any, Final

from ortools.sat.python import cp_model

from spacegen.engines.cpsat.terms import Terms
from spacegen.engines.cpsat.variables import Literal
from spacegen.language.expr import (
    Compare,
    CompareOp,
    Const,
    Expr,
    In,
    Not,
    Scalar,
    Within,
)

__all__ = ["Atom", "Atoms"]

_DIFFERENCE: Final[dict[CompareOp, tuple[int, int]]] = {
    "<": (cp_model.INT_MIN, -1),
    "<=": (cp_model.INT_MIN, 0),
    ">": (1, cp_model.INT_MAX),
    ">=": (0, cp_model.INT_MAX),
    "==": (0, 0),
}


@dataclass(frozen=True, slots=True, eq=False)
class Atom:
    """True where `expr` lies in `domain`; where `null` holds, true where `on_null` does; unknown in `gap`."""

    expr: Any
    domain: cp_model.Domain
    gap: Literal = False
    null: Literal = False
    on_null: Literal = False


class Atoms(Terms):
    """Comparisons, each read once."""

    def atom(self, expr: Expr) -> Atom | None:
        """A comparison of integer terms, or None where `expr` is something else."""
        match expr:
            case Not(item):
                return self._opposite(item)
            case Compare("!=", left, right):
                return self._opposite(Compare("==", left, right))
            case Compare("==", left, Const(value)):
                return self._one_of(left, (value,))
            case Compare(op, left, right):
                return self._compared(op, left, right)
            case In(item, choices):
                values = tuple(choice.value for choice in choices if isinstance(choice, Const))
                return self._one_of(item, values) if values and len(values) == len(choices) else None
            case Within():
                return self._within_intervals(expr)
            case _:
                return None

    def holds(self, atom: Atom, *, certain: bool) -> Literal:
        """A literal that says that the atom is true (`certain`), or that it is not false."""
        if isinstance(atom.expr, int):
            inside: Literal = bool(atom.domain.contains(atom.expr))
        else:
            inside = self.within(atom.expr, atom.domain)
        if atom.null is not False:
            inside = self.any_of(
                [self.all_of([atom.null, atom.on_null]), self.all_of([self.negated(atom.null), inside])]
            )
        return self.all_of([self.negated(atom.gap), inside]) if certain else self.any_of([atom.gap, inside])

    def _opposite(self, item: Expr) -> Atom | None:
        atom = self.atom(item)
        if atom is None:
            return None
        return replace(atom, domain=atom.domain.complement(), on_null=self.negated(atom.on_null))

    def _compared(self, op: CompareOp, left: Expr, right: Expr) -> Atom | None:
        a, b = self.term(left), self.term(right)
        if a is None or b is None:
            return None
        domain = cp_model.Domain(*_DIFFERENCE[op])
        if op != "==":
            gap = self.any_of([a.null, a.unknown, b.null, b.unknown])
            return Atom(a.expr - b.expr, domain, gap)
        if a.boolean or b.boolean:
            return None
        null, on_null = self.any_of([a.null, b.null]), self.all_of([a.null, b.null])
        return Atom(a.expr - b.expr, domain, self.any_of([a.unknown, b.unknown]), null, on_null)

    def _one_of(self, item: Expr, values: tuple[Scalar, ...]) -> Atom | None:
        term = self.term(item)
        if term is None or term.boolean:
            return None
        numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        inside = [int(v) for v in numbers if v == int(v) and term.low <= v <= term.high]
        return Atom(term.expr, cp_model.Domain.from_values(inside), term.unknown, term.null, None in values)

    def _within_intervals(self, node: Within) -> Atom | None:
        if (None, None) in node.intervals:
            return Atom(0, cp_model.Domain(0, 0))  # true whatever the item is
        term = self.term(node.item)
        if term is None:
            return None
        bounds = [
            [
                cp_model.INT_MIN if low is None else max(ceil(low), cp_model.INT_MIN),
                cp_model.INT_MAX if high is None else min(floor(high), cp_model.INT_MAX),
            ]
            for low, high in node.intervals
        ]
        domain = cp_model.Domain.from_intervals([pair for pair in bounds if pair[0] <= pair[1]])
        gap = self.any_of([term.null, term.unknown]) if node.intervals else False
        return Atom(term.expr, domain, gap)
