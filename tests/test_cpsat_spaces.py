"""CP-SAT on the shipped spaces: it accepts what the join tree draws, counts the same, and draws quickly."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from engines import codes_of
from spacegen.engines.cpsat import CpSat, accepts
from spacegen.engines.jointree import JoinTree
from spacegen.engines.protocol import Block
from spacegen.language import catalog
from spacegen.language.elaborate import load_model

SHIPPED = catalog.names("spaces")
MINUTES = 600.0
"""For machines that have other things to do: how long it takes is not the question here."""


@cache
def tree(name: str) -> JoinTree:
    return JoinTree(load_model(name))


@pytest.mark.parametrize("name", SHIPPED)
def test_draws_of_the_join_tree_are_solutions_of_the_cp_model(name: str) -> None:
    drawn = tree(name).sample(500, np.random.default_rng(0)).block
    assert len(drawn) == 500
    assert accepts(tree(name).model, drawn, MINUTES).all()


@pytest.mark.parametrize("name", SHIPPED)
def test_the_cp_model_refuses_what_the_join_tree_lacks(name: str) -> None:
    """Solutions with one value changed: some stay solutions, and both say which."""
    model, rng = tree(name).model, np.random.default_rng(1)
    drawn = tree(name).sample(200, rng).block
    columns = [column.copy() for column in drawn.columns]
    for row in range(len(drawn)):
        at = rng.integers(len(columns))
        columns[at][row] = rng.integers(len(model.parameters[at].domain))
    accepted = accepts(model, Block(tuple(columns), len(drawn)), MINUTES)
    for row, expected in enumerate(accepted.tolist()):
        one = Block(tuple(column[row : row + 1] for column in columns), 1)
        pinned = {p.name: (int(c[0]),) for p, c in zip(model.parameters, one.columns, strict=True)}
        assert tree(name).count(pinned) == expected
    assert 0 < accepted.sum() < 200


@pytest.mark.parametrize("name", SHIPPED)
def test_cp_sat_counts_what_the_join_tree_counts(name: str) -> None:
    assert CpSat(tree(name).model).count() == tree(name).count()


@pytest.mark.parametrize("name", SHIPPED)
def test_cp_sat_draws_distinct_solutions_and_every_common_value(name: str) -> None:
    engine = CpSat(tree(name).model)
    drawn = engine.sample(500, np.random.default_rng(0)).block
    assert len(set(codes_of(drawn))) == 500
    total = tree(name).count()
    for column, counts in zip(drawn.columns, tree(name).marginals(), strict=True):
        common = {code for code, count in enumerate(counts) if count >= 0.05 * total}
        assert common <= set(column.tolist())
