"""One class for every engine: what `engines/protocol.py` promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from math import prod
from typing import TypeAlias

import numpy as np
import pytest

from build import le, parameter, product_of, space, sum_of
from engines import ENGINES, codes_of, enumerated, solutions
from spacegen.engines.costs import Cost
from spacegen.engines.plan import compile_model
from spacegen.engines.protocol import Engine
from spacegen.errors import EmptySpaceError
from spacegen.language.expr import (
    AllDifferent,
    Automaton,
    Compare,
    Const,
    Count,
    Divide,
    Element,
    Expr,
    In,
    IsNull,
    Not,
    Or,
    Ref,
    Sum,
    Table,
    Unset,
)
from spacegen.language.model import Model
from spacegen.language.walk import implies

Make: TypeAlias = Callable[[Model], Engine]

A, B, C = Ref("a"), Ref("b"), Ref("c")
NUMBERS = {"a": (1, 2, 3), "b": (2, 4, 1), "c": (0, -1, 2)}
NULLS = {"a": (None, 1, 2), "b": (3, None, 1), "c": (1, 2)}
MIXED = {"a": ("auto", 1, None), "b": ("auto", "fa"), "c": (0.5, 1, 2)}
BOOLS = {"a": (True, False), "b": (False, True, None), "c": (True,)}


def divide(left: Expr, right: Expr) -> Expr:
    return Divide("//", left, right)


def equal(left: Expr, right: Expr) -> Expr:
    return Compare("==", left, right)


SPACES: Mapping[str, tuple[Mapping[str, tuple[object, ...]], list[Expr]]] = {
    "no rules": (NUMBERS, []),
    "sum": (NUMBERS, [le(sum_of("a", "b", "c"), 5)]),
    "product": (NUMBERS, [le(product_of("a", "b"), C)]),
    "all different": (NUMBERS, [AllDifferent((A, B, C))]),
    "division by zero is unknown": (NUMBERS, [equal(divide(B, C), A)]),
    "remainders of negative numbers": (NUMBERS, [equal(Divide("%", C, A), Const(1))]),
    "element": (NUMBERS, [Element(C, (A, B, Const(7)), Sum((A, Const(0))))]),
    "table": (NUMBERS, [Table((A, B), ((1, 2), (3, 1), (9, 9)))]),
    "not in a table": (NUMBERS, [Not(Table((A, B), ((1, 2), (3, 1))))]),
    "automaton": (NUMBERS, [Automaton((A, B), 0, frozenset({2}), ((0, 1, 1), (0, 3, 1), (1, 4, 2)))]),
    "an ordering with null is unknown": (NULLS, [le("a", "b"), le("b", "c")]),
    "nulls are equal": (NULLS, [equal(A, B)]),
    "when null": (NULLS, [implies(IsNull(A), equal(B, Const(3)))]),
    "a sum with null is unknown": (NULLS, [equal(sum_of("a", "b"), Const(2))]),
    "not given": (NULLS, [le("a", "b"), le(Sum((A, Unset("n"))), 0)]),
    "strings and numbers": (MIXED, [equal(A, B)]),
    "choices of any type": (MIXED, [In(A, (B, Const(1))), le("c", 1)]),
    "bools": (BOOLS, [Or((A, B))]),
    "exactly one": (BOOLS, [Count((A, B, C), frozenset({1}))]),
    "an even number": (BOOLS, [Count((A, B, C), frozenset({0, 2}))]),
    "a single value": ({"a": (1,), "b": ("x",)}, [equal(A, Const(1))]),
    "empty by one parameter": (NUMBERS, [le("a", 0)]),
    "empty by two": (NUMBERS, [le("a", "b"), le(Sum((B, Const(1))), "a")]),
    "empty by constants": (NUMBERS, [equal(Const(1), Const(2))]),
    "empty single values": ({"a": (1,), "b": (2,)}, [equal(A, B)]),
    "nothing to decide": ({}, []),
    "nothing to decide, and yet empty": ({}, [Const(False)]),
    "big integers": ({"a": (2**62, -(2**62), 2**70), "b": (2**62, 5)}, [le(Sum((A, A)), Sum((B, B)))]),
    "a big domain": ({"a": tuple(range(300)), "b": (5, 150)}, [le("a", "b")]),
}


def made(case: str) -> Model:
    domains, rules = SPACES[case]
    return space(*(parameter(name, *values) for name, values in domains.items()), rules=rules)  # type: ignore[arg-type]


@pytest.fixture(params=ENGINES)
def compiled(request: pytest.FixtureRequest) -> Make:
    return lambda model: compile_model(model, request.param)


@pytest.mark.parametrize("case", SPACES)
class TestEveryEngine:
    def test_counts(self, compiled: Make, case: str) -> None:
        assert compiled(made(case)).count() == len(solutions(made(case)))

    def test_enumerates_in_the_order_of_the_join_tree(self, compiled: Make, case: str) -> None:
        engine = compiled(made(case))
        found = enumerated(engine, rows=5)
        assert sorted(found) == solutions(made(case))
        assert found == enumerated(compile_model(made(case), "jointree"))
        blocks = list(engine.enumerate(rows=5))
        assert all(0 < len(block) <= 5 for block in blocks)
        assert {c.dtype for block in blocks for c in block.columns} <= {np.dtype("u1"), np.dtype("u2")}

    def test_marginals_tally_the_solutions(self, compiled: Make, case: str) -> None:
        model = made(case)
        tally = [[0] * len(p.domain) for p in model.parameters]
        for row in solutions(model):
            for counts, code in zip(tally, row, strict=True):
                counts[code] += 1
        assert compiled(model).marginals() == tuple(map(tuple, tally))

    def test_given_filters(self, compiled: Make, case: str) -> None:
        model = made(case)
        engine = compiled(model)
        for p, codes in product(model.parameters[:2], ((0,), (1, 0), (2,), ())):
            left = {p.name: tuple(c for c in codes if c < len(p.domain))}
            kept = [r for r in solutions(model) if r[model.index[p.name]] in left[p.name]]
            assert engine.count(left) == len(kept)
            assert sorted(enumerated(engine, left)) == kept
            assert sorted(codes_of(engine.sample(500, np.random.default_rng(0), given=left).block)) == kept

    @pytest.mark.parametrize("method", ["uniform", "balanced"])
    def test_draws(self, compiled: Make, case: str, method: str) -> None:
        model = made(case)
        engine, expected = compiled(model), solutions(model)
        some = codes_of(engine.sample(3, np.random.default_rng(1), method=method).block)
        assert len(set(some)) == len(some) == min(3, len(expected))
        assert set(some) <= set(expected)
        everything = engine.sample(10**4, np.random.default_rng(2), method=method).block
        assert sorted(codes_of(everything)) == expected
        assert len(engine.sample(0, np.random.default_rng(3), method=method).block) == 0

    def test_draws_with_replacement(self, compiled: Make, case: str) -> None:
        model = made(case)
        engine, expected = compiled(model), solutions(model)
        if expected:
            rows = codes_of(engine.sample(50, np.random.default_rng(1), replace=True).block)
            assert len(rows) == 50
            assert set(rows) <= set(expected)
        else:
            with pytest.raises(EmptySpaceError):
                engine.sample(1, np.random.default_rng(1), replace=True)

    def test_costs_add_up(self, compiled: Make, case: str) -> None:
        model = made(case)
        engine = compiled(model)
        # Every other code costs as much, so that solutions tie.
        parts = [Cost((p.name,), np.arange(len(p.domain)) % 2 * 3 - 1) for p in model.parameters]
        totals = [sum(code % 2 * 3 - 1 for code in row) for row in enumerated(engine)]
        priced = sorted(zip(totals, enumerated(engine), strict=True), key=lambda pair: pair[0])
        least = min(totals, default=None)
        costed = engine.costed(parts)
        assert costed.least() == least
        ranking = costed.best(6)
        assert list(zip(ranking.costs.tolist(), codes_of(ranking.block), strict=True)) == priced[:6]
        assert costed.count_cheapest() == sum(total == least for total in totals)
        assert costed.count_within(2) == sum(total <= 2 for total in totals)
        assert sum(map(len, costed.within(2, rows=4))) == costed.count_within(2)
        found = costed.cheapest(list(model.index), 10**6)
        assert found is not None
        rows = [len(choice.rows) for choice in found]
        assert prod(rows) == costed.count_cheapest()

    def test_a_seed_is_repeatable(self, compiled: Make, case: str) -> None:
        first, second = (
            codes_of(compiled(made(case)).sample(5, np.random.default_rng(9)).block) for _ in range(2)
        )
        assert first == second


def test_engines_say_their_names(compiled: Make, request: pytest.FixtureRequest) -> None:
    model = made("sum")
    engine = compiled(model)
    assert engine.name == request.node.callspec.params["compiled"]
    assert engine.model is model
    assert engine.notes == ()
