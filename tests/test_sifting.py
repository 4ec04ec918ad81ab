"""Columns sorted by what the space and its target know of them: as each config by itself."""

from __future__ import annotations

import random
from typing import Any

import pytest

import spacegen
from spacegen import Space
from spacegen.launch.sifting import Sieve

EXTRAS: tuple[tuple[str, Any], ...] = (
    ("port", 30000),
    ("port", "x"),
    ("tp", 2),
    ("tensor_parallel_size", 4),
    ("model_path", "m"),
    ("throughput", 1.5),
    ("rank", 3),
    ("log_level", "info"),
    ("cuda_graph_max_bs_decode", 8),
    ("enable_ep_moe", True),
    ("trust_remote_code", "yes"),
)


def mixed_rows(space: Space, seed: int) -> list[dict[str, Any]]:
    """Combinations with a few names less, a few of the target's or nobody's more, and some wrong values."""
    rng, names = random.Random(seed), list(space.model.index)
    rows = []
    for drawn in [*space.without_rules().sample(30, seed=seed), *space.sample(30, seed=seed)]:
        row: dict[str, Any] = dict(drawn)
        for _ in range(rng.randrange(3)):
            row.pop(rng.choice(names), None)
        row.update(rng.choice(EXTRAS) for _ in range(rng.randrange(3)))
        if rng.random() < 0.2:
            row[rng.choice(names)] = rng.choice([7, "zz", None, True, [1]])
        rows.append(row)
    return rows


@pytest.mark.parametrize("name", ["sglang-tuner-18", "sglang-throughput-33"])
@pytest.mark.parametrize("narrow", [False, True])
def test_columns_are_sorted_like_the_names_of_a_config(name: str, narrow: bool) -> None:
    space = spacegen.load(name)
    if narrow:
        dropped = "cuda_graph_max_bs" if "cuda_graph_max_bs" in space.model.index else "page_size"
        space = space.without(dropped).completed({"port": 30000})
    rows = mixed_rows(space, seed=4)
    verdicts = space.verdicts(rows)
    assert len({bool(valid) for valid in verdicts.valid}) == 2
    for i, row in enumerate(rows):
        expected = space.check(row)
        found = {(f.reason, f.name) for f in verdicts.flaws if i in f.rows}
        assert bool(verdicts.valid[i]) == expected.valid
        assert verdicts.broken(i) == tuple(b.rule.id for b in expected.broken)
        assert {n for reason, n in found if reason == "outside"} == {o.parameter for o in expected.outside}
        assert {n for reason, n in found if reason == "unknown"} == {u.name for u in expected.unknown}
        wrong = sorted(f.message for f in verdicts.flaws if f.reason == "wrong" and i in f.rows)
        assert wrong == sorted(fault.message for fault in expected.wrong)


def test_only_names_that_nobody_knows_are_data() -> None:
    space = spacegen.load("sglang-tuner-18")
    sieve = Sieve(space.base, space.not_searched, lenient=True)
    columns = {"tp_size": [1, 2], "port": [1, "x"], "throughput": [0.5, 0.7], "rank": [1, 2]}
    found = sieve(columns, 2)
    assert found.data == ("throughput",)
    assert dict(found.columns) == {"tp_size": [1, 2]}
    assert [(f.name, f.rows.tolist()) for f in found.flaws] == [("port", [1])]
