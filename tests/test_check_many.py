"""`check` on files of many configs: the verdicts are those of each config, and rows stay what they were."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import spacegen
from spacegen import Space
from spacegen.cli.main import main
from spacegen.launch import rowfiles

Row: TypeAlias = dict[str, Any]
CASES = Path(__file__).parent / "cases" / "cli"
SERVER = str(CASES / "server.yaml")


@pytest.fixture(scope="module")
def server() -> Space:
    return spacegen.load(SERVER)


@pytest.fixture(scope="module")
def rows(server: Space) -> list[Row]:
    found = [*server.without_rules().sample(30, seed=1), *server.sample(10)]
    found[3]["tp_size"] = 3
    found[7]["graph"] = None
    return found


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rowfiles, "_ROWS", 7)
    monkeypatch.setattr(rowfiles, "_PARQUET_ROWS", 7)


def write_jsonl(path: Path, rows: list[Row]) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def write_csv(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def write_parquet(path: Path, rows: list[Row]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path)


def write_json(path: Path, rows: list[Row]) -> None:
    path.write_text(json.dumps(rows))


def read_csv(path: Path) -> list[Row]:
    with path.open(newline="") as stream:
        return [
            {
                **row,
                "valid": row["valid"] == "True",
                "broken": row["broken"].split(";") if row["broken"] else [],
            }
            for row in csv.DictReader(stream)
        ]


WAYS: dict[str, tuple[Callable[[Path, list[Row]], None], Callable[[Path], list[Row]]]] = {
    "jsonl": (write_jsonl, lambda path: [json.loads(line) for line in path.read_text().splitlines()]),
    "json": (write_json, lambda path: json.loads(path.read_text())),  # type: ignore[no-any-return]
    "csv": (write_csv, read_csv),
    "parquet": (write_parquet, lambda path: pq.read_table(path).to_pylist()),  # type: ignore[no-any-return]
}
every_format = pytest.mark.parametrize("form", WAYS)


@every_format
def test_each_row_gets_the_verdict_that_it_gets_alone(
    form: str, server: Space, rows: list[Row], tmp_path: Path
) -> None:
    write, read = WAYS[form]
    write(tmp_path / f"rows.{form}", rows)
    assert (
        main(["check", SERVER, str(tmp_path / f"rows.{form}"), "-o", str(tmp_path / f"judged.{form}")]) == 1
    )
    judged = read(tmp_path / f"judged.{form}")
    assert len(judged) == len(rows)
    for row, found in zip(rows, judged, strict=True):
        verdict = server.check(row)
        assert found["valid"] == verdict.valid
        assert found["broken"] == [broken.rule.id for broken in verdict.broken]
        assert bool(found["wrong"]) == bool(verdict.outside)
        if form != "csv":
            assert {name: found[name] for name in row} == row


@every_format
def test_filtered_rows_are_those_of_one_verdict_as_they_were(
    form: str, server: Space, rows: list[Row], tmp_path: Path
) -> None:
    write, _ = WAYS[form]
    rows = [row for row in rows if row["tp_size"] != 3]
    for name, chosen in {
        "rows": rows,
        "valid": [row for row in rows if server.check(row).valid],
        "invalid": [row for row in rows if not server.check(row).valid],
    }.items():
        write(tmp_path / f"{name}.{form}", chosen)
    for name in ("valid", "invalid"):
        found, expected = tmp_path / f"found.{form}", tmp_path / f"{name}.{form}"
        assert (
            main(["check", SERVER, str(tmp_path / f"rows.{form}"), f"--{name}-only", "-o", str(found)]) == 1
        )
        match form:
            case "parquet":
                assert pq.read_table(found).equals(
                    pq.read_table(tmp_path / f"rows.{form}").filter(
                        [server.check(row).valid == (name == "valid") for row in rows]
                    )
                )
            case "json":
                assert json.loads(found.read_text()) == json.loads(expected.read_text())
            case _:
                assert found.read_bytes() == expected.read_bytes()


def test_unreadable_rows_do_not_stop_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = tmp_path / "lines.jsonl"
    lines.write_bytes(
        b'\xef\xbb\xbf{"tp_size": 1}\nno\n\n[1]\n\xff\n{}\n{"tp_size": 2, "tp_size": 2}\n' + b"x\n" * 30
    )
    assert main(["check", SERVER, str(lines), "-o", str(tmp_path / "out.jsonl")]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len([line for line in said.err.splitlines() if line.startswith("error:")]) == 20
    assert "36 configs: 2 valid, 0 invalid, 34 unreadable" in said.err
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.csv", "tp_size,broken\n1,x\n"),
        ("rows.csv", "tp_size,tp_size\n1,2\n"),
        ("rows.csv", 'tp_size,dp_size\n1,1\n"1,2\n'),
        ("rows.csv", "tp_size;dp_size\n1;1\n"),
        ("rows.jsonl", '{"tp_size": 1}\n{"wrong": 1}\n'),
        ("rows.parquet", "no table\n"),
        ("rows.json", "[1"),
        ("rows.json", "[]"),
    ],
)
def test_what_cannot_be_judged_leaves_no_file(
    name: str, content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(content)
    judged = tmp_path / f"judged-{name}"
    assert main(["check", SERVER, str(tmp_path / name), "-o", str(judged)]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_columns_of_nobody_are_data_where_that_is_said(
    tmp_path: Path, server: Space, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{**row, "throughput": 12.5, "note": "a, b"} for row in server.sample(3)]
    write_csv(tmp_path / "rows.csv", rows)
    assert main(["check", SERVER, str(tmp_path / "rows.csv"), "--summary"]) == 1
    assert "hint: `--ignore-unknown`" in capsys.readouterr().err
    assert main(["check", SERVER, str(tmp_path / "rows.csv"), "--ignore-unknown"]) == 0
    said = capsys.readouterr()
    assert said.out == "3 configs: 3 valid, 0 invalid\n"
    assert said.err == "note: taken for data: `note`, `throughput`\n"


def test_an_empty_table_stays_one(tmp_path: Path, rows: list[Row]) -> None:
    write_parquet(tmp_path / "rows.parquet", rows[:1])
    pq.write_table(pq.read_table(tmp_path / "rows.parquet").slice(0, 0), tmp_path / "none.parquet")
    assert main(["check", SERVER, str(tmp_path / "none.parquet"), "-o", str(tmp_path / "out.parquet")]) == 0
    assert pq.read_table(tmp_path / "out.parquet").column_names == [*rows[0], "valid", "broken", "wrong"]
    for form, text in {"csv": "tp_size\n", "jsonl": ""}.items():
        (tmp_path / f"none.{form}").write_text(text)
        assert (
            main(["check", SERVER, str(tmp_path / f"none.{form}"), "-o", str(tmp_path / f"out.{form}")]) == 0
        )
    assert (tmp_path / "out.csv").read_text() == "tp_size,valid,broken,wrong\n"
    assert (tmp_path / "out.jsonl").read_text() == ""


def test_totals_of_several_files_are_one_summary(
    tmp_path: Path, server: Space, rows: list[Row], capsys: pytest.CaptureFixture[str]
) -> None:
    write_parquet(tmp_path / "rows.parquet", rows)
    write_jsonl(tmp_path / "rows.jsonl", rows)
    files = [str(tmp_path / "rows.parquet"), str(tmp_path / "rows.jsonl")]
    assert main(["check", SERVER, *files, "--json"]) == 1
    totals = json.loads(capsys.readouterr().out)
    broken = [b.rule.id for row in rows for b in server.check(row).broken]
    assert totals["configs"] == totals["valid"] + totals["invalid"] == 2 * len(rows)
    assert {b["rule"]: b["configs"] for b in totals["broken"]} == {
        i: 2 * broken.count(i) for i in set(broken)
    }


@pytest.mark.parametrize("link", [False, True])
def test_rows_never_take_the_place_of_those_they_are_made_from(
    tmp_path: Path, rows: list[Row], capsys: pytest.CaptureFixture[str], link: bool
) -> None:
    write_csv(path := tmp_path / "rows.csv", rows)
    out = path
    if link:
        (out := tmp_path / "other.csv").symlink_to(path)
    before = path.read_bytes()
    assert main(["check", SERVER, str(path), "-o", str(out)]) == 2
    assert path.read_bytes() == before
    assert "hint: write them to another file" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_judged_rows_are_read_again(
    tmp_path: Path, rows: list[Row], capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    writer: dict[str, Callable[[Path, list[Row]], None]] = {
        "csv": write_csv,
        "jsonl": write_jsonl,
        "parquet": write_parquet,
    }
    good = [row for i, row in enumerate(rows) if i not in (3, 7)]
    path, judged = tmp_path / f"rows.{suffix}", tmp_path / f"judged.{suffix}"
    writer[suffix](path, good)
    assert main(["check", SERVER, str(path), "-o", str(judged)]) == 1
    first = capsys.readouterr().err
    assert main(["check", SERVER, str(judged), "--summary"]) == 1
    again = capsys.readouterr()
    assert again.out == first
    assert again.err == "note: `valid`, `broken` and `wrong` are an earlier verdict, which is not read\n"
    if suffix != "parquet":
        assert main(["check", SERVER, str(judged)]) == 1
        assert "no parameter" not in capsys.readouterr().out


def test_rows_are_not_written_under_a_suffix_that_nobody_knows(
    tmp_path: Path, rows: list[Row], capsys: pytest.CaptureFixture[str]
) -> None:
    write_csv(path := tmp_path / "rows.csv", rows)
    assert main(["check", SERVER, str(path), "-o", str(tmp_path / "out.xlsx")]) == 2
    assert not (tmp_path / "out.xlsx").exists()
    assert "names no format" in capsys.readouterr().err
