"""Verdicts on configs, against the plain truth and case by case."""

from __future__ import annotations

from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest

import spacegen
from oracle import solutions
from spacegen import Space

SERVER = Path(__file__).parent / "cases" / "cli" / "server.yaml"


@pytest.fixture(scope="module")
def server() -> Space:
    return spacegen.load(SERVER)


@pytest.fixture(scope="module")
def tiny() -> Space:
    return Space.build(
        "tiny",
        {"a": [None, 1, 2, 3], "b": [1, 2, 3], "c": [1, 2]},
        ["a < b", "b < c + a", "a != 2 or c == 2"],
    )


def test_every_config_and_part_of_one_gets_the_right_verdict(tiny: Space) -> None:
    right = solutions(tiny.model)
    free = object()
    for values in product([free, None, 1, 2, 3], [free, 1, 2, 3], [free, 1, 2]):
        config = {n: v for n, v in zip("abc", values, strict=True) if v is not free}
        ways = sum(all(v is free or v == w for v, w in zip(values, row, strict=True)) for row in right)
        verdict = tiny.check(config)
        assert verdict.valid == bool(verdict) == (ways > 0)
        assert (verdict.completions or 0) == ways
        assert bool(verdict.broken or verdict.conflict) == (ways == 0)


def test_a_complete_config_needs_no_engine(tiny: Space) -> None:
    wide = Space.build("wide", {f"p{i}": range(1000) for i in range(30)}, ["p0 * p1 * p2 * p3 < p4 * p5"])
    assert wide.check({f"p{i}": 1 for i in range(30)}).broken[0].rule.id == "rule-1"
    assert "engine" not in wide.__dict__


def test_a_conflict_of_a_partial_config_is_minimal(tiny: Space) -> None:
    verdict = tiny.check({"a": 3, "c": 1})
    assert verdict.completions == 0
    assert verdict.conflict is not None
    assert [rule.id for rule in verdict.conflict.rules] == ["rule-1"]
    assert verdict.conflict.values == {"a": 3}


def test_rules_are_tried_on_values_outside_the_domain(tiny: Space) -> None:
    inside, outside = tiny.check({"a": 1, "b": 3, "c": 4}), tiny.check({"a": 9, "b": 3, "c": 1})
    assert (inside.valid, inside.broken, [o.parameter for o in inside.outside]) == (False, (), ["c"])
    assert [b.rule.id for b in outside.broken] == ["rule-1"]
    stuck = tiny.check({"a": 9})
    assert stuck.completions == 0
    assert stuck.conflict is not None
    assert stuck.conflict.values == {"a": 9}


@pytest.mark.parametrize("value", ["2", True, [1], {"x": 1}, object()])
def test_no_rule_is_tried_on_a_value_of_the_wrong_type(tiny: Space, value: Any) -> None:
    verdict = tiny.check({"a": value, "b": 3, "c": 1})
    assert not verdict.valid
    assert not verdict.broken
    assert not verdict.outside[0].type_fits
    assert "wrong type" in str(verdict)


def test_one_is_one_point_zero_and_not_true(tiny: Space) -> None:
    assert tiny.check({"a": 1.0, "b": 2, "c": 2})
    assert not tiny.check({"a": True, "b": 2, "c": 2})


def test_a_rounding_error_is_pointed_out(server: Space) -> None:
    outside = server.check({"memory": 0.7000000000000001}).outside[0]
    assert outside.nearly == 0.7
    assert server.check({"memory": 0.71}).outside[0].nearly is None


def test_fixed_dropped_derived_and_unknown_keys_are_told_apart(server: Space) -> None:
    row = server.without("dp_size").sample(1)[0]
    narrow = server.without("dp_size")
    assert narrow.check(row)
    assert narrow.check({**row, "dp_size": 1, "used": 99, "rank": 3})
    assert [o.parameter for o in narrow.check({**row, "dp_size": 2, "metrics": False}).outside] == [
        "metrics",
        "dp_size",
    ]
    verdict = server.check({"tp": 1, "tp_sise": 1})
    assert [(u.name, u.hint) for u in verdict.unknown] == [
        ("tp", None),
        ("tp_sise", "did you mean `tp_size`?"),
    ]


def test_a_broken_active_when_is_a_broken_rule(server: Space) -> None:
    verdict = server.check({"graph": False, "graph_max_bs": 8})
    assert [b.rule.id for b in verdict.broken] == ["graph_max_bs.active_when"]
    assert verdict.broken[0].values == {"graph": False, "graph_max_bs": 8}


def test_many_configs_get_the_verdicts_that_each_gets(server: Space) -> None:
    configs: list[dict[str, Any]] = [
        *server.sample(50),
        *server.without_rules().sample(200),
        {"tp_size": 8},
        {"tp_size": 3},
        {"no": 1},
        {},
    ]
    assert list(server.check_all(configs)) == [server.check(config) for config in configs]


def test_the_sample_config_that_people_pass_around_is_invalid() -> None:
    space = spacegen.load("sglang-throughput-10")
    config = {
        "max_running_requests": 256,
        "max_total_tokens": 16384,
        "chunked_prefill_size": 2048,
        "max_prefill_tokens": 8192,
        "tp_size": 2,
        "dp_size": 1,
        "disable_radix_cache": False,
        "disable_cuda_graph": False,
        "cuda_graph_max_bs": 64,
        "attention_backend": "flashinfer",
    }
    assert [b.rule.id for b in space.check(config).broken] == ["tokens-for-every-request"]
    both = "max_running_requests is not null and max_total_tokens is not null"
    assert space.where(both).count() == 0


def test_the_headline_has_everything_in_one_line(server: Space) -> None:
    assert server.check(server.unrank(0)).headline == "valid"
    assert server.check(
        {"tp_size": 8, "dp_size": 1, "memory": 0.7, "backend": "auto", "graph": False}
    ).headline == ("valid so far: can be completed in 2 ways")
    assert server.check({"tp_size": 8, "dp_size": 4, "chunk": "x", "no": 1}).headline == (
        "invalid: breaks `gpus-available`; `chunk` = x is outside its domain; `no` is no parameter"
    )


def test_an_engine_that_lists_says_that_there_are_too_many_completions_to_count() -> None:
    names = [f"p{i}" for i in range(9)]
    rising = [f"{a} <= {b}" for a, b in pairwise(names)]
    space = Space.build("rising", dict.fromkeys(names, range(10)), rising).with_engine("cpsat")
    verdict = space.check({"p8": 9})
    assert verdict.valid
    assert (verdict.completions, verdict.uncounted) == (None, True)
    assert verdict.headline == "valid so far: too many completions to count"
    assert verdict.as_dict()["completions"] is None
    assert space.check({"p8": 1}).completions == 9
    stuck = space.check({"p3": 5, "p7": 4})
    assert (stuck.valid, stuck.completions, stuck.uncounted) == (False, 0, False)
    assert space.verdicts([{"p8": 9}, {"p3": 5, "p7": 4}]).valid.tolist() == [True, False]
