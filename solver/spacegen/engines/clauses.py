"""A rule's condition as clauses that must each not be false, every one over as few parameters as possible.

The laws used hold in Kleene's three values, so unknowns keep their meaning.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Final

from spacegen.language.expr import (
    AllDifferent,
    And,
    Compare,
    Element,
    Expr,
    IsTrue,
    Not,
    Or,
)
from spacegen.language.lowering import lower_all_different, lower_element

__all__ = ["split"]

_MOST_CLAUSES: Final = 64
"""Distributing `or` over `and` stops here: past it one wider table is the smaller evil."""


def split(condition: Expr) -> tuple[Expr, ...]:
    """Clauses whose conjunction is `condition`; a condition that cannot fail may give none."""
    match condition:
        case And(items):
            return tuple(clause for item in items for clause in split(item))
        case AllDifferent():
            return split(lower_all_different(condition))
        case Element():
            return split(lower_element(condition))
        case IsTrue(And(items)):
            return tuple(clause for item in items for clause in split(IsTrue(item)))
        case Not(item):
            return _split_negated(item, condition)
        case Or(items):
            return _distribute(condition, tuple(split(item) for item in items))
        case _:
            return (condition,)


def _split_negated(item: Expr, condition: Expr) -> tuple[Expr, ...]:
    match item:
        case Not(inner):
            return split(inner)
        case Or(items):
            return tuple(clause for part in items for clause in split(Not(part)))
        case And(items):
            return split(Or(tuple(Not(part) for part in items)))
        case Compare("==" | "!=" as op, left, right):
            return (Compare("!=" if op == "==" else "==", left, right),)
        case _:
            return (condition,)


def _distribute(condition: Expr, parts: tuple[tuple[Expr, ...], ...]) -> tuple[Expr, ...]:
    if prod(map(len, parts)) > _MOST_CLAUSES:
        return (condition,)
    return tuple(_or(choice) for choice in product(*parts))


def _or(items: tuple[Expr, ...]) -> Expr:
    flat = tuple(part for item in items for part in (item.items if isinstance(item, Or) else (item,)))
    return flat[0] if len(flat) == 1 else Or(flat)
