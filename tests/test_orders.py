from random import Random

import pytest

from build import le, parameter, space, sum_of
from spacegen.engines.canonical import Elimination, canonical_order
from spacegen.engines.jointree import JoinTree
from spacegen.engines.orders import best_order
from spacegen.engines.relation import normalise
from spacegen.language.model import Model


def ternary(variables: int, rules: int, seed: int) -> Model:
    chance = Random(seed)
    names = [f"x{i}" for i in range(variables)]
    made = [le(sum_of(*chance.sample(names, 3)), 6) for _ in range(rules)]
    return space(*(parameter(n, *range(5)) for n in names), rules=made)


def test_a_hard_space_gets_an_order_no_worse_than_the_canonical_one() -> None:
    better = 0
    for seed in range(3):
        form = normalise(ternary(40, 36, seed))
        best, plain = best_order(form), canonical_order(form)
        assert best.largest <= plain.largest
        assert sorted(best.eliminated) == sorted(plain.eliminated)
        better += best.largest < plain.largest
    assert better


def test_answers_do_not_depend_on_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ternary(14, 12, 3)
    engine = JoinTree(model)
    expected = engine.count(), engine.marginals()
    reversed_ranks = _Reversed(engine.form).run()
    monkeypatch.setattr("spacegen.engines.jointree.best_order", lambda form: reversed_ranks)
    other = JoinTree(model)
    assert other.order == engine.order != reversed_ranks
    assert (other.count(), other.marginals()) == expected
    first = next(iter(other.enumerate(rows=100)))
    assert other.rank(first).tolist() == engine.rank(first).tolist() == list(range(100))


class _Reversed(Elimination):
    def cost(self, variable: int) -> float:
        return -variable


def test_an_easy_space_keeps_the_canonical_order() -> None:
    form = normalise(space(parameter("a", 1, 2), parameter("b", 1, 2), rules=[le("a", "b")]))
    assert best_order(form) == canonical_order(form)
