"""Clauses as CP-SAT constraints: natively where it has them, as tables over labels where not.

A clause is kept where it is not false, so each expression has two literals: that it is true, and that it
is not false. Both are functions of the parameters.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from ortools.sat.python import cp_model

from spacegen.engines.clauses import split
from spacegen.engines.cpsat.atoms import Atom, Atoms
from spacegen.engines.cpsat.parts import Part
from spacegen.engines.cpsat.variables import Literal
from spacegen.language.evaluate import logic
from spacegen.language.expr import (
    AllDifferent,
    And,
    Automaton,
    Compare,
    Const,
    Count,
    Element,
    Expr,
    IfElse,
    In,
    IsTrue,
    Not,
    Or,
    Ref,
    Scalar,
    Table,
    Within,
)
from spacegen.language.lowering import lower_all_different, lower_element
from spacegen.language.model import identity
from spacegen.language.walk import scope

__all__ = ["Posting"]


class Posting(Atoms):
    """The CpModel of a part with all its clauses."""

    def __init__(self, part: Part) -> None:
        super().__init__(part)
        self._literals: dict[tuple[str, bool], Literal] = {}
        for clause in part.clauses:
            self._post(clause)

    # Constraints at the top: no literal where CP-SAT takes the constraint as it is.

    def _post(self, clause: Expr) -> None:
        match clause:
            case _ if len(scope(clause)) < 2:
                self.require_any([self._literal(clause, certain=False)])
            case Or(items):
                self._post_or(items)
            case AllDifferent(items):
                self._post_all_different(clause, items)
            case Element():
                self._post_element(clause)
            case Table(items, rows) if _are_refs(items):
                self.model.add_allowed_assignments(*self._known_rows(items, rows))
            case Not(Table(items, rows)) if _are_refs(items):
                self.model.add_forbidden_assignments(*self._known_rows(items, rows))
            case Automaton(items) if _are_refs(items):
                self._post_automaton(clause)
            case In(item, choices) if not _are_constants(choices):
                self._post_or(_as_equalities(item, choices))
            case Compare() | In() | Within() | Table() | Automaton() if self.atom(clause) is None:
                self._post_leaf(clause)
            case _:
                self._post_or((clause,))

    def _post_leaf(self, clause: Expr) -> None:
        names, value = self.tabulate(clause)
        _, maybe = logic(value)
        rows = self.rows(names, np.broadcast_to(maybe, value.data.shape))
        self.model.add_allowed_assignments([self.vars[name] for name in names], rows)

    def _post_or(self, items: tuple[Expr, ...]) -> None:
        """One linear disjunct is enforced where the others fail, the rest are literals."""
        linear: Atom | None = None
        rest: list[Literal] = []
        for item in items:
            found = self._linear(item) if linear is None else None
            linear = linear or found
            rest.append(self._literal(item, certain=False) if found is None else found.gap)
        if linear is None:
            self.require_any(rest)
        elif not any(literal is True for literal in rest):
            otherwise = [self.negated(literal) for literal in rest if literal is not False]
            inside = self.model.add_linear_expression_in_domain(linear.expr, linear.domain)
            inside.only_enforce_if(otherwise)

    def _linear(self, expr: Expr) -> Atom | None:
        """A comparison that needs no literal of its own."""
        atom = self.atom(expr) if len(scope(expr)) > 1 else None
        return None if atom is None or isinstance(atom.expr, int) or atom.null is not False else atom

    def _post_all_different(self, clause: AllDifferent, items: tuple[Expr, ...]) -> None:
        terms = [self.term(item) for item in items]
        plain = [term for term in terms if term is not None and term.is_plain]
        if len(plain) == len(terms):
            self.model.add_all_different([self.affine(term) for term in plain])
        else:
            for pair in split(lower_all_different(clause)):
                self._post(pair)

    def _post_element(self, clause: Element) -> None:
        parts = [self.term(part) for part in (clause.index, *clause.choices, clause.target)]
        plain = [term for term in parts if term is not None and term.is_plain]
        if len(plain) == len(parts) and clause.choices:
            index, *choices, target = (self.affine(term) for term in plain)
            self.model.add_element(index, choices, target)
        else:
            for part in split(lower_element(clause)):
                self._post(part)

    def _known_rows(
        self, items: tuple[Expr, ...], rows: tuple[tuple[Scalar, ...], ...]
    ) -> tuple[list[Any], list[list[int]]]:
        """A table's variables, and its rows as labels where every value is live."""
        names = scope(Table(items, ()))
        labels = [self._labels_by_value(name) for name in names]
        found = []
        for row in rows:
            row_labels = [by_value.get(identity(v)) for by_value, v in zip(labels, row, strict=True)]
            if None not in row_labels:
                found.append(row_labels)
        return [self.vars[name] for name in names], found  # type: ignore[return-value]

    def _labels_by_value(self, name: str) -> dict[tuple[str, Scalar], int]:
        values = self.part.columns[name].values()
        return dict(zip(map(identity, values), self.labels[name].tolist(), strict=True))

    def _post_automaton(self, clause: Automaton) -> None:
        """CP-SAT reads integers: each item is read as the number of its value among all values."""
        numbers: dict[tuple[str, Scalar], int] = {}
        read = []
        for name in (item.name for item in clause.items if isinstance(item, Ref)):
            pairs = [
                (label, numbers.setdefault(value, len(numbers)))
                for value, label in self._labels_by_value(name).items()
            ]
            symbol = self.model.new_int_var_from_domain(
                cp_model.Domain.from_values([number for _, number in pairs]), ""
            )
            self.model.add_allowed_assignments([self.vars[name], symbol], pairs)
            read.append(symbol)
        arcs = [
            (state, numbers[identity(value)], then)
            for state, value, then in clause.transitions
            if identity(value) in numbers
        ]
        if clause.finals and arcs:
            self.model.add_automaton(read, clause.start, sorted(clause.finals), arcs)
        else:
            self.require_any([bool(not read and clause.start in clause.finals)])

    # Literals.

    def _literal(self, expr: Expr, *, certain: bool) -> Literal:
        """Says that `expr` is true (`certain`), or that it is not false."""
        key = (repr(expr), certain)
        if key not in self._literals:
            self._literals[key] = self._new_literal(expr, certain)
        return self._literals[key]

    def _new_literal(self, expr: Expr, certain: bool) -> Literal:  # noqa: C901 - one flat match
        if len(scope(expr)) <= 1:
            return self._tabulated(expr, certain)
        match expr:
            case Not(item):
                return self.negated(self._literal(item, certain=not certain))
            case IsTrue(item):
                return self._literal(item, certain=True)
            case And(items):
                return self.all_of([self._literal(item, certain=certain) for item in items])
            case Or(items):
                return self.any_of([self._literal(item, certain=certain) for item in items])
            case IfElse(test, then, other):
                return self._if_else(test, then, other, certain)
            case Count(items, allowed):
                return self._count(items, allowed, certain)
            case In(item, choices) if not _are_constants(choices):
                return self._literal(Or(_as_equalities(item, choices)), certain=certain)
            case Compare() | In() | Within():
                return self._comparison(expr, certain)
            case AllDifferent():
                return self._literal(lower_all_different(expr), certain=certain)
            case Element():
                return self._literal(lower_element(expr), certain=certain)
            case _:
                return self._tabulated(expr, certain)

    def _tabulated(self, expr: Expr, certain: bool) -> Literal:
        names, value = self.tabulate(expr)
        yes, maybe = logic(value)
        return self.where(names, np.broadcast_to(yes if certain else maybe, value.data.shape))

    def _if_else(self, test: Expr, then: Expr, other: Expr, certain: bool) -> Literal:
        yes, maybe = self._literal(test, certain=True), self._literal(test, certain=False)
        first = self._literal(then, certain=certain)
        second = self._literal(other, certain=certain)
        if certain:
            return self.any_of([self.all_of([yes, first]), self.all_of([self.negated(maybe), second])])
        return self.all_of([self.any_of([self.negated(yes), first]), self.any_of([maybe, second])])

    def _count(self, items: tuple[Expr, ...], allowed: frozenset[int], certain: bool) -> Literal:
        sure = [self._literal(item, certain=True) for item in items]
        most = [self._literal(item, certain=False) for item in items]
        good = sorted(n for n in allowed if 0 <= n <= len(items))
        if all(a is b for a, b in zip(sure, most, strict=True)):
            return self.within(sum(sure), cp_model.Domain.from_values(good))
        fits = all if certain else any
        width = len(items) + 1
        pairs = [
            (low, high)
            for low, high in product(range(width), repeat=2)
            if low <= high and fits(n in allowed for n in range(low, high + 1))
        ]
        # The two totals as one number, so that the pairs are a domain.
        return self.within(
            sum(sure) * width + sum(most), cp_model.Domain.from_values([a * width + b for a, b in pairs])
        )

    def _comparison(self, expr: Compare | In | Within, certain: bool) -> Literal:
        atom = self.atom(expr)
        return self._tabulated(expr, certain) if atom is None else self.holds(atom, certain=certain)


def _are_refs(items: tuple[Expr, ...]) -> bool:
    """Whether every item is a parameter of its own."""
    names = {item.name for item in items if isinstance(item, Ref)}
    return len(names) == len(items)


def _are_constants(choices: tuple[Expr, ...]) -> bool:
    return bool(choices) and all(isinstance(choice, Const) for choice in choices)


def _as_equalities(item: Expr, choices: tuple[Expr, ...]) -> tuple[Expr, ...]:
    return tuple(Compare("==", item, choice) for choice in choices)
