import numpy as np
from scipy.stats import chisquare

from build import parameter, space
from spacegen.engines.balance import balance_weights
from spacegen.engines.jointree import JoinTree
from spacegen.engines.protocol import Block
from spacegen.language.expr import And, Not, Ref
from spacegen.language.model import Model

ON = Ref("on")


def switch() -> Model:
    return space(
        parameter("on", False, True),
        parameter("a", 1, 2, 3, default=1, active_when=ON),
        parameter("b", *range(7), default=0, active_when=ON),
        parameter("c", 1, 2, 3, 4, default=4, active_when=And((ON, Not(Ref("other"))))),
        parameter("other", False, True),
    )


def test_an_inactive_parameter_weighs_as_many_as_its_live_values() -> None:
    engine = JoinTree(switch())
    block = Block.concatenate(engine.model, list(engine.enumerate()))
    weights = balance_weights(engine.form, block)
    for on, other, weight in zip(block.columns[0], block.columns[4], weights.tolist(), strict=True):
        assert weight == (1 if on else 3 * 7) * (1 if on and not other else 4)
    off = weights[block.columns[0] == 0].sum()
    assert off == weights.sum() / 2  # off weighs as much as all its children together


def test_balanced_draws_follow_the_weights() -> None:
    engine = JoinTree(switch())
    block = Block.concatenate(engine.model, list(engine.enumerate()))
    weights = balance_weights(engine.form, block)
    drawn = engine.sample(40_000, np.random.default_rng(5), method="balanced", replace=True).block
    seen = np.bincount(engine.rank(drawn), minlength=len(block))
    assert chisquare(seen, weights / weights.sum() * len(drawn)).pvalue > 1e-3


def test_a_space_without_switches_is_balanced_as_it_is() -> None:
    engine = JoinTree(space(parameter("a", 1, 2), parameter("b", 1, 2, 3)))
    assert engine.sample(6, np.random.default_rng(0), method="balanced").block.length == 6
