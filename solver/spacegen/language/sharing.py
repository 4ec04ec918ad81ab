"""The value of expressions whose parts stand in them many times, as derived values do."""

from __future__ import annotations

from collections.abc import Mapping

from spacegen.language.columns import Column
from spacegen.language.evaluate import evaluate
from spacegen.language.expr import Expr, Ref
from spacegen.language.walk import children, rebuild

__all__ = ["evaluate_shared"]


def evaluate_shared(expr: Expr, env: Mapping[str, Column]) -> Column:
    """What `evaluate` gives; parts that are the same object are evaluated once."""
    values = dict(env)
    known: dict[int, Ref] = {}

    def visit(part: Expr) -> Expr:
        below = children(part)
        if not below:
            return part
        if id(part) not in known:
            value = evaluate(rebuild(part, tuple(map(visit, below))), values)
            known[id(part)] = Ref(f"~{len(known)}")  # no parameter can have this name
            values[known[id(part)].name] = value
        return known[id(part)]

    return evaluate(visit(expr), values)
