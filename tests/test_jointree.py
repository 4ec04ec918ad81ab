from math import comb

import numpy as np
import pytest
from scipy.stats import chisquare

from build import le, parameter, space, sum_of
from spacegen.engines.jointree import JoinTree
from spacegen.engines.protocol import Block
from spacegen.errors import EmptySpaceError, TooWideError
from spacegen.language.expr import AllDifferent, Compare, Const, Ref


def pairs() -> JoinTree:
    return JoinTree(space(parameter("a", *range(5000)), parameter("b", *range(5000)), rules=[le("a", "b")]))


def test_two_domains_of_five_thousand_values() -> None:
    engine = pairs()
    assert engine.count() == comb(5001, 2)
    block = engine.unrank(np.array([0, 1, engine.count() - 1]))
    assert (block.columns[0] <= block.columns[1]).all()
    assert engine.rank(block).tolist() == [0, 1, engine.count() - 1]


def test_counts_past_64_bits_are_exact_and_their_ranks_invert() -> None:
    names = [f"x{i}" for i in range(40)]
    engine = JoinTree(space(*(parameter(n, *range(10)) for n in names), rules=[le(sum_of(*names), 100)]))
    expected = sum((-1) ** k * comb(40, k) * comb(100 - 10 * k + 40, 40) for k in range(11))
    assert engine.count() == expected > 2**64
    drawn = engine.sample(50, np.random.default_rng(3)).block
    assert (sum(c.astype(int) for c in drawn.columns) <= 100).all()
    ranks = engine.rank(drawn)
    assert len(set(ranks)) == 50
    assert max(ranks) < expected
    back = engine.unrank(ranks)
    assert all((a == b).all() for a, b in zip(back.columns, drawn.columns, strict=True))
    first = next(iter(engine.enumerate(rows=20)))
    assert engine.rank(first).tolist() == list(range(20))


def test_draws_past_64_bits_are_uniform() -> None:
    names = [f"x{i}" for i in range(40)]
    engine = JoinTree(space(*(parameter(n, *range(10)) for n in names), rules=[le(sum_of(*names), 100)]))
    drawn = engine.sample(3000, np.random.default_rng(8), replace=True).block
    shares = np.array(engine.marginals()[0], dtype=np.float64)
    expected = shares / shares.sum() * 3000
    seen = np.bincount(drawn.columns[0], minlength=10)
    assert chisquare(seen, expected).pvalue > 1e-3


def test_a_clique_that_is_too_wide_is_refused_at_once() -> None:
    names = [f"x{i}" for i in range(12)]
    with pytest.raises(TooWideError, match="widest cluster"):
        JoinTree(
            space(*(parameter(n, *range(30)) for n in names), rules=[AllDifferent(tuple(map(Ref, names)))])
        )


def test_nothing_to_decide_is_one_solution() -> None:
    engine = JoinTree(space())
    assert engine.count() == 1
    assert [len(b) for b in engine.enumerate()] == [1]
    assert len(engine.sample(5, np.random.default_rng(0)).block) == 1
    assert engine.marginals() == ()
    assert JoinTree(space(rules=[Const(False)])).count() == 0


def test_an_empty_space_has_no_rows_and_says_so() -> None:
    engine = JoinTree(space(parameter("a", 1, 2), rules=[le("a", 0)]))
    assert engine.count() == 0
    assert list(engine.enumerate()) == []
    assert len(engine.unrank(np.empty(0, np.int64))) == 0
    assert engine.marginals() == ((0, 0),)
    assert len(engine.sample(5, np.random.default_rng(0)).block) == 0
    with pytest.raises(EmptySpaceError):
        engine.sample(5, np.random.default_rng(0), replace=True)


def test_more_than_exist_gives_all_in_random_order() -> None:
    engine = JoinTree(space(parameter("a", 1, 2, 3), parameter("b", 1, 2, 3), rules=[le("a", "b")]))
    ranks = engine.rank(engine.sample(99, np.random.default_rng(0)).block).tolist()
    assert sorted(ranks) == list(range(6)) != ranks


def test_rank_refuses_what_is_no_solution() -> None:
    engine = pairs()
    wrong = Block((np.array([3], np.uint16), np.array([2], np.uint16)), 1)
    with pytest.raises(ValueError, match="row 0 is no solution"):
        engine.rank(wrong)
    with pytest.raises(IndexError, match="ranks run from 0 to"):
        engine.unrank(np.array([engine.count()]))


def test_conditioning_on_nothing_left_counts_zero() -> None:
    engine = pairs()
    assert engine.count({"a": (4999,)}) == 1
    assert engine.count({"a": ()}) == 0
    assert engine.count({"a": (4999,), "b": (0,)}) == 0


def test_the_same_seed_draws_the_same_rows() -> None:
    engine = pairs()
    one, two = (engine.sample(100, np.random.default_rng(4)).block for _ in range(2))
    assert all((a == b).all() for a, b in zip(one.columns, two.columns, strict=True))


def test_the_table_path_and_the_tree_path_draw_alike() -> None:
    # 4096 rows go through packed tables, fewer through the trees: same ranks, same rows.
    engine = JoinTree(
        space(*(parameter(n, *range(9)) for n in "abcdef"), rules=[Compare("!=", Ref("a"), Ref("b"))])
    )
    many = engine.sample(5000, np.random.default_rng(4), replace=True).block
    ranks = engine.rank(many)
    few = engine.unrank(ranks[:1000])
    assert all((a[:1000] == b).all() for a, b in zip(many.columns, few.columns, strict=True))
