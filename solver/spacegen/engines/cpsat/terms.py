"""Arithmetic as CP-SAT has it: integers within ±2^53, linear where it can be, variables for the rest."""

from __future__ import annotations

from functools import reduce
from typing import Any, Final, Literal

from spacegen.engines.cpsat.variables import EXACT, Term, Variables
from spacegen.language.expr import (
    Abs,
    Divide,
    Expr,
    Extreme,
    Negate,
    Product,
    Sum,
)
from spacegen.language.walk import children, scope

__all__ = ["Terms"]

_NATIVE: Final = (Sum, Product, Negate, Abs, Extreme, Divide)


class Terms(Variables):
    """Expressions as terms, each built once. Null and unknown operands make a result unknown; what its
    expression is worth there does not matter."""

    def term(self, expr: Expr) -> Term | None:
        """`expr` as an integer term, or None where CP-SAT's integers cannot hold its values."""
        if len(scope(expr)) <= 1 or not isinstance(expr, _NATIVE):
            return self.tabulated_term(expr)
        key = repr(expr)
        if key not in self.known_terms:
            self.known_terms[key] = self._operator(expr) or self.tabulated_term(expr)
        return self.known_terms[key]

    def _operator(self, expr: Expr) -> Term | None:
        operands = []
        for part in children(expr):
            operand = self.term(part)
            if operand is None:
                return None
            operands.append(operand)
        result = self._result(expr, operands)
        if result is None or max(abs(result.low), abs(result.high)) > EXACT:
            return None
        gaps = [gap for operand in operands for gap in (operand.null, operand.unknown)]
        return Term(result.expr, result.low, result.high, unknown=self.any_of(gaps))

    def _result(self, expr: Expr, operands: list[Term]) -> Term | None:
        match expr:
            case Sum():
                return reduce(_add, operands)
            case Negate():
                return _scale(operands[0], -1)
            case Product():
                return self._product(operands)
            case Abs():
                return self._abs(operands[0])
            case Extreme(op=op):
                return self._extreme(op, operands)
            case Divide(op="//" | "%" as op):
                return self._divide(op, operands[0], operands[1])
            case _:
                return None

    def affine(self, term: Term) -> Any:
        """The term as a variable, which CP-SAT's operators want."""
        var = self.model.new_int_var(term.low, term.high, "")
        self.model.add(var == term.expr)
        return var

    def _product(self, operands: list[Term]) -> Term | None:
        product = Term(1, 1, 1)
        for operand in operands:
            if product.low == product.high or operand.low == operand.high:
                fixed, free = (product, operand) if product.low == product.high else (operand, product)
                product = _scale(free, fixed.low)
            else:
                corners = [a * b for a in (product.low, product.high) for b in (operand.low, operand.high)]
                if max(map(abs, corners)) > EXACT:
                    return None
                var = self.model.new_int_var(min(corners), max(corners), "")
                self.model.add_multiplication_equality(var, [self.affine(product), self.affine(operand)])
                product = Term(var, min(corners), max(corners))
        return product

    def _abs(self, operand: Term) -> Term:
        high = max(abs(operand.low), abs(operand.high))
        var = self.model.new_int_var(0, high, "")
        self.model.add_abs_equality(var, self.affine(operand))
        return Term(var, 0, high)

    def _extreme(self, op: Literal["min", "max"], operands: list[Term]) -> Term:
        choose = max if op == "max" else min
        low, high = choose(o.low for o in operands), choose(o.high for o in operands)
        var = self.model.new_int_var(low, high, "")
        post = self.model.add_max_equality if op == "max" else self.model.add_min_equality
        post(var, [self.affine(operand) for operand in operands])
        return Term(var, low, high)

    def _divide(self, op: Literal["//", "%"], left: Term, right: Term) -> Term | None:
        # CP-SAT rounds towards zero and has no model at all where 0 is a divisor.
        if left.low < 0 or right.low < 1:
            return None
        if op == "//":
            low, high = left.low // right.high, left.high // right.low
            var = self.model.new_int_var(low, high, "")
            self.model.add_division_equality(var, self.affine(left), self.affine(right))
            return Term(var, low, high)
        high = min(left.high, right.high - 1)
        var = self.model.new_int_var(0, high, "")
        self.model.add_modulo_equality(var, self.affine(left), self.affine(right))
        return Term(var, 0, high)


def _add(left: Term, right: Term) -> Term:
    return Term(left.expr + right.expr, left.low + right.low, left.high + right.high)


def _scale(term: Term, factor: int) -> Term:
    low, high = sorted((term.low * factor, term.high * factor))
    return Term(term.expr * factor if factor else 0, low, high)
