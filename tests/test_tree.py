from math import prod

import numpy as np

from build import le, parameter, space, sum_of
from spacegen.engines.canonical import canonical_order
from spacegen.engines.relation import normalise
from spacegen.engines.tree import Tree, plant


def trees() -> tuple[Tree, ...]:
    rules = [le("a", "b"), le("b", "c"), le(sum_of("d", "e"), 2)]
    form = normalise(space(*(parameter(n, *range(4)) for n in "abcde"), rules=rules))
    return plant(form, canonical_order(form))


def test_totals_are_counts_a_block() -> None:
    assert [tree.total for tree in trees()] == [20, 6]
    assert prod(tree.total for tree in trees()) == 120


def test_conditioning_redoes_only_the_way_to_the_root() -> None:
    first, second = trees()
    masks = {0: np.array([False, False, False, True])}  # a = 3
    conditioned = first.conditioned(masks)
    assert conditioned.total == 1
    assert second.conditioned(masks) is second
    root = first.preorder[0]
    untouched = {2: np.ones(4, bool)}
    again = first.conditioned(untouched)
    redone = [v for v in first.preorder if again.nodes[v] is not first.nodes[v]]
    assert root in redone
    assert len(redone) < len(first.preorder)


def test_marginals_sum_to_the_total_for_every_variable() -> None:
    for tree in trees():
        for weights in tree.marginals().values():
            assert weights.sum() == tree.total


def test_ranks_of_a_block_invert() -> None:
    (tree, _) = trees()
    codes = tree.unrank(np.arange(tree.total))
    ranks, valid = tree.rank(codes)
    assert valid.all()
    assert ranks.tolist() == list(range(tree.total))
    wrong = {variable: np.array([3 - variable]) for variable in tree.preorder}  # a = 3 > b = 2
    assert not tree.rank(wrong)[1].any()
