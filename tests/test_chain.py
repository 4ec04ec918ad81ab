from itertools import product

import pytest

from build import le, sum_of
from spacegen.engines import chain
from spacegen.engines.chain import Chain
from spacegen.errors import TooWideError
from spacegen.language.columns import column
from spacegen.language.evaluate import not_false
from spacegen.language.expr import (
    And,
    Compare,
    Const,
    Count,
    Extreme,
    Ref,
    Sum,
    Table,
)
from spacegen.language.walk import scope


def test_a_wide_sum_becomes_running_values() -> None:
    names = [f"x{i}" for i in range(30)]
    wide = Chain({name: column(range(10)) for name in names})
    narrow = wide.narrow(le(sum_of(*names), 7))
    assert wide.cells(scope(narrow)) <= chain.NARROW
    assert max(len(c.data) for c in wide.columns.values()) <= 9 * 30 + 1


@pytest.mark.parametrize(
    "expr",
    [
        le(Sum((Ref("a"), Ref("b"), Ref("c"))), 3),
        le(Extreme("max", (Ref("a"), Ref("b"), Ref("c"))), 1),
        Count(tuple(Compare("==", Ref(n), Const(1)) for n in "abc"), frozenset({1})),
        Table((Ref("a"), Ref("b"), Ref("c")), ((0, 1, 2), (0, None, 2), (2, 2, 2))),
        And(tuple(Compare("<", Ref(n), Const(2)) for n in "abc")),
    ],
)
def test_narrowing_keeps_the_meaning(expr: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "NARROW", 6)
    values = [0, 1, 2, None]
    short = Chain({name: column(values) for name in "abc"})
    narrow = short.narrow(expr)  # type: ignore[arg-type]
    assert short.definitions
    for codes in product(range(4), repeat=3):
        assigned = dict(zip("abc", codes, strict=True))
        for definition in short.definitions:
            assigned[definition.name] = int(definition.codes[tuple(assigned[n] for n in definition.inputs)])
        env = {n: short.columns[n].take([code]) for n, code in assigned.items()}  # type: ignore[arg-type]
        plain = {n: column([values[c]]) for n, c in zip("abc", codes, strict=True)}
        assert bool(not_false(narrow, env).all()) == bool(not_false(expr, plain).all())  # type: ignore[arg-type]


def test_too_many_distinct_values_are_refused_not_attempted() -> None:
    names = [f"x{i}" for i in range(8)]
    wide = Chain({name: column([1000**i + j * 7919**i for j in range(40)]) for i, name in enumerate(names)})
    with pytest.raises(TooWideError):
        wide.narrow(le(sum_of(*names), 7))


def test_a_rule_without_few_running_values_is_tabulated_as_it_stands_while_that_fits() -> None:
    names = [f"x{i}" for i in range(5)]
    wide = Chain({name: column([2**i * 1009**j for j in range(22)]) for i, name in enumerate(names)})
    expr = le(sum_of(*names), 7)
    assert chain.NARROW < wide.cells(tuple(names)) < 2**24
    assert wide.narrow(expr) == expr
    assert wide.definitions == []
    assert list(wide.columns) == names


def test_a_rule_over_two_large_domains_is_tabulated() -> None:
    wide = Chain({name: column(range(5000)) for name in "ab"})
    expr = le(sum_of("a", "b"), 600)
    assert wide.narrow(expr) == expr
    wider = Chain({name: column(range(9000)) for name in "ab"})
    with pytest.raises(TooWideError):
        wider.narrow(expr)
