"""Short words for building small spaces in tests."""

from __future__ import annotations

from typing import Any

from spacegen.language.expr import (
    Compare,
    Const,
    Expr,
    Product,
    Ref,
    Scalar,
    Sum,
)
from spacegen.language.model import Domain, Model, Parameter, Rule

__all__ = ["le", "parameter", "product_of", "rule", "space", "sum_of"]


def parameter(name: str, *values: Scalar, **more: Any) -> Parameter:
    return Parameter(name, Domain(tuple(values)), **more)


def rule(condition: Expr, id: str = "rule") -> Rule:
    return Rule(id, condition, text="")


def space(*parameters: Parameter, rules: list[Expr] | None = None) -> Model:
    made = tuple(rule(condition, f"rule-{i}") for i, condition in enumerate(rules or []))
    return Model("test", parameters, made)


def le(left: str | Expr, right: str | int | Expr) -> Expr:
    a = Ref(left) if isinstance(left, str) else left
    b = Ref(right) if isinstance(right, str) else Const(right) if isinstance(right, int) else right
    return Compare("<=", a, b)


def sum_of(*names: str) -> Expr:
    return Sum(tuple(map(Ref, names)))


def product_of(*names: str) -> Expr:
    return Product(tuple(map(Ref, names)))
