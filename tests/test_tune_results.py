"""Results files: what is in them stays, whatever happens to whoever writes."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from spacegen.errors import ConfigError, UsageError
from spacegen.tune.outcome import Outcome
from spacegen.tune.record import Provenance, Record
from spacegen.tune.results import ResultsFile
from spacegen.tune.workload import Workload

PROVENANCE = Provenance(spacegen="0", workload=Workload())


def _record(trial: int, **metrics: float) -> Record:
    config = {"tp_size": trial, "share": 0.9, "graph": None, "policy": "lpm", "mixed": True}
    return Record(trial=trial, config=config, outcome=Outcome(metrics=metrics), provenance=PROVENANCE)


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    file = ResultsFile(tmp_path / "results.jsonl")
    records = [_record(i, ttft=0.1 * i) for i in range(3)]
    for record in records:
        file.append(record)
    assert file.records() == records
    assert len(file.path.read_text().splitlines()) == 3


def test_a_file_that_is_not_there_has_no_records(tmp_path: Path) -> None:
    file = ResultsFile(tmp_path / "results.jsonl")
    file.check()
    assert file.records() == []
    assert not file.path.exists()


def test_a_torn_last_line_is_passed_over_and_mended_wherever_it_was_cut(tmp_path: Path) -> None:
    file = ResultsFile(tmp_path / "results.jsonl")
    whole = f"{_record(1).model_dump_json()}\n".encode()
    second = _record(2).model_dump_json().encode()
    for cut in (*range(1, 12), len(second) // 2, len(second) - 1, len(second)):
        file.path.write_bytes(whole + second[:cut])
        kept = [1, 2] if cut == len(second) else [1]
        assert [r.trial for r in file.records()] == kept
        file.append(_record(3))
        assert [r.trial for r in file.records()] == [*kept, 3]
        assert file.path.read_bytes().startswith(whole)


def test_a_file_whose_only_line_is_torn_is_mended(tmp_path: Path) -> None:
    file = ResultsFile(tmp_path / "results.jsonl")
    file.path.write_bytes(_record(1).model_dump_json().encode()[:40])
    file.check()
    file.append(_record(2))
    assert [r.trial for r in file.records()] == [2]


def test_fresh_records_are_those_that_came_since(tmp_path: Path) -> None:
    file, other = ResultsFile(tmp_path / "results.jsonl"), ResultsFile(tmp_path / "results.jsonl")
    assert file.fresh() == []
    other.append(_record(1))
    assert [r.trial for r in file.fresh()] == [1]
    other.append_all((_record(2), _record(3)))
    with file.path.open("a") as stream:
        stream.write(_record(4).model_dump_json()[:50])
    assert [r.trial for r in file.fresh()] == [2, 3]
    other.append(_record(5))
    assert [r.trial for r in file.fresh()] == [5]
    assert file.fresh() == []


def test_records_are_numbered_whoever_writes(tmp_path: Path) -> None:
    file, other = ResultsFile(tmp_path / "results.jsonl"), ResultsFile(tmp_path / "results.jsonl")
    file.append(_record(6))
    writers = (file, other, other, file)
    assert [writer.append_numbered(_record(0)).trial for writer in writers] == [7, 8, 9, 10]
    assert [r.trial for r in file.records()] == [6, 7, 8, 9, 10]


@pytest.mark.parametrize("text", ["tp_size,ttft\n1,2\n", '{"tp_size": 1}\n', '{"tp_size": 1}', "notes", "[]"])
def test_what_is_no_results_file_is_left_alone(tmp_path: Path, text: str) -> None:
    file = ResultsFile(tmp_path / "results.jsonl")
    file.path.write_text(text)
    with pytest.raises(UsageError, match="no results file"):
        file.append(_record(1))
    with pytest.raises(UsageError, match="no results file"):
        file.check()
    assert file.path.read_text() == text


def test_a_whole_line_that_is_no_record_is_named(tmp_path: Path) -> None:
    file = ResultsFile(tmp_path / "results.jsonl")
    file.append(_record(1))
    with file.path.open("a") as stream:
        stream.write("{}\n")
    with pytest.raises(ConfigError, match=r"results\.jsonl:2 is no record"):
        file.records()


def test_a_folder_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file can be made in"):
        ResultsFile(tmp_path / "nowhere" / "results.jsonl").check()


def test_metrics_that_are_no_numbers_are_left_out() -> None:
    metrics = {"a": math.inf, "b": math.nan, "c": 1.0}
    outcome = Outcome(metrics=metrics, repeats=(metrics,))
    assert outcome.metrics == {"c": 1.0}
    assert outcome.repeats == ({"c": 1.0},)
    assert Outcome.model_validate_json(outcome.model_dump_json()) == outcome
    assert Outcome.model_validate_json('{"metrics": {"a": null, "c": 1}}').metrics == {"c": 1.0}


def test_several_processes_append_to_one_file(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    line = _record(0, ttft=1.0).model_dump_json()
    program = (
        "import sys; from spacegen.tune.results import ResultsFile; from spacegen.tune.record import Record\n"
        "record = Record.model_validate_json(sys.argv[2])\n"
        "for i in range(20):\n"
        "    ResultsFile(sys.argv[1]).append(record.model_copy(update={'trial': int(sys.argv[3]) + i}))\n"
    )
    command = [sys.executable, "-c", program, str(path), line]
    writers = [subprocess.Popen([*command, str(100 * n)]) for n in range(2)]
    assert [writer.wait() for writer in writers] == [0, 0]
    trials = [json.loads(text)["trial"] for text in path.read_text().splitlines()]
    assert sorted(trials) == [*range(20), *range(100, 120)]
