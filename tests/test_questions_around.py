"""One parameter at a time, and all within some changes: as values, as notes, as rows."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from engines import codes_of
from spacegen.api import Space, load
from spacegen.cli.main import main
from spacegen.errors import ConfigError, EmptySpaceError

CASES = Path(__file__).parent / "cases" / "cli"
SERVER = str(CASES / "server.yaml")


@pytest.fixture(scope="module")
def server() -> Space:
    return load(SERVER)


def test_every_value_has_its_nearest_solution(server: Space) -> None:
    found = server.around({"chunk": 2048})
    values = sum(len(p.domain) for p in server.parameters)
    assert len(found.block) == 1 + values - len(server.parameters)
    assert found.impossible == found.moved == ()
    assert [row[0].parameter for row in found.variants[:3]] == ["tp_size"] * 3
    assert not any(variant.also for row in found.variants for variant in row)


def test_what_else_had_to_change_is_told_with_the_rule(server: Space) -> None:
    found = server.around({"tp_size": 4, "dp_size": 2, "chunk": 512})
    assert list(found.notes()) == [
        "tp_size = 8: also dp_size: 2 -> 1 (rule `gpus-available`)",
        "dp_size = 4: also tp_size: 4 -> 2 (rule `gpus-available`)",
        "graph_max_bs = 512: also chunk: 512 -> 2048 (rule `small-chunk`)",
    ]
    told = found.as_dict()
    assert told["variants"][2] == [
        {
            "parameter": "tp_size",
            "value": 8,
            "also": [{"parameter": "dp_size", "before": 2, "after": 1}],
            "because": ["gpus-available"],
        }
    ]
    assert len(found.rows(3).variants) == 2
    assert len(found.rows(0).block) == 0


def test_a_solution_for_two_values_comes_once(server: Space) -> None:
    found = server.where("(tp_size == 8) == (backend == 'triton')").around({"chunk": 512})
    shared = [row for row in found.variants if len(row) > 1]
    assert [[variant.parameter for variant in row] for row in shared] == [["tp_size", "backend"]]
    rows = codes_of(found.block)
    assert len(set(rows)) == len(rows)


def test_a_base_that_is_no_solution_is_moved(server: Space) -> None:
    found = server.pinned(tp_size=8).around()
    assert [str(change) for change in found.moved] == ["tp_size: 1 -> 8"]
    assert found.impossible[:3] == (("tp_size", 1), ("tp_size", 2), ("tp_size", 4))
    assert next(iter(found.notes())) == "the base is no solution; the nearest one has tp_size: 1 -> 8"


def test_no_solution_has_no_neighbours(server: Space) -> None:
    with pytest.raises(EmptySpaceError):
        server.where("tp_size > 8").around()
    with pytest.raises(ConfigError, match="`tp_sise` is no parameter"):
        server.around({"tp_sise": 8})


def test_the_radius_counts_changes(server: Space) -> None:
    base = {"chunk": 512}
    counts = [server.within(radius, base).count() for radius in range(8)]
    assert counts[0] == 1
    assert counts[1] == 1 + sum(not row[0].also for row in server.around(base).variants)
    assert counts[7] == server.count()
    assert sum(map(len, server.within(2, base).blocks(rows=10))) == counts[2]


def solve(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[dict[str, object]], str]:
    status = main(["solve", SERVER, "--method", "around", *words])
    said = capsys.readouterr()
    return status, [json.loads(line) for line in said.out.splitlines()], said.err


def test_rows_start_with_the_base(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = b'{"tp_size": 4, "dp_size": 2, "chunk": 2048}'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    status, rows, said = solve("--base", "-", capsys=capsys)
    assert status == 0
    assert (rows[0]["tp_size"], rows[0]["dp_size"], rows[0]["backend"]) == (4, 2, "auto")
    assert "tp_size = 8: also dp_size: 2 -> 1 (rule `gpus-available`)\n" in said
    assert said.endswith("18 of 18 solutions around the base\n")


def test_a_limit_takes_the_first_ones(capsys: pytest.CaptureFixture[str]) -> None:
    status, rows, said = solve("-n", "2", capsys=capsys)
    assert (status, len(rows)) == (0, 2)
    assert "note: the base leaves open what has no default: `chunk`" in said
    status, rows, said = solve("--radius", "1", "-n", "3", capsys=capsys)
    assert (status, len(rows)) == (0, 3)
    assert "solutions within 1 change of the base" in said
    assert said.endswith("3 of them written\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--base", str(CASES / "lines.jsonl")], "holds 5 configs\nhint: a base is one config"),
        (["--shard", "0/2"], "`--method around` draws nothing: it has neither shards nor repeats"),
        (["--radius", "-1"], "`--count` and `--radius` are numbers from 0"),
        (["--base", str(CASES / "outside.yaml"), "--method", "first"], "`--base` is for `--method around`"),
    ],
)
def test_what_makes_no_sense_is_refused(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["solve", SERVER, "--method", "around", *words]) == 2
    assert message in capsys.readouterr().err


def test_an_empty_space_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    status, rows, said = solve("--where", "tp_size > 8", capsys=capsys)
    assert (status, rows) == (1, [])
    assert "`server` has no solution" in said
    status, rows, said = solve("--where", "tp_size > 8", "--radius", "2", capsys=capsys)
    assert (status, rows) == (1, [])
    assert "`server` has no solution" in said
    status, rows, said = solve("--pin", "tp_size=8", "--radius", "0", capsys=capsys)
    assert (status, rows) == (0, [])
    assert "0 solutions within 0 changes of the base" in said
    assert "note: the base is no solution; the nearest one is 1 change away" in said
