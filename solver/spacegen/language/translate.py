"""Python syntax trees to expressions: the allow-list, names and types, with the exact place of each fault."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from spacegen.errors import Fault, did_you_mean
from spacegen.language.expr import (
    Abs,
    And,
    Compare,
    CompareOp,
    Const,
    Divide,
    DivideOp,
    Expr,
    Extreme,
    IfElse,
    In,
    IsNull,
    Negate,
    Not,
    Or,
    Product,
    Sum,
    Unset,
)
from spacegen.language.model import Domain
from spacegen.language.place import Place
from spacegen.language.typecheck import Want, mismatches, types_of, unwanted
from spacegen.language.unsupported import unsupported, unsupported_call, unsupported_operator
from spacegen.language.walk import implies

__all__ = ["MALFORMED", "MAX_DEPTH", "Names", "TooDeepError", "Translator"]

MAX_DEPTH: Final = 100
"""How deep an expression may nest; chains of one operator count once."""

_MAX_HINTS: Final = 10
_LITERALS: Final[Mapping[str, bool | None]] = {"true": True, "false": False, "null": None}
_COMPARE: Final[Mapping[type[ast.cmpop], CompareOp]] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_DIVIDE: Final[Mapping[type[ast.operator], DivideOp]] = {ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%"}
_FUNCTIONS: Final = ("min", "max", "abs", "implies")
MALFORMED: Final = Unset("")
"""Stands for what was reported already: its types are unknown, so it offends nobody."""


@dataclass(frozen=True)
class Names:
    """What the names of an expression stand for: parameter to Ref, constant to Const or Unset, derived value
    to its expression; and the domains of the parameters, for their types."""

    symbols: Mapping[str, Expr]
    domains: Mapping[str, Domain]


class TooDeepError(Exception):
    """An expression nests deeper than `MAX_DEPTH`."""


class Translator:
    """Turns the tree of one text into an expression and collects everything that is wrong with it."""

    def __init__(self, place: Place, names: Names) -> None:
        self._place = place
        self._names = names
        self.faults: list[Fault] = []

    def condition_or_value(self, node: ast.expr, want: Want) -> Expr:
        """The whole text as an expression of the wanted type."""
        expr = self._expr(node, 0)
        problem = unwanted(types_of(expr, self._names.domains), want, self._place.segment(node))
        if problem and not self.faults:
            self._fault(node, *problem)
        return expr

    def _fault(self, where: ast.expr | int, message: str, hint: str | None = None) -> Expr:
        column = where if isinstance(where, int) else self._place.column(where)
        self.faults.append(Fault(message, self._place.at(column), hint))
        return MALFORMED

    def _checked(self, expr: Expr, operands: Sequence[ast.expr]) -> Expr:
        def text(i: int) -> str:
            return self._place.segment(operands[i])

        wrong = list(mismatches(expr, self._names.domains, text))
        for mismatch in wrong:
            self._fault(operands[mismatch.operand], mismatch.message, mismatch.hint)
        return MALFORMED if wrong else expr

    def _each(self, nodes: Sequence[ast.expr], depth: int) -> tuple[Expr, ...]:
        return tuple(self._expr(node, depth + 1) for node in nodes)

    def _expr(self, node: ast.expr, depth: int) -> Expr:  # noqa: C901 - one flat match over the nodes
        if depth > MAX_DEPTH:
            raise TooDeepError
        match node:
            case ast.Constant():
                return self._constant(node)
            case ast.Name(id=name):
                return self._name(node, name)
            case ast.BoolOp(op=op, values=values):
                items = self._each(values, depth)
                return self._checked(And(items) if isinstance(op, ast.And) else Or(items), values)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self._checked(Not(self._expr(operand, depth + 1)), [operand])
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._negative(operand, depth)
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                return self._sum(node, depth)
            case ast.BinOp(op=ast.Mult()):
                return self._product(node, depth)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _DIVIDE:
                sides = self._each([left, right], depth)
                return self._checked(Divide(_DIVIDE[type(op)], *sides), [left, right])
            case ast.BinOp(left=left, op=op):
                return self._fault(self._place.after(left), *unsupported_operator(op))
            case ast.UnaryOp(op=op):
                return self._fault(node, *unsupported_operator(op))
            case ast.Compare(left=left, ops=ops, comparators=rights):
                return self._chain(left, ops, rights, depth)
            case ast.IfExp(test=test, body=body, orelse=other):
                nodes = [test, body, other]
                return self._checked(IfElse(*self._each(nodes, depth)), nodes)
            case ast.Call():
                return self._call(node, depth)
            case _:
                return self._fault(node, *unsupported(node))

    def _constant(self, node: ast.Constant, sign: int = 1) -> Expr:
        value = node.value
        match value:
            case bool() | None:
                return Const(value)
            case int() if not -(2**63) <= sign * value < 2**63:
                return self._fault(node, "the integer does not fit in 64 bits")
            case float() if math.isinf(value):
                return self._fault(node, "the number is too large for a double")
            case int() | float():
                return Const(sign * value)
            case str():
                return self._string(node, value)
            case _:
                return self._fault(node, f"`{self._place.segment(node)}` is no value of this language")

    def _string(self, node: ast.Constant, value: str) -> Expr:
        spelling = self._place.text[self._place.column(node) :]
        if spelling[:1] not in ("'", '"') or spelling[:3] in ("'''", '"""'):
            return self._fault(node, "a string stands in single or double quotes, without a prefix")
        body = node.end_col_offset or 0
        if _closes_early(self._place.segment(node, limit=body + 1)):
            return self._fault(
                node, "two strings stand side by side", "put a comma or an operator between them"
            )
        if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
            return self._fault(node, "the string is not valid Unicode")
        return Const(value)

    def _name(self, node: ast.Name, name: str) -> Expr:
        if name in self._names.symbols:
            return self._names.symbols[name]
        if name in _LITERALS:
            return Const(_LITERALS[name])
        message = f"unknown name `{name}`"
        if any(fault.message == message for fault in self.faults):
            return MALFORMED
        if any(name in domain for domain in self._names.domains.values()):
            return self._fault(node, message, f'for the string, write `"{name}"`')
        # Looking for close names is slow, and the first few say it all.
        known = [*self._names.symbols, *_LITERALS] if len(self.faults) < _MAX_HINTS else []
        return self._fault(node, message, did_you_mean(name, known))

    def _negative(self, operand: ast.expr, depth: int) -> Expr:
        if isinstance(operand, ast.Constant) and type(operand.value) in (int, float):
            return self._constant(operand, -1)
        item = self._expr(operand, depth + 1)
        match item:
            case Const(int() | float() as value) if not isinstance(value, bool) and value != -(2**63):
                return Const(-value)
            case _:
                return self._checked(Negate(item), [operand])

    def _sum(self, node: ast.expr, depth: int) -> Expr:
        terms: list[tuple[bool, ast.expr]] = []
        while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            terms.append((isinstance(node.op, ast.Sub), node.right))
            node = node.left
        terms.append((False, node))
        terms.reverse()
        items = [
            self._negative(term, depth) if subtracted else self._expr(term, depth + 1)
            for subtracted, term in terms
        ]
        return self._checked(Sum(tuple(items)), [term for _, term in terms])

    def _product(self, node: ast.expr, depth: int) -> Expr:
        factors: list[ast.expr] = []
        while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            factors.append(node.right)
            node = node.left
        factors.append(node)
        factors.reverse()
        return self._checked(Product(self._each(factors, depth)), factors)

    def _chain(
        self, left: ast.expr, ops: Sequence[ast.cmpop], rights: Sequence[ast.expr], depth: int
    ) -> Expr:
        items = []
        for op, right in zip(ops, rights, strict=True):
            items.append(self._comparison(left, op, right, depth))
            left = right
        return items[0] if len(items) == 1 else And(tuple(items))

    def _comparison(self, left: ast.expr, op: ast.cmpop, right: ast.expr, depth: int) -> Expr:
        if isinstance(op, ast.In | ast.NotIn):
            inside = self._membership(left, right, depth)
            return Not(inside) if isinstance(op, ast.NotIn) else inside
        sides = self._each([left, right], depth)
        if isinstance(op, ast.Is | ast.IsNot):
            if sides[1] != Const(None):
                return self._fault(
                    right, "`is` compares with `null` only", "compare values with `==` and `!=`"
                )
            null = IsNull(sides[0])
            return Not(null) if isinstance(op, ast.IsNot) else null
        return self._checked(Compare(_COMPARE[type(op)], *sides), [left, right])

    def _membership(self, item: ast.expr, choices: ast.expr, depth: int) -> Expr:
        left = self._expr(item, depth + 1)
        if not isinstance(choices, ast.List | ast.Tuple):
            return self._fault(choices, "the right side of `in` must be a list", "for example `x in [1, 2]`")
        nodes = [item, *choices.elts]
        return self._checked(In(left, self._each(choices.elts, depth)), nodes)

    def _call(self, node: ast.Call, depth: int) -> Expr:
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name not in _FUNCTIONS:
            return self._fault(node, *unsupported_call(node, name, _FUNCTIONS))
        if node.keywords or any(isinstance(arg, ast.Starred) for arg in node.args):
            return self._fault(node, f"`{name}` takes plain arguments only")
        args = self._each(node.args, depth)
        match name, args:
            case "implies", (condition, consequence):
                parts = (self._checked(Or((item,)), [arg]) for item, arg in zip(args, node.args, strict=True))
                return MALFORMED if MALFORMED in list(parts) else implies(condition, consequence)
            case "abs", (item,):
                return self._checked(Abs(item), node.args)
            case "min" | "max", (_, *_):
                return self._checked(Extreme(name, args), node.args)
            case _:
                takes = {"implies": "two arguments", "abs": "one argument"}.get(name, "at least one argument")
                return self._fault(node, f"`{name}` takes {takes}, not {len(args)}")


def _closes_early(spelling: str) -> bool:
    """Whether the first quoted string of a spelling ends before the spelling does."""
    escaped = False
    for i, char in enumerate(spelling[1:], start=1):
        if char == spelling[0] and not escaped:
            return i < len(spelling) - 1
        escaped = char == "\\" and not escaped
    return True
