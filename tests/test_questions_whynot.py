"""Why a value is impossible beside others, or how many solutions have it."""

from __future__ import annotations

import json

import pytest

import spacegen
from spacegen import Space
from spacegen.errors import UsageError


@pytest.fixture(scope="module")
def tuner() -> Space:
    return spacegen.load("sglang-tuner-18")


def test_a_possible_value_has_its_share(tuner: Space) -> None:
    found = tuner.why_not({"tp_size": 8})
    marginals = tuner.marginals()["tp_size"]
    assert found
    assert (found.solutions, found.among) == (marginals[8], tuner.count())
    assert found.share == marginals[8] / tuner.count()
    assert str(found) == f"tp_size = 8 is possible: {marginals[8]:,} of {tuner.count():,} solutions (5.3 %)"
    assert "conflicts" not in found.as_dict()


def test_the_share_is_that_of_the_solutions_with_the_given_values(tuner: Space) -> None:
    found = tuner.why_not({"tp_size": 4, "pp_size": 1}, {"dp_size": 2})
    assert (found.solutions, found.among) == (
        tuner.engine.count({"tp_size": (2,), "pp_size": (0,), "dp_size": (1,)}),
        tuner.engine.count({"dp_size": (1,)}),
    )
    assert " is possible given dp_size = 2: " in str(found)


def test_an_impossible_value_has_its_conflict_and_the_least_change(tuner: Space) -> None:
    found = tuner.why_not({"tp_size": 8}, {"pp_size": 2, "page_size": 16})
    assert not found
    lines = str(found).splitlines()
    assert lines[0] == "tp_size = 8 is impossible given pp_size = 2, page_size = 16"
    assert lines[2] == "  tp_size=8 × pp_size=2 × dp_size=1 = 16 > 8 GPUs (no other `dp_size` helps)"
    assert lines[5:] == [
        "    change pp_size to 1",
        "",
        "  smallest change of the given values: 1 change",
        "    pp_size = 1 (was 2)",
    ]
    data = json.loads(json.dumps(found.as_dict()))
    assert (data["possible"], data["solutions"], data["share"]) == (False, 0, None)
    assert data["conflicts"][0]["values"] == {"tp_size": 8, "pp_size": 2}
    assert data["repair"]["changes"] == [{"parameter": "pp_size", "before": 2, "after": 1}]


def test_where_no_given_value_helps() -> None:
    space = Space.build("never", {"a": [1, 2, 3], "b": [1, 2], "c": [1, 2]}, ["a < b", "c > 0"])
    found = space.why_not({"a": 3}, {"c": 2})
    assert found.repair is None
    assert str(found).endswith("no change of the given values makes it possible")
    assert "no change" not in str(space.why_not({"a": 3}))


def test_a_value_outside_the_domain_has_neighbours(tuner: Space) -> None:
    found = tuner.why_not({"tp_size": 6}, {"pp_size": 2})
    assert not found
    assert "`tp_size` = 6 is outside its domain: 1, 2, 4, 8\n    hint: close to it are 4 and 8" in str(found)
    assert found.as_dict()["outside"] == [{"parameter": "tp_size", "value": 6, "allowed": [1, 2, 4, 8]}]


def test_a_pin_is_a_reason(tuner: Space) -> None:
    found = tuner.pinned({"tp_size": 2}).why_not({"tp_size": 4})
    assert found.causes[0].lines == ("tp_size=4 is not 2",)


def test_names_that_are_no_parameters(tuner: Space) -> None:
    with pytest.raises(UsageError, match="tp_sise"):
        tuner.why_not({"tp_sise": 2})
    with pytest.raises(UsageError, match="is asked about and given"):
        tuner.why_not({"tp_size": 2}, {"tp_size": 4})
