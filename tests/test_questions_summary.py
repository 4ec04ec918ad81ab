"""Value counts and what they say."""

from __future__ import annotations

import pytest

from spacegen import Space
from spacegen.questions.summary import percent


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.5, "50.0 %"),
        (0.207, "20.7 %"),
        (0.9994, "99.940 %"),
        (0.00063, "0.063 %"),
        (1e-9, "1e-07 %"),
        (1 - 1e-9, "> 99.999 %"),
    ],
)
def test_a_share_has_the_digits_that_it_needs(share: float, text: str) -> None:
    assert percent(share) == text


def test_a_summary_is_exact_and_finds_what_is_lopsided() -> None:
    parameters = {"switch": [False, True], "child": range(1000), "single": [1], "even": [1, 2]}
    space = Space.build("s", parameters, ["switch or child == 0", "not switch or even == 1 or child > 990"])
    summary = space.summary()
    rows = list(space.solutions())
    assert summary.total == len(rows)
    for name in parameters:
        for f in summary.frequencies(name):
            assert f.count == sum(row[name] == f.value for row in rows)
            assert f.share == f.count / len(rows)
    assert [(f.parameter, f.value) for f in summary.lopsided()][:1] == [("switch", True)]
    assert [(f.parameter, f.value) for f in summary.lopsided() if f.parameter != "child"] == [
        ("switch", True),
        ("even", 1),
        ("switch", False),
    ]


def test_in_a_long_domain_seldom_is_measured_against_an_even_share() -> None:
    space = Space.build("s", {"a": range(300), "b": range(20)}, ["a != 7 or b == 0"])
    assert [(f.parameter, f.value) for f in space.summary().lopsided()] == [("a", 7)]
    assert Space.build("s", {"a": range(1000)}).summary().lopsided() == ()


def test_what_all_have_comes_last_and_what_none_has_is_left_out() -> None:
    space = Space.build("s", {"a": [1, 2], "b": [0, 1], "c": range(100)}, ["a == 1", "b == 1 or c == 0"])
    assert [(f.parameter, f.value) for f in space.summary().lopsided()] == [("b", 1), ("a", 1)]
    assert space.summary().unused() == {}


def test_what_none_has_is_unused_unless_all_have_the_same() -> None:
    space = Space.build("s", {"a": [1, 2, None, 4], "b": [0, 1, 2]}, ["a is null or a > 1", "b == 1"])
    assert space.summary().unused() == {"a": (1,)}
    assert space.where("b == 0").summary().unused() == {}


def test_an_empty_summary_is_no_error() -> None:
    summary = Space.build("s", {"a": [1, 2]}, ["a > 2"]).summary()
    assert summary.lopsided() == ()
    assert str(summary) == "0 solutions of 1 parameter\n  a  1 0 %, 2 0 %"


def test_a_change_has_its_sign_and_may_be_more_than_all() -> None:
    assert percent(-0.1667, signed=True) == "-16.7 %"
    assert percent(1.5, signed=True) == "+150.0 %"
    assert percent(1.5) == "150.0 %"
    assert percent(0.274, digits=0) == "27 %"
