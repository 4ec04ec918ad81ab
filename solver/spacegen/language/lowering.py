"""Nodes that are shorthand, written out: the plain nodes define what they mean."""

from __future__ import annotations

from itertools import combinations

from spacegen.language.expr import (
    AllDifferent,
    And,
    Compare,
    Const,
    Element,
    Expr,
    Within,
)
from spacegen.language.walk import implies

__all__ = ["lower_all_different", "lower_element"]


def lower_all_different(node: AllDifferent) -> Expr:
    """Every two items differ."""
    return And(tuple(Compare("!=", a, b) for a, b in combinations(node.items, 2)))


def lower_element(node: Element) -> Expr:
    """The index is a position (0.5 is none), and whichever choice it names equals the target."""
    chosen = tuple(
        implies(Compare("==", node.index, Const(i)), Compare("==", choice, node.target))
        for i, choice in enumerate(node.choices)
    )
    return And((Within(node.index, tuple((i, i) for i in range(len(node.choices)))), *chosen))
