"""Arithmetic in words, every name with its value: `tp_size=8 × pp_size=2`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from spacegen.language.expr import (
    Abs,
    Const,
    Divide,
    Expr,
    Extreme,
    IfElse,
    Negate,
    Product,
    Ref,
    Scalar,
    Sum,
    Unset,
)
from spacegen.language.model import Model
from spacegen.language.unparse import unparse
from spacegen.language.walk import scope
from spacegen.questions.edits import words
from spacegen.questions.why.facts import At, Named

__all__ = ["Side", "Terms", "number"]

_MOST_ITEMS: Final = 6
_GROUPED: Final = 10_000
_EXACT: Final = 10**15


class _Level(IntEnum):
    SUM = 0
    PRODUCT = 1
    UNARY = 2
    ATOM = 3


def number(value: Scalar) -> str:
    """A computed value: digits in groups, decimals to six places."""
    match value:
        case bool() | None | str():
            return words(value)
        case int():
            return f"{value:,}" if abs(value) >= _GROUPED else str(value)
        case float():
            whole = value.is_integer() and abs(value) < _EXACT
            return number(int(value)) if whole else f"{value:,.6g}"


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: its text, and its value where the text does not end with it."""

    text: str
    value: Scalar
    worked: bool = False
    unit: str = ""
    exact: bool = False

    @property
    def result(self) -> str:
        """The value, with its unit."""
        return f"{words(self.value) if self.exact else number(self.value)}{self.unit}"


@dataclass(slots=True)
class Terms:
    """Renders terms. Derived values are written by name once `depth` of them are opened; `choices` collects
    the tests that chose between two terms."""

    at: At
    named: Named
    units: Mapping[str, str]
    depth: int
    choices: dict[Expr, None] = field(default_factory=dict)

    @staticmethod
    def units_of(model: Model) -> dict[str, str]:
        """The units of constants, by name."""
        return {c.name: c.unit for c in model.constants if c.unit is not None}

    def is_thing(self, expr: Expr) -> bool:
        """Whether the expression is something with a name and a value of its own."""
        if isinstance(expr, Ref) or (isinstance(expr, Const) and expr.name is not None):
            return True
        return self.depth == 0 and self.named.get(expr) is not None

    def name(self, expr: Expr) -> str:
        """The name of such a thing."""
        match expr:
            case Ref(name) | Const(name=str() as name):
                return name
            case _:
                derived = self.named.get(expr)
                assert derived is not None, "only a thing has a name"
                return derived.name

    def side(self, expr: Expr) -> Side:
        """The expression as a side of a comparison."""
        value = self.at.value(expr)
        derived = self.named.get(expr)
        unit = f" {derived.unit}" if derived is not None and derived.unit else ""
        match expr:
            case Const(name=str() as name) if name in self.units:
                return Side(f"{number(value)} {self.units[name]}", value)
            case Ref() | Const() | Unset():
                return Side(self.text(expr), value)
            case _ if not scope(expr):
                return Side(f"{number(value)}{unit}", value)
            case _ if derived is not None and self.depth == 0:
                return Side(f"{derived.name}={number(value)}{unit}", value)
            case _:
                return Side(self.text(expr), value, worked=True, unit=unit)

    def text(self, expr: Expr) -> str:
        """The expression with the values of its names."""
        return self._render(expr, self.depth)[0]

    def _at_level(self, level: _Level, expr: Expr, depth: int) -> str:
        text, own = self._render(expr, depth)
        return text if own >= level else f"({text})"

    def _render(self, expr: Expr, depth: int) -> tuple[str, _Level]:
        derived = self.named.get(expr)
        if derived is not None and depth == 0:
            return f"{derived.name}={number(self.at.value(expr))}", _Level.ATOM
        depth -= derived is not None
        match expr:
            case Ref(name):
                return f"{name}={words(self.at.value(expr))}", _Level.ATOM
            case Const(value, name):
                return (words(value) if name is None else f"{name}={words(value)}"), _Level.ATOM
            case Unset(name):
                return f"{name}=unknown", _Level.ATOM
            case _ if not scope(expr):
                return number(self.at.value(expr)), _Level.ATOM
            case IfElse(test, then, other):
                return self._chosen(test, then, other, depth)
            case _:
                return self._operator(expr, depth)

    def _chosen(self, test: Expr, then: Expr, other: Expr, depth: int) -> tuple[str, _Level]:
        if scope(test):
            self.choices[test] = None
        match self.at.truth(test):
            case True:
                return self._render(then, depth)
            case False:
                return self._render(other, depth)
            case None:
                return "unknown", _Level.ATOM

    def _operator(self, expr: Expr, depth: int) -> tuple[str, _Level]:
        match expr:
            case Sum(items):
                return self._sum(items, depth), _Level.SUM if len(items) > 1 else _Level.ATOM
            case Product(items):
                parts = [
                    self._at_level(_Level.PRODUCT if i == 0 else _Level.UNARY, item, depth)
                    for i, item in enumerate(items)
                ]
                return " × ".join(_fewer(parts)), _Level.PRODUCT if len(items) > 1 else _Level.UNARY
            case Divide(op, left, right):
                above = self._at_level(_Level.PRODUCT, left, depth)
                return f"{above} {op} {self._at_level(_Level.UNARY, right, depth)}", _Level.PRODUCT
            case Negate(item):
                return f"-{self._at_level(_Level.ATOM, item, depth)}", _Level.UNARY
            case Abs(item):
                return f"abs({self._render(item, depth)[0]})", _Level.ATOM
            case Extreme(op, items):
                return (
                    f"{op}({', '.join(_fewer([self._render(item, depth)[0] for item in items]))})",
                    _Level.ATOM,
                )
            case _:
                return f"({unparse(expr)})={number(self.at.value(expr))}", _Level.ATOM

    def _sum(self, items: tuple[Expr, ...], depth: int) -> str:
        parts = []
        for i, item in enumerate(items):
            less = _subtracted(item) if i else None
            text = self._at_level(_Level.PRODUCT if i else _Level.SUM, item if less is None else less, depth)
            parts.append(f"{'+' if less is None else '-'} {text}" if i else text)
        return " ".join(_fewer(parts))


def _subtracted(item: Expr) -> Expr | None:
    """What a term of a sum takes away, where it does."""
    match item:
        case Negate(inner):
            return inner
        case Const(int() | float() as value, None) if not isinstance(value, bool) and value < 0:
            return Const(-value)
        case _:
            return None


def _fewer(parts: list[str]) -> list[str]:
    return parts if len(parts) <= _MOST_ITEMS else [*parts[: _MOST_ITEMS - 2], "…", parts[-1]]
