"""The variables of a CpModel: one a parameter, with literals for membership and terms for values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from ortools.sat.python import cp_model

from spacegen.engines.cpsat.parts import Part
from spacegen.errors import EngineError, Fault
from spacegen.language.columns import BOOL, NULL, NUMBER, STRING, Column, Mask, grid
from spacegen.language.evaluate import evaluate
from spacegen.language.expr import Expr
from spacegen.language.walk import scope

__all__ = ["EXACT", "MAX_ROWS", "Literal", "Term", "Variables"]

Literal: TypeAlias = Any
"""A Boolean variable, its negation, or a Python bool."""

MAX_ROWS: Final = 2**20
"""The longest table that is posted."""
_SMALL: Final = 4096
"""Terms that CP-SAT has no operator for are tabulated up to so many rows."""
EXACT: Final = 2**53


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """An integer as a linear expression with its bounds, and where it is no number after all.

    `null` and `unknown` say where; `boolean`: some values may be bools.
    """

    expr: Any
    low: int
    high: int
    null: Literal = False
    unknown: Literal = False
    boolean: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether every value is a number."""
        return self.null is False and self.unknown is False and not self.boolean


class Variables:
    """The CpModel of one part. Every variable beside the parameters' is a function of theirs, so that the
    CpModel has as many solutions as the part."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.model = cp_model.CpModel()
        self.labels = {name: _labels(part.columns[name]) for name in part.names}
        self.vars = {name: self._variable(name) for name in part.names}
        self._members: dict[tuple[str, bytes], Literal] = {}
        self.known_terms: dict[str, Term | None] = {}

    def _variable(self, name: str) -> cp_model.IntVar:
        labels = self.labels[name].tolist()
        if labels == [0, 1]:
            return self.model.new_bool_var(name)
        return self.model.new_int_var_from_domain(cp_model.Domain.from_values(labels), name)

    def member(self, name: str, mask: Mask) -> Literal:
        """A literal that says that the parameter has one of the live values in `mask`."""
        if mask.all() or not mask.any():
            return bool(mask.all())
        key = (name, mask.tobytes())
        if key not in self._members:
            self._members[key] = self._member(name, mask)
            self._members[name, (~mask).tobytes()] = self.negated(self._members[key])
        return self._members[key]

    def _member(self, name: str, mask: Mask) -> Literal:
        var, labels = self.vars[name], self.labels[name]
        if var.is_boolean:
            return var if mask[1] else ~var
        return self.within(var, cp_model.Domain.from_values(labels[mask].tolist()))

    def within(self, expr: Any, domain: cp_model.Domain) -> Literal:
        """A literal that says that a linear expression lies in a domain."""
        literal = self.model.new_bool_var("")
        self.model.add_linear_expression_in_domain(expr, domain).only_enforce_if(literal)
        self.model.add_linear_expression_in_domain(expr, domain.complement()).only_enforce_if(~literal)
        return literal

    @staticmethod
    def negated(literal: Literal) -> Literal:
        """The opposite of a literal."""
        return not literal if isinstance(literal, bool) else ~literal

    def any_of(self, literals: Iterable[Literal]) -> Literal:
        """A literal that says that at least one holds."""
        unsure = [literal for literal in literals if literal is not False]
        if any(literal is True for literal in unsure):
            return True
        if len(unsure) < 2:
            return unsure[0] if unsure else False
        result = self.model.new_bool_var("")
        self.model.add_bool_or(unsure).only_enforce_if(result)
        for literal in unsure:
            self.model.add_implication(literal, result)
        return result

    def all_of(self, literals: Iterable[Literal]) -> Literal:
        """A literal that says that every one holds."""
        return self.negated(self.any_of(map(self.negated, literals)))

    def require_any(self, literals: Iterable[Literal]) -> None:
        """Posts that at least one holds."""
        unsure = [literal for literal in literals if literal is not False]
        if not any(literal is True for literal in unsure):
            self.model.add_bool_or(unsure)

    def tabulate(self, expr: Expr) -> tuple[tuple[str, ...], Column]:
        """The parameters of an expression and its value over their grid; raises EngineError past MAX_ROWS."""
        names = scope(expr)
        shape = tuple(len(self.labels[name]) for name in names)
        if prod(shape) > MAX_ROWS:
            message = (
                f"engine `cpsat` has no constraint for a rule over {_listed(names)}: its table would have "
            )
            hint = "split the rule, name parts of it under `derived`, or make the domains smaller"
            raise EngineError(Fault(f"{message}{prod(shape):,} rows", hint=hint))
        value = evaluate(expr, grid(names, self.part.columns))
        unknown = None if value.unknown is None else np.broadcast_to(value.unknown, shape)
        kind = value.kind if isinstance(value.kind, int) else np.broadcast_to(value.kind, shape)
        return names, Column(np.broadcast_to(value.data, shape), kind, unknown, value.bound)

    def rows(self, names: tuple[str, ...], where: Mask) -> NDArray[np.int64]:
        """The labels of the grid's points in `where`, one row a point."""
        points = np.nonzero(where)
        return np.stack([self.labels[n][at] for n, at in zip(names, points, strict=True)], axis=1)

    def tabulated_term(self, expr: Expr) -> Term | None:
        """An expression over few rows as a term; None where its values are no machine integers."""
        key = repr(expr)
        if key not in self.known_terms:
            self.known_terms[key] = self._tabulated_term(expr)
        return self.known_terms[key]

    def _tabulated_term(self, expr: Expr) -> Term | None:
        names = scope(expr)
        if len(names) > 1 and prod(len(self.labels[name]) for name in names) > _SMALL:
            return None
        names, value = self.tabulate(expr)
        unknown = np.zeros(value.data.shape, bool) if value.unknown is None else value.unknown
        kinds = np.broadcast_to(np.asarray(value.kind), value.data.shape)
        null = (kinds == NULL) & ~unknown
        if ((kinds == STRING) & ~unknown).any() or value.data.dtype.kind not in "bi":
            return None
        data = np.where(unknown | null, 0, value.data).astype(np.int64)
        low, high = int(data.min()), int(data.max())
        if max(abs(low), abs(high)) > EXACT:
            return None
        boolean = bool(((kinds == BOOL) & ~unknown).any())
        tied = self.tied(names, data)
        return Term(tied, low, high, self.where(names, null), self.where(names, unknown), boolean)

    def tied(self, names: tuple[str, ...], data: NDArray[np.int64]) -> Any:
        """A linear expression that has these values over the grid."""
        if data.min() == data.max():
            return int(data.min())
        if len(names) == 1:
            labels = self.labels[names[0]]
            slope, rest = divmod(int(data[-1] - data[0]), int(labels[-1] - labels[0]))
            if not rest and (data - data[0] == slope * (labels - labels[0])).all():
                return self.vars[names[0]] * slope + int(data[0] - slope * labels[0])
        values = cp_model.Domain.from_values(np.unique(data).tolist())
        var = self.model.new_int_var_from_domain(values, "")
        rows = np.column_stack([self.rows(names, np.ones(data.shape, bool)), data.ravel()])
        self.model.add_allowed_assignments([*(self.vars[n] for n in names), var], rows)
        return var

    def where(self, names: tuple[str, ...], mask: Mask) -> Literal:
        """A literal that says that the parameters are at a point of the grid in `mask`."""
        if mask.all() or not mask.any():
            return bool(mask.all())
        if len(names) == 1:
            return self.member(names[0], mask)
        literal = self.model.new_bool_var("")
        rows = np.column_stack([self.rows(names, np.ones(mask.shape, bool)), mask.ravel()])
        self.model.add_allowed_assignments([*(self.vars[n] for n in names), literal], rows)
        return literal


def _labels(values: Column) -> NDArray[np.int64]:
    """What the variable of a parameter holds: its values where they are ascending integers, else positions.

    Either way the variable's order is that of the live codes.
    """
    data, count = values.data, len(values.data)
    if isinstance(values.kind, int) and values.kind == NUMBER and data.dtype == np.int64:
        ascending = bool((np.diff(data) > 0).all())
        if ascending and max(abs(int(data[0])), abs(int(data[-1]))) <= EXACT:
            return data.astype(np.int64)
    return np.arange(count, dtype=np.int64)


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"
