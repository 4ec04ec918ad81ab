"""Expressions: frozen nodes. `walk` goes over them, `evaluate` alone knows what they mean.

Under the null rule every rule of a space is one expression with the meaning "is not false":
`require E` is E, `forbid E` is `not E`, and `when W` in front of E is `not W or E`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

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
]

Scalar: TypeAlias = bool | int | float | str | None
CompareOp: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">="]
DivideOp: TypeAlias = Literal["/", "//", "%"]


@dataclass(frozen=True, slots=True)
class Const:
    """A literal value, or that of what the author called by `name`."""

    value: Scalar
    name: str | None = field(default=None, compare=False, repr=False)


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
