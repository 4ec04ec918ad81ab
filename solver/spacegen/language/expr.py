"""Expressions: frozen nodes, and the walks that need no meaning (`evaluate` alone has that).

Under the null rule every rule of a space is one expression with the meaning "is not false":
`require E` is E, `forbid E` is `not E`, and `when W` in front of E is `not W or E`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, assert_never

__all__ = [
    "Abs",
    "AllDifferent",
    "And",
    "Automaton",
    "Compare",
    "CompareOp",
    "Const",
    "Count",
    "Divide",
    "DivideOp",
    "Element",
    "Expr",
    "Extreme",
    "IfElse",
    "In",
    "IsNull",
    "IsTrue",
    "Negate",
    "Not",
    "Or",
    "Product",
    "Ref",
    "Scalar",
    "Sum",
    "Table",
    "Unset",
    "Within",
    "children",
    "implies",
    "rebuild",
    "scope",
    "substitute",
]

Scalar: TypeAlias = bool | int | float | str | None
CompareOp: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">="]
DivideOp: TypeAlias = Literal["/", "//", "%"]


@dataclass(frozen=True, slots=True)
class Const:
    """A literal value."""

    value: Scalar


@dataclass(frozen=True, slots=True)
class Unset:
    """A declared constant that was given no value: unknown wherever it stands."""

    name: str


@dataclass(frozen=True, slots=True)
class Ref:
    """The value of a parameter (or, inside an engine, of an auxiliary variable)."""

    name: str


@dataclass(frozen=True, slots=True)
class Not:
    item: Expr


@dataclass(frozen=True, slots=True)
class And:
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Or:
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class IsTrue:
    """True where `item` is true, false elsewhere: `active_when` treats unknown as no."""

    item: Expr


@dataclass(frozen=True, slots=True)
class IsNull:
    item: Expr


@dataclass(frozen=True, slots=True)
class Compare:
    op: CompareOp
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class In:
    item: Expr
    choices: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Within:
    """`item` lies in one of the closed integer intervals; None is an open end."""

    item: Expr
    intervals: tuple[tuple[int | float | None, int | float | None], ...]


@dataclass(frozen=True, slots=True)
class Sum:
    """Added left to right; `a - b` is `Sum((a, Negate(b)))`, which IEEE makes the same."""

    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Product:
    """Multiplied left to right."""

    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Divide:
    """True division, floor division or the floor's remainder; unknown where the divisor is 0."""

    op: DivideOp
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Negate:
    item: Expr


@dataclass(frozen=True, slots=True)
class Abs:
    item: Expr


@dataclass(frozen=True, slots=True)
class Extreme:
    op: Literal["min", "max"]
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class IfElse:
    test: Expr
    then: Expr
    other: Expr


@dataclass(frozen=True, slots=True)
class Count:
    """The number of true items is one of `allowed`; false only if no reading of unknown items fits."""

    items: tuple[Expr, ...]
    allowed: frozenset[int]


@dataclass(frozen=True, slots=True)
class AllDifferent:
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """The items' values form one of the rows."""

    items: tuple[Expr, ...]
    rows: tuple[tuple[Scalar, ...], ...]


@dataclass(frozen=True, slots=True)
class Element:
    """`choices[index] == target`, indices from 0; false where the index is out of range."""

    index: Expr
    choices: tuple[Expr, ...]
    target: Expr


@dataclass(frozen=True, slots=True)
class Automaton:
    """The items' values, read in order, lead from `start` to a final state along the transitions."""

    items: tuple[Expr, ...]
    start: int
    finals: frozenset[int]
    transitions: tuple[tuple[int, Scalar, int], ...]


Expr: TypeAlias = (
    Const
    | Unset
    | Ref
    | Not
    | And
    | Or
    | IsTrue
    | IsNull
    | Compare
    | In
    | Within
    | Sum
    | Product
    | Divide
    | Negate
    | Abs
    | Extreme
    | IfElse
    | Count
    | AllDifferent
    | Table
    | Element
    | Automaton
)


def implies(condition: Expr, consequence: Expr) -> Expr:
    """`condition` implies `consequence`, in three values."""
    return Or((Not(condition), consequence))


def children(expr: Expr) -> tuple[Expr, ...]:
    """The direct subexpressions, in order."""
    match expr:
        case Const() | Unset() | Ref():
            return ()
        case Not(item) | IsTrue(item) | IsNull(item) | Negate(item) | Abs(item) | Within(item):
            return (item,)
        case And(items) | Or(items) | Sum(items) | Product(items) | AllDifferent(items):
            return items
        case Extreme(items=items) | Count(items=items) | Table(items=items) | Automaton(items=items):
            return items
        case Compare(left=left, right=right) | Divide(left=left, right=right):
            return (left, right)
        case In(item, choices):
            return (item, *choices)
        case IfElse(test, then, other):
            return (test, then, other)
        case Element(index, choices, target):
            return (index, *choices, target)
        case _:
            assert_never(expr)


def rebuild(expr: Expr, parts: tuple[Expr, ...]) -> Expr:  # noqa: C901 - one flat match over the nodes
    """`expr` with its direct subexpressions replaced by `parts` (as many as `children` gives)."""
    match expr:
        case Const() | Unset() | Ref():
            return expr
        case Not() | IsTrue() | IsNull() | Negate() | Abs():
            return type(expr)(parts[0])
        case Within(_, intervals):
            return Within(parts[0], intervals)
        case And() | Or() | Sum() | Product() | AllDifferent():
            return type(expr)(parts)
        case Extreme(op=op):
            return Extreme(op, parts)
        case Count(allowed=allowed):
            return Count(parts, allowed)
        case Table(rows=rows):
            return Table(parts, rows)
        case Automaton(_, start, finals, transitions):
            return Automaton(parts, start, finals, transitions)
        case Compare(op=op):
            return Compare(op, *parts)
        case Divide(op=op):
            return Divide(op, *parts)
        case In():
            return In(parts[0], parts[1:])
        case IfElse():
            return IfElse(*parts)
        case Element():
            return Element(parts[0], parts[1:-1], parts[-1])
        case _:
            assert_never(expr)


def substitute(expr: Expr, change: Callable[[Ref], Expr] | Mapping[str, Expr]) -> Expr:
    """`expr` with references replaced; a name that a mapping lacks stays."""
    if isinstance(expr, Ref):
        return change.get(expr.name, expr) if isinstance(change, Mapping) else change(expr)
    parts = children(expr)
    if not parts:
        return expr
    return rebuild(expr, tuple(substitute(part, change) for part in parts))


def _names(expr: Expr) -> Iterator[str]:
    if isinstance(expr, Ref):
        yield expr.name
    for part in children(expr):
        yield from _names(part)


def scope(expr: Expr) -> tuple[str, ...]:
    """The names that `expr` mentions, each once, in order of appearance."""
    return tuple(dict.fromkeys(_names(expr)))
