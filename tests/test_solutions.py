"""Solutions as sequences: what they hold, how they are sliced, written and summarised."""

from __future__ import annotations

import csv
import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import yaml

import spacegen
from spacegen import Solutions, Space, UsageError

SERVER = Path(__file__).parent / "cases" / "cli" / "server.yaml"


@pytest.fixture(scope="module")
def server() -> Space:
    return spacegen.load(SERVER)


@pytest.fixture(scope="module")
def some(server: Space) -> Solutions:
    return server.sample(200, seed=5)


def test_rows_are_the_same_however_they_are_looked_at(some: Solutions) -> None:
    rows = some.dicts()
    assert len(rows) == len(some) == some.size == 200
    assert rows == list(some) == [some[i] for i in range(200)]
    assert some[-1] == rows[-1]
    assert rows == [
        dict(zip(some.columns(), row, strict=True)) for row in zip(*some.columns().values(), strict=True)
    ]
    with pytest.raises(IndexError):
        some[200]


def test_values_are_plain_python(some: Solutions) -> None:
    types = {type(value) for row in some for value in row.values()}
    assert types == {int, float, str, bool, type(None)}


def test_fixed_values_stand_in_every_row_and_are_no_parameter(some: Solutions) -> None:
    assert all(row["metrics"] is True for row in some)
    assert "metrics" not in some.codes


def test_codes_index_the_declared_domain(server: Space, some: Solutions) -> None:
    for p in server.parameters:
        assert some.columns()[p.name] == [p.domain[int(code)] for code in some.codes[p.name]]
        assert np.issubdtype(some.codes[p.name].dtype, np.unsignedinteger)


def test_slices_are_solutions(some: Solutions) -> None:
    assert some[10:20:3].dicts() == some.dicts()[10:20:3]
    assert some[::-1].dicts() == some.dicts()[::-1]
    assert isinstance(some[:0], Solutions)
    assert some[:0].dicts() == list(some[:0]) == []


def test_solutions_answer_as_a_sequence(some: Solutions) -> None:
    assert some[7] in some
    assert some.index(some[7]) == 7
    assert some.count(some[7]) == 1
    assert [len(part) for part in some.parts(rows=150)] == [150, 50]
    assert [row for part in some.parts(rows=150) for row in part] == list(some)
    assert [len(part) for part in some[:0].parts()] == [0]
    assert repr(some) == "<200 solutions of `server`>"


def test_a_seed_gives_the_same_rows(server: Space, some: Solutions) -> None:
    assert server.sample(200, seed=5).dicts() == some.dicts()
    assert server.sample(200, seed=6).dicts() != some.dicts()


def test_a_summary_counts_values(some: Solutions) -> None:
    summary = some.summary()
    column = some.columns()["memory"]
    assert [(f.value, f.count) for f in summary.frequencies("memory")] == [
        (value, column.count(value)) for value in (None, 0.7, 0.75, 0.8, 0.85, 0.9)
    ]
    first, *lines = str(summary).splitlines()
    assert first == "200 solutions of 7 parameters"
    assert [line.split()[0] for line in lines] == list(some.codes)


def test_derived_values_and_ranks_are_further_columns(server: Space, some: Solutions) -> None:
    table = {field.name: field.gathered(lambda v: v) for field in some.table(["used", "rank"])}
    assert table["used"] == [row["tp_size"] * row["dp_size"] for row in some]  # type: ignore[operator]
    assert table["rank"] == [server.rank(row) for row in some]
    with pytest.raises(UsageError, match="did you mean `used`"):
        some.derived("uses")


def test_a_derived_value_of_no_parameter_has_a_row_each() -> None:
    assert spacegen.load(SERVER).only("chunk").sample(2).derived("used") == [1, 1]


def test_an_unknown_derived_value_is_null(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("spacegen: 1\nparameters: {a: [null, 4]}\nderived: {half: a / 2}\n", encoding="utf-8")
    assert spacegen.load(path).first(2).derived("half") == [None, 2.0]


def test_files_read_back(some: Solutions, tmp_path: Path) -> None:
    rows = some.dicts()
    some.to_json(tmp_path / "s.json")
    assert json.loads((tmp_path / "s.json").read_text(encoding="utf-8")) == rows
    some.to_jsonl(tmp_path / "s.jsonl")
    assert [
        json.loads(line) for line in (tmp_path / "s.jsonl").read_text(encoding="utf-8").splitlines()
    ] == rows
    some.to_yaml(tmp_path / "s.yaml")
    assert yaml.safe_load((tmp_path / "s.yaml").read_text(encoding="utf-8")) == rows
    some.to_csv(tmp_path / "s.csv")
    with (tmp_path / "s.csv").open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    assert written == [{k: "" if v is None else str(v) for k, v in row.items()} for row in rows]


def test_pandas_keeps_types_and_nulls(some: Solutions) -> None:
    frame = pytest.importorskip("pandas") and some.to_pandas()
    assert frame.shape == (200, 8)
    assert {str(t) for t in frame.dtypes} == {"Int64", "Float64", "boolean", "string"}
    assert frame["memory"].isna().sum() == some.columns()["memory"].count(None)
    assert frame["tp_size"].tolist() == some.columns()["tp_size"]


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_other_frames_hold_the_same_rows(some: Solutions, library: str) -> None:
    pytest.importorskip(library)
    frame = some.to_polars().to_dicts() if library == "polars" else some.to_arrow().to_pylist()
    assert frame == some.dicts()


@pytest.mark.parametrize(("method", "library"), [("to_polars", "polars"), ("to_arrow", "pyarrow")])
def test_a_missing_library_is_named_with_its_extra(
    some: Solutions, method: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, library, None)
    with pytest.raises(ImportError, match=rf"{library} is not installed: .* install '{library}>="):
        getattr(some, method)()


def test_all_solutions_are_lazy_and_complete(server: Space) -> None:
    everything = server.solutions()
    rows = list(everything)
    assert len(rows) == len(everything) == everything.count() == 1296
    assert len({tuple(row.values()) for row in rows}) == 1296
    assert everything[100] == rows[100]
    assert list(everything[100:200:7]) == rows[100:200:7]
    assert list(everything[1290:]) == rows[1290:]
    assert list(everything[::-1][:3]) == rows[::-1][:3]
    assert list(islice(everything, 5)) == rows[:5]
    assert everything[200:100].materialised().dicts() == []
    assert repr(everything[:10]) == "<10 solutions of `server`>"


def test_parts_bound_what_is_in_memory(server: Space) -> None:
    sizes = [len(part) for part in server.solutions()[1:].parts(rows=500)]
    assert sizes == [500, 500, 295]


def test_membership_asks_the_rules(server: Space) -> None:
    everything = server.solutions()
    inside = everything[700]
    broken = {**inside, "tp_size": 8, "dp_size": 4}
    for sequence in (everything, server.with_engine("backtrack").solutions()):
        assert inside in sequence
        assert broken not in sequence
        assert {**inside, "tp_size": 3} not in sequence
        assert {**inside, "extra": 1} not in sequence
        assert {**inside, "metrics": False} not in sequence
        assert "tp_size" not in sequence
    assert inside not in everything[:700]
    assert everything.count(inside) == 1
    assert everything.count(broken) == 0


def test_a_slice_without_ranks_is_searched(server: Space) -> None:
    some = server.with_engine("backtrack").only("parallelism").solutions()[2:4]
    assert some[0] in some
    assert {"tp_size": 1, "dp_size": 1, "metrics": True} not in some
    with pytest.raises(UsageError, match="cannot count backwards"):
        list(some[::-1])
