"""CP-SAT's arithmetic constraints by name: each is an equation between a target and an expression."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from spacegen.language.bodyreader import BodyReader, Path
from spacegen.language.expr import Abs, Compare, Divide, Expr, Extreme, Product
from spacegen.language.translate import MALFORMED

__all__ = ["SUGAR"]


def _quotient(op: str) -> Callable[[tuple[Expr, ...]], Expr]:
    # CP-SAT rounds a quotient towards zero; here `//` and `%` are the floor forms of expressions.
    return lambda items: Divide("//" if op == "//" else "%", items[0], items[1])


_FOLDS: Final[Mapping[str, Callable[[tuple[Expr, ...]], Expr]]] = {
    "multiplication": Product,
    "maximum": lambda items: Extreme("max", items),
    "minimum": lambda items: Extreme("min", items),
}
_FIXED: Final[Mapping[str, tuple[tuple[str, ...], Callable[[tuple[Expr, ...]], Expr]]]] = {
    "division": (("numerator", "denominator"), _quotient("//")),
    "modulo": (("expression", "modulus"), _quotient("%")),
    "abs": (("expression",), lambda items: Abs(items[0])),
}


def _fold(reader: BodyReader, value: object) -> Expr:
    parts = reader.parts(value, ["target", "expressions"])
    if parts is None:
        return MALFORMED
    listed = reader.items(parts["expressions"], ("expressions",), "a list of expressions")
    if listed is None:
        return MALFORMED
    if not listed:
        return reader.fault(("expressions",), f"`{reader.keyword}` needs at least one expression")
    operands: list[tuple[object, Path]] = [(item, ("expressions", i)) for i, item in enumerate(listed)]
    return _equation(reader, parts["target"], operands, _FOLDS[reader.keyword])


def _fixed(reader: BodyReader, value: object) -> Expr:
    keys, build = _FIXED[reader.keyword]
    parts = reader.parts(value, ["target", *keys])
    if parts is None:
        return MALFORMED
    return _equation(reader, parts["target"], [(parts[key], (key,)) for key in keys], build)


def _equation(
    reader: BodyReader,
    target: object,
    operands: list[tuple[object, Path]],
    build: Callable[[tuple[Expr, ...]], Expr],
) -> Expr:
    left = reader.expression(target, ("target",), "number")
    right = build(tuple(reader.expression(value, path) for value, path in operands))
    return Compare("==", left, reader.checked(right, operands))


SUGAR: Final[Mapping[str, Callable[[BodyReader, object], Expr]]] = {
    "multiplication": _fold,
    "division": _fixed,
    "modulo": _fixed,
    "maximum": _fold,
    "minimum": _fold,
    "abs": _fixed,
}
"""Keyword to the reader of its body."""
