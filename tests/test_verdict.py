import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from build import le, parameter, rule, space, sum_of
from spacegen.engines.protocol import Block
from spacegen.engines.verdict import accepts, keeps
from spacegen.language.model import Model


def everything(model: Model) -> Block:
    grid = np.indices([len(p.domain) for p in model.parameters]).reshape(len(model.parameters), -1)
    return Block(tuple(codes.astype(np.uint8) for codes in grid), grid.shape[1])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), max_size=4), st.integers(-1, 12))
def test_verdicts_are_the_conjunction_of_the_rules(pairs: list[tuple[str, str]], bound: int) -> None:
    rules = [le(a, b) for a, b in pairs] + [le(sum_of("a", "b", "c", "d"), bound), le("a", 2)]
    model = space(*(parameter(n, None, *range(4)) for n in "abcd"), rules=rules)
    block = everything(model)
    expected = np.ones(len(block), bool)
    for one in model.rules:
        expected &= keeps(model, one, block)
    assert (accepts(model, block) == expected).all()


def test_rules_over_running_values_are_looked_up_too() -> None:
    names = [f"x{i}" for i in range(30)]
    model = space(*(parameter(n, *range(10)) for n in names), rules=[le(sum_of(*names), 130)])
    rng = np.random.default_rng(0)
    block = Block(tuple(rng.integers(0, 10, 50_000).astype(np.uint8) for _ in names), 50_000)
    total = sum(c.astype(int) for c in block.columns)
    assert (accepts(model, block) == (total <= 130)).all()


def test_no_row_of_an_empty_space_is_accepted() -> None:
    model = space(parameter("a", 1, 2), rules=[le("a", 0)])
    assert not accepts(model, everything(model)).any()
    assert keeps(model, rule(le("a", 1)), everything(model)).tolist() == [True, False]
