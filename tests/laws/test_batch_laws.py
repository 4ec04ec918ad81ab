"""Verdicts on many configs at once are the verdicts that `check` gives each."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacegen import Space
from spacegen.errors import UsageError
from spacegen.language.model import Model
from spacegen.questions.many.verdicts import Verdicts, patterns
from strategies import models

laws = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

STRANGERS: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    1.0,
    7,
    -0.5,
    2**53 + 1,
    "auto",
    "no such",
    [1],
    {"a": 1},
)


@st.composite
def configs(draw: st.DrawFn, model: Model) -> list[dict[str, Any]]:
    """Rows of which some are partial, some hold values outside the domains, and some names of nobody."""
    kept = st.sampled_from("iiiiiiiomx")
    rows = []
    for _ in range(draw(st.integers(0, 12))):
        row: dict[str, Any] = {}
        for p in model.parameters:
            match draw(kept):
                case "i":
                    row[p.name] = draw(st.sampled_from(p.domain.values))
                case "o":
                    row[p.name] = draw(st.sampled_from(STRANGERS))
                case "x" if draw(st.booleans()):
                    row["stranger"] = 1
        rows.append(row)
    return rows


def assert_agreement(space: Space, rows: list[dict[str, Any]], verdicts: Verdicts) -> None:
    assert len(verdicts) == len(rows)
    for i, row in enumerate(rows):
        expected = space.check(row)
        assert verdicts.broken(i) == verdicts.ids[i] == tuple(b.rule.id for b in expected.broken)
        reasons = {reason: set[str]() for reason in ("outside", "unknown", "wrong", "stuck")}
        for flaw in verdicts.flaws:
            if i in flaw.rows:
                reasons[flaw.reason].add(flaw.name)
        assert reasons["outside"] == {o.parameter for o in expected.outside}
        assert reasons["unknown"] == {u.name for u in expected.unknown}
        assert bool(verdicts.valid[i]) == expected.valid
        assert verdicts.wrong(i) == verdicts.complaints[i]
        if not (expected.broken or expected.outside or expected.unknown):
            assert bool(reasons["stuck"]) == (expected.completions == 0)


@laws
@given(st.data(), models())
def test_a_row_is_judged_like_a_config(data: st.DataObject, model: Model) -> None:
    space, rows = Space(model), data.draw(configs(model))
    assert_agreement(space, rows, space.verdicts(rows))


@laws
@given(st.data(), models(), st.sampled_from(["lists", "numpy", "arrow", "pandas", "polars"]))
def test_every_kind_of_table_gets_the_same_verdicts(data: st.DataObject, model: Model, kind: str) -> None:
    space = Space(model)
    left_out = data.draw(st.sets(st.sampled_from([p.name for p in model.parameters]), max_size=2))
    names = [p.name for p in model.parameters if p.name not in left_out]
    rows = [
        {n: data.draw(st.sampled_from((*model[n].domain.values, None))) for n in names}
        for _ in range(data.draw(st.integers(1, 8)))
    ]
    lists = {n: [row[n] for row in rows] for n in names}
    if not names or not whole(lists):
        return
    makers: dict[str, Any] = {
        "lists": lambda: lists,
        "numpy": lambda: {n: np.array(values) for n, values in lists.items()},
        "arrow": lambda: pa.table({n: pa.array(v) for n, v in lists.items()}),
        "pandas": lambda: pd.DataFrame(lists),
        "polars": lambda: pl.DataFrame({n: pl.Series(v, strict=False) for n, v in lists.items()}),
    }
    assert_agreement(space, rows, space.verdicts(makers[kind]()))


def whole(lists: dict[str, list[Any]]) -> bool:
    """Whether no library would round these numbers to make one type of them."""
    numbers = [
        v for values in lists.values() for v in values if isinstance(v, int) and not isinstance(v, bool)
    ]
    return all(abs(v) < 2**53 for v in numbers)


@laws
@given(st.data(), models())
def test_the_tally_counts_the_broken_rules(data: st.DataObject, model: Model) -> None:
    space, rows = Space(model), data.draw(configs(model))
    verdicts = space.verdicts(rows)
    for number, tally in enumerate(verdicts.by_rule()):
        mine = [i for i, ids in enumerate(verdicts.ids) if tally.rule.id in ids]
        assert tally.rule is verdicts.rules[number]
        assert tally.rows == len(mine)
        assert tally.alone == sum(len(verdicts.ids[i]) == 1 and not verdicts.wrong(i) for i in mine)
    ends, numbers = verdicts.listed()
    listed = [tuple(verdicts.rules[n].id for n in numbers[a:b]) for a, b in pairwise(ends)]
    assert listed == verdicts.ids


@pytest.mark.parametrize("chosen", [0, 1, 2])
def test_partial_rows_of_a_wide_space_are_judged(chosen: int) -> None:
    names = [f"x{i}" for i in range(30)]
    space = Space.build("wide", {name: range(10) for name in names}, [" + ".join(names) + " <= 130"])
    given_ = names[: 30 - chosen]
    rng = np.random.default_rng(0)
    columns = {name: rng.integers(0, 10, 500) for name in given_}
    total = np.sum(list(columns.values()), axis=0)
    assert (space.verdicts(columns).valid == (total <= 130)).all()


def test_a_domain_of_numbers_and_texts_comes_back_from_arrow() -> None:
    space = Space.build(
        "mixed", {"a": ["auto", 1, 2.5, None, "1e"], "b": [True, False]}, ["a != 'auto' or b"]
    )
    drawn = space.without_rules().sample(20)
    table = drawn.to_arrow()
    assert pa.types.is_string(table.schema.field("a").type)
    assert_agreement(space, drawn.dicts(), space.verdicts(table))
    assert space.verdicts({"a": pa.array(["[1", "yes"]), "b": [True, True]}).count == 0


def test_decimals_of_few_bits_are_compared_exactly() -> None:
    space = Space.build("s", {"a": [0.7, 0.5, 2**40, 1e300], "b": [1]})
    for values in ([0.7, 0.5, 2.0**40], [1e300, 0.1]):
        for dtype in (np.float32, np.float64):
            column = np.array(values, np.float64)
            with np.errstate(over="ignore"):
                column = column.astype(dtype)
            expected = [space.check({"a": v, "b": 1}).valid for v in column.tolist()]
            for kind in (column, pa.array(column), pd.Series(column), pl.Series(column)):
                assert space.verdicts({"a": kind, "b": [1] * len(column)}).valid.tolist() == expected


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("a table", "no table of configs"),
        (5, "no table of configs"),
        ({"a": [1, 2], "b": [1]}, "`b` has 1 rows, `a` 2"),
        ({"a": 1}, "`a` is no column"),
        ({"a": "text"}, "`a` is no column"),
        ({1: [1]}, "`1` is none"),
        ([1], "no config"),
        (pa.table([[1], [1]], names=["a", "a"]), "occurs twice"),
        (pd.DataFrame([[1, 1]], columns=["a", "a"]), "occurs twice"),
    ],
)
def test_what_is_no_table_is_refused(table: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Space.build("s", {"a": [1, 2], "b": [1]}).verdicts(table)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 70), st.integers(0, 40), st.integers(0, 2**32 - 1))
def test_patterns_are_the_different_columns(rules: int, rows: int, seed: int) -> None:
    breaks = np.random.default_rng(seed).random((rules, rows)) < 0.1
    different, places = patterns(breaks)
    words = [tuple(word.tolist()) for word in different]
    assert [words[place] for place in places] == [tuple(column.tolist()) for column in breaks.T]
    assert len(words) == len(set(words)) == len(set(places.tolist()))
