"""Slices of ranks and draws from them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare

from spacegen import Space, UsageError
from spacegen.questions.draw import draw_ranks, range_length, shard, stream

SPACE = Space.build("s", {"a": range(10), "b": range(10)}, ["a <= b"])


@pytest.mark.parametrize(("count", "parts"), [(0, 3), (1, 3), (10, 3), (64, 64), (10**30, 7)])
def test_shards_are_equal_slices_that_cover_everything(count: int, parts: int) -> None:
    slices = [shard(count, part, parts) for part in range(parts)]
    assert slices[0].start == 0
    assert slices[-1].stop == count
    assert all(a.stop == b.start for a, b in itertools.pairwise(slices))
    sizes = [range_length(s) for s in slices]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("part", [-1, 3, 4])
def test_a_shard_that_is_not_there_is_refused(part: int) -> None:
    with pytest.raises(UsageError, match=f"there is no shard {part} of 3"):
        shard(10, part, 3)
    with pytest.raises(UsageError):
        shard(10, 0, 0)


@pytest.mark.parametrize(
    "ranks",
    [range(5, 25), range(0, 1000, 7), range(99, 9, -3), range(2**62, 2**70), range(10**30, 10**30 + 5)],
)
@pytest.mark.parametrize("size", [0, 1, 4, 15, 1000])
def test_drawn_ranks_are_distinct_members(ranks: range, size: int) -> None:
    drawn = [int(rank) for rank in draw_ranks(ranks, size, seed=1)]
    assert len(drawn) == len(set(drawn)) == min(size, range_length(ranks))
    assert all(rank in ranks for rank in drawn)


def test_independent_draws_repeat() -> None:
    drawn = draw_ranks(range(3, 6), 100, replace=True)
    assert len(drawn) == 100
    assert set(drawn.tolist()) == {3, 4, 5}


@pytest.mark.parametrize("size", [40, 70])
def test_every_rank_is_as_likely_in_every_place(size: int) -> None:
    places = np.array([draw_ranks(range(100, 200), size, seed) for seed in range(2000)]) - 100
    for place in (0, size - 1):
        assert chisquare(np.bincount(places[:, place], minlength=100)).pvalue > 1e-4
    assert chisquare(np.bincount(places.ravel(), minlength=100)).pvalue > 1e-4


@pytest.mark.parametrize("engine", ["jointree", "backtrack"])
@pytest.mark.parametrize(
    "piece",
    [slice(None), slice(3, 9), slice(0, 0), slice(9, 3), slice(4, None, 5), slice(54, 60), slice(1, 50, 48)],
)
def test_a_stream_gives_the_slice(engine: str, piece: slice) -> None:
    space = SPACE.with_engine(engine)  # type: ignore[arg-type]
    everything = [tuple(c.values()) for c in space.solutions()]
    blocks = list(stream(space.engine, range(len(everything))[piece]))
    assert all(len(block) for block in blocks)
    found = [row for block in blocks for row in zip(*(c.tolist() for c in block.columns), strict=True)]
    assert found == everything[piece]


def test_draws_from_a_huge_slice_are_distinct_and_spread() -> None:
    huge = range(2**70, 2**71, 3)
    drawn = draw_ranks(huge, 2000, 1)
    assert len({int(rank) for rank in drawn}) == 2000
    assert all(int(rank) in huge for rank in drawn[:100])
    assert len(draw_ranks(huge, 5, replace=True)) == 5


def test_distinct_draws_from_a_huge_slice_do_not_lean_on_luck(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([[5, 5, 7], [7, 8]])

    def below(bound: int, size: int, rng: np.random.Generator) -> np.ndarray[Any, Any]:
        return np.array(next(drawn)[:size], object)

    monkeypatch.setattr("spacegen.questions.draw.below", below)
    assert set(draw_ranks(range(2**70), 3).tolist()) == {5, 7, 8}
