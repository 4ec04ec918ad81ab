"""Wide rules: running values as auxiliary variables, so that no table spans all of a rule's parameters.

A sum of forty parameters has few distinct partial sums. Each operator that is too wide to tabulate gets an
auxiliary variable over the distinct values of its result, with a map from its operands' codes to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from math import prod
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spacegen.errors import TooWideError
from spacegen.language.columns import Column, grid
from spacegen.language.evaluate import automaton_edges, evaluate, step, table_edges
from spacegen.language.expr import (
    And,
    Automaton,
    Compare,
    Const,
    Count,
    Expr,
    Extreme,
    IfElse,
    In,
    IsTrue,
    Not,
    Or,
    Product,
    Ref,
    Scalar,
    Sum,
    Table,
    Unset,
)
from spacegen.language.walk import children, rebuild, scope

__all__ = ["MAX_CELLS", "NARROW", "Chain", "Definition"]

NARROW: Final = 2**22
"""Up to so many rows an expression is tabulated as it stands (part of the canonical order's version)."""
MAX_CELLS: Final = 2**26
"""The largest table of truth values."""
_MAX_STATES: Final = 2**20
_MAX_JOIN: Final = 2**22
"""The most rows of the map that defines an auxiliary variable."""
_LAST_RESORT: Final = 2**25
"""A rule whose running values are too many is tabulated as it stands up to so many rows."""

_Join: TypeAlias = Callable[[Column, Column], Column]


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """An auxiliary variable as a function of others: `codes` has one axis an input."""

    name: str
    inputs: tuple[str, ...]
    codes: NDArray[np.int64]


@dataclass(slots=True)
class Chain:
    """Rewrites wide expressions over `columns` (1-D, one a variable), to which it adds its own; those over at
    most `narrow_rows` (NARROW unless given) stay as they are."""

    columns: dict[str, Column]
    definitions: list[Definition] = field(default_factory=list)
    narrow_rows: int | None = None
    _known: dict[str, Ref] = field(default_factory=dict)

    def cells(self, names: tuple[str, ...]) -> int:
        """How many rows the grid over these variables has."""
        return prod(len(self.columns[name].data) for name in names)

    def narrow(self, expr: Expr) -> Expr:
        """An expression with the same truth over at most MAX_CELLS rows; raises TooWideError."""
        before = len(self.definitions)
        try:
            result = self._narrow(expr)
        except TooWideError:
            if self.cells(scope(expr)) > _LAST_RESORT:
                raise
            self._forget(before)
            return expr
        if self.cells(scope(result)) > MAX_CELLS:
            raise TooWideError(f"a rule over {len(scope(expr))} parameters has too many distinct values")
        return result

    def state(self, expr: Expr) -> Expr:
        """A variable with the values of `expr`, or what they are where there is no choice; raises
        TooWideError."""
        return self._state(expr)

    def _forget(self, kept: int) -> None:
        """Drops the auxiliary variables after the first `kept`."""
        for definition in self.definitions[kept:]:
            del self.columns[definition.name]
        del self.definitions[kept:]
        self._known = {key: ref for key, ref in self._known.items() if ref.name in self.columns}

    def _is_narrow(self, expr: Expr) -> bool:
        return self.cells(scope(expr)) <= (NARROW if self.narrow_rows is None else self.narrow_rows)

    def _narrow(self, expr: Expr) -> Expr:
        if self._is_narrow(expr):
            return expr
        match expr:
            case Sum(items) | Product(items) | Extreme(items=items) | And(items) | Or(items):
                return reduce(
                    lambda done, item: self._pair(expr, done, item), items[1:], self._narrow(items[0])
                )
            case Count(items, allowed):
                return self._narrow(_count_as_sum(items, allowed))
            case Table(items, rows):
                return self._walk(items, rows)
            case Automaton(items, start, finals):
                edges = automaton_edges(expr)
                state: Expr = Const(start)
                for item in items:
                    state = self._join(state, item, lambda at, read: step(at, read, edges))
                return In(state, tuple(map(Const, sorted(finals))))
            case _:
                return self._shrink(rebuild(expr, tuple(self._narrow(part) for part in children(expr))))

    def _walk(self, items: tuple[Expr, ...], rows: tuple[tuple[Scalar, ...], ...]) -> Expr:
        state: Expr = Const(0 if rows else -1)
        for item, edges in zip(items, table_edges(rows, len(items)), strict=True):
            state = self._join(state, item, lambda at, read, edges=edges: step(at, read, edges))  # type: ignore[misc]
        return Compare(">=", state, Const(0))

    def _pair(self, node: Expr, done: Expr, item: Expr) -> Expr:
        """One operator of a chain: the running value of what came before, and the next operand."""
        running = self._state(done)
        together = rebuild(node, (running, self._narrow(item)))
        return together if self._is_narrow(together) else rebuild(node, (running, self._state(item)))

    def _shrink(self, expr: Expr) -> Expr:
        """Replaces the widest operands by auxiliary variables until the table is small enough."""
        parts = list(children(expr))
        for i in sorted(range(len(parts)), key=lambda i: -self.cells(scope(parts[i]))):
            if self._is_narrow(rebuild(expr, tuple(parts))):
                break
            parts[i] = self._state(parts[i])
        return rebuild(expr, tuple(parts))

    def _state(self, expr: Expr) -> Expr:
        """`expr` as a single variable."""
        if len(scope(expr)) == 0 or isinstance(expr, Ref):
            return expr
        key = repr(expr)  # as values, `Const(1)` and `Const(True)` are equal
        if key not in self._known:
            small = self._narrow(expr)
            names = scope(small)
            self._require_room(names)
            self._known[key] = self._define(names, evaluate(small, grid(names, self.columns)))
        return self._known[key]

    def _join(self, left: Expr, right: Expr, join: _Join) -> Expr:
        """The variable that holds `join` of two expressions' values."""
        left, right = self._state(left), self._state(right)
        names = tuple(dict.fromkeys(scope(left) + scope(right)))
        self._require_room(names)
        env = grid(names, self.columns)
        value = join(evaluate(left, env), evaluate(right, env))
        return self._define(names, value) if names else Const(value.reshape((1,)).values()[0])

    def _require_room(self, names: tuple[str, ...]) -> None:
        if self.cells(names) > _MAX_JOIN:
            raise TooWideError("a rule has too many distinct intermediate values")

    def _define(self, names: tuple[str, ...], value: Column) -> Ref:
        shape = tuple(len(self.columns[name].data) for name in names)
        states, codes = _distinct(value, shape)
        if len(states.data) > _MAX_STATES:
            raise TooWideError("a rule has too many distinct intermediate values")
        name = f"~{len(self.definitions)}"  # no parameter can have this name
        self.columns[name] = states
        self.definitions.append(Definition(name, names, codes))
        return Ref(name)


def _distinct(value: Column, shape: tuple[int, ...]) -> tuple[Column, NDArray[np.int64]]:
    """The distinct elements in ascending order, and for each element of the grid its place among them."""
    data = np.broadcast_to(value.data, shape).ravel()
    if value.unknown is None and isinstance(value.kind, int):
        states, codes = np.unique(data, return_inverse=True)
        return Column(states, value.kind, None, value.bound), codes.reshape(shape).astype(np.int64)
    hidden = np.broadcast_to(False if value.unknown is None else value.unknown, shape).ravel()
    kinds = np.where(hidden, -1, np.broadcast_to(np.asarray(value.kind, np.int64), shape).ravel())
    _, order = np.unique(np.where(hidden, 0, data), return_inverse=True)
    _, first, codes = np.unique(order.ravel() * 8 + kinds + 1, return_index=True, return_inverse=True)
    kind = value.kind if isinstance(value.kind, int) else np.maximum(kinds[first], 0).astype(np.uint8)
    unknown = hidden[first] if hidden.any() else None
    return Column(data[first], kind, unknown, value.bound), codes.reshape(shape).astype(np.int64)


def _count_as_sum(items: tuple[Expr, ...], allowed: frozenset[int]) -> Expr:
    """A count as a sum whose digits are how many items are true and how many may be."""
    base = len(items) + 1

    def digits(item: Expr) -> Expr:
        may = IfElse(IsTrue(Not(item)), Const(0), Const(1))
        return IfElse(IsTrue(item), Const(base + 1), may)

    possible = [(sure, most) for sure in range(base) for most in range(sure, base)]
    yes = [s * base + m for s, m in possible if all(n in allowed for n in range(s, m + 1))]
    no = [s * base + m for s, m in possible if not any(n in allowed for n in range(s, m + 1))]
    total = Sum(tuple(map(digits, items)))

    def one_of(numbers: list[int]) -> Expr:
        return In(total, tuple(map(Const, numbers)))

    return IfElse(one_of(yes), Const(True), IfElse(one_of(no), Const(False), Unset("count")))
