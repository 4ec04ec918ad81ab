"""Sizes and values at the edges of what types hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import spacegen
from spacegen import Space
from spacegen.engines.plan import compile_model


@pytest.mark.parametrize("sizes", [(1, 256), (1, 1, 256), (1, 65536), (256, 1)])
def test_broken_rules_of_domains_as_large_as_a_type(sizes: tuple[int, ...]) -> None:
    names = "abc"[: len(sizes)]
    made = Space.build("s", {n: list(range(size)) for n, size in zip(names, sizes, strict=True)})
    found = made.with_rule(f"{names[-1]} >= 5 + {' + '.join(names[:-1])}", id="late")
    row = dict.fromkeys(names, 0)
    assert found.verdicts([row]).broken(0) == ("late",)


def test_the_best_may_be_infinite() -> None:
    found = Space.build("s", {"x": [1, 2], "y": [1e308]}).maximizing("x * y * 10").best(1)
    assert "inf (proven optimal)" in str(found)


@pytest.mark.parametrize("engine", ["jointree", "cpsat", "backtrack"])
def test_no_best_solutions_are_asked_for(engine: str) -> None:
    made = Space.build("s", {"x": [1, 2]})
    for n in (0, -1):
        assert len(compile_model(made.model, engine).costed(()).best(n).block) == 0


@pytest.mark.parametrize("column", [np.array(1), np.zeros((2, 2)), np.zeros((2, 2), bool)])
def test_a_column_has_one_dimension(column: Any) -> None:
    with pytest.raises(spacegen.UsageError, match="is no column"):
        Space.build("s", {"x": [1, 2]}).verdicts({"x": column})


def test_lists_in_a_frame_are_values_outside_the_domain() -> None:
    pandas = pytest.importorskip("pandas")
    found = Space.build("s", {"x": ["a", "b"]}).verdicts(pandas.DataFrame({"x": [["a"], "b"]}))
    assert found.valid.tolist() == [False, True]


def test_a_value_has_to_be_asked_about() -> None:
    with pytest.raises(spacegen.UsageError, match="no value is asked about"):
        Space.build("s", {"x": [1, 2]}).why_not({})
