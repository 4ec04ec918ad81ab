"""Advice on the memory that is left once a server is ready, with sizes."""

from __future__ import annotations

import pytest

from spacegen.diagnose.finding import Severity
from spacegen.diagnose.launch import Fact
from spacegen.diagnose.series import Column, Series
from tests.made_launches import (
    ARGUMENTS,
    FACTS,
    MINI,
    launch,
    move_of,
    only,
    shown,
    ways,
)


@pytest.mark.parametrize(
    ("left", "name", "severity"),
    [
        (3.2, "memory-scarce", Severity.WARNING),
        (5.0, "memory-good", Severity.INFO),
        (8.0, "memory-good", Severity.INFO),
        (9.1, "memory-unused", Severity.INFO),
        (13.5, "memory-unused", Severity.WARNING),
    ],
)
def test_five_to_eight_gb_are_good(left: float, name: str, severity: Severity) -> None:
    finding = only(launch({**ARGUMENTS, "mem_fraction_static": 0.8}, {**FACTS, Fact.LEFT: left}))
    assert (finding.id, finding.severity) == (name, severity)
    assert [one.text for one in finding.evidence] == [Fact.LEFT.value]


def test_a_higher_share_is_sized_by_what_is_left_and_told_in_tokens() -> None:
    finding = only(launch({**ARGUMENTS, "mem_fraction_static": 0.8}, {**FACTS, Fact.LEFT: 13.5}))
    (move,) = finding.moves
    # (13.5 - 8) / 78 and (13.5 - 5) / 78, in steps of 0.01.
    assert (move.at_least, move.to, move.at_most) == (0.88, 0.88, 0.9)
    # 400,000 tokens in 50 GiB are 8,000 a GiB, of which 0.01 of the GPU is 0.78.
    assert finding.numbers["tokens_per_step"] == 6240
    assert finding.numbers["tokens_gained"] == 8 * 6240
    assert "each 0.01 of it adds 6240 tokens to the KV cache" in finding.advice


def test_a_lower_share_is_sized_by_what_is_missing() -> None:
    (move,) = only(launch(facts={**FACTS, Fact.LEFT: 3.0})).moves
    assert (move.at_least, move.at_most, move.to) == (None, 0.85, 0.83)


def test_without_a_share_or_a_gpu_the_guide_goes_by_steps() -> None:
    finding = only(launch({}, {Fact.LEFT: 13.5, Fact.POOL_TOKENS: 665_690}))
    assert (finding.id, finding.moves) == ("memory-unused", ())
    assert "0.01 at a time" in finding.advice[0]


def test_no_share_is_raised_beyond_what_is_sensible() -> None:
    facts = {**FACTS, Fact.LEFT: 20.0}
    finding = only(launch({**ARGUMENTS, "mem_fraction_static": 0.9}, facts))
    share = move_of(finding, "mem_fraction_static")
    assert (share.at_least, share.at_most, share.to) == (0.95, 0.95, 0.95)
    finding = only(launch({**ARGUMENTS, "mem_fraction_static": 0.95}, facts))
    assert (finding.id, finding.moves) == ("memory-unused", ())
    assert finding.advice[0].startswith("`mem_fraction_static` is already as high as is sensible")
    # More than the whole GPU has is not of the GPU.
    assert shown(launch(ARGUMENTS, {**FACTS, Fact.LEFT: 400.0})) == []


def test_a_cache_that_was_never_full_gains_nothing_from_more() -> None:
    series = Series(columns={Column.MOST_USED: (0.3, 0.41), Column.DECODES: (20.0, 20.0)})
    finding = only(
        launch({**ARGUMENTS, "mem_fraction_static": 0.8}, {**FACTS, Fact.LEFT: 14.0}, series=series)
    )
    assert finding.severity is Severity.INFO


def test_a_pool_that_an_argument_holds_small_does_not_grow_by_the_share() -> None:
    arguments = {**ARGUMENTS, "mem_fraction_static": 0.8, "max_total_tokens": 400_000}
    finding = only(launch(arguments, {**FACTS, Fact.LEFT: 30.0}))
    assert ways(finding.moves) == {"max_total_tokens": 800_000}


def test_small_gpus_leave_less() -> None:
    small = {**FACTS, Fact.BEFORE_LOADING: 23.0}
    assert only(launch(facts={**small, Fact.LEFT: 2.4})).id == "memory-good"
    assert only(launch(facts={**small, Fact.LEFT: 5.0})).id == "memory-unused"


def test_what_mini_sglang_leaves_on_a_small_gpu_is_no_alarm() -> None:
    facts = {Fact.BEFORE_LOADING: 11.5, Fact.LEFT: 0.8, Fact.POOL: 8.91, Fact.POOL_TOKENS: 83_462}
    assert {finding.severity for finding in shown(launch(MINI, facts, server="minisgl"))} == {Severity.INFO}
