"""`spacegen report`: studies in storages and files of results as text, JSON and a page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from records import PROVENANCE, record, study
from spacegen.cli.main import main
from spacegen.tune.outcome import Outcome
from spacegen.tune.results import ResultsFile

SPACE = Path(__file__).parent / "cases" / "cli" / "sglang.yaml"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    path = tmp_path / "results.jsonl"
    ResultsFile(path).append_all(tuple(study(30)))
    return path


def test_a_file_of_results_as_text_and_page(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.html"
    assert main(["report", str(results), "-o", str(page), "--title", "first light"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("=" * 80)
    assert "Pareto Front" in out
    assert err == f"wrote {page}\n"
    text = page.read_text(encoding="utf-8")
    assert "<h1>first light</h1>" in text
    assert main(["report", str(results), "-o", str(page), "--title", "first light"]) == 0
    assert page.read_text(encoding="utf-8") == text


def test_quiet_says_nothing_on_stderr(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.html"
    assert main(["report", str(results), "-o", str(page), "--quiet"]) == 0
    assert page.exists()
    out, err = capsys.readouterr()
    assert "Pareto Front" in out
    assert err == ""


def test_the_page_on_stdout_stands_alone(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(results), "-o", "-"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("<!doctype html>")
    assert out.rstrip().endswith("</html>")
    assert err == ""


def test_objectives_and_limits_of_options_count(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [
        "report",
        str(results),
        "--maximize",
        "tps",
        "--per-gpu",
        "--slo",
        "p99_ttft_ms<=350",
        "--json",
    ]
    assert main(command) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["objectives"] == [{"metric": "tps_per_gpu", "direction": "maximize"}]
    assert found["limits"] == ["p99_ttft_ms<=350"]
    assert len(found["pareto_front"]) == 1


def test_limits_that_records_were_judged_by_are_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = Outcome(metrics={"ttft": 0.7, "tps": 10.0})
    path = tmp_path / "results.jsonl"
    ResultsFile(path).append(record(0, {"tp_size": 1}, outcome, violations={"ttft<=0.5": 0.4}))
    assert main(["report", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["limits"], found["missed_limits"], found["pareto_front"]) == (["ttft<=0.5"], 1, [])


def test_one_study_of_several(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "results.jsonl"
    ResultsFile(path).append_all((*study(3), *study(4, study="other")))
    assert main(["report", str(path)]) == 2
    assert "it has `demo`, `other`; name it with `--study NAME`" in capsys.readouterr().err
    assert main(["report", str(path), "--study", "other", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_trials"] == 4
    assert main(["report", str(path), "--study", "othr"]) == 2
    assert "did you mean `other`?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.jsonl"], "cannot read missing.jsonl: no such file or directory"),
        (["sqlite:///missing.db"], "there is no file `missing.db`"),
        (["journal:missing"], "there is no file `missing`"),
        (["text"], "text:1 is no record"),
        (["results.jsonl", "-o", "results.jsonl"], "results.jsonl is no page of a report, and stays"),
        (["results.jsonl", "--minimize", "ttf"], "did you mean `ttft`?"),
    ],
)
def test_what_is_refused_is_left_alone(
    results: Path,
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(results.parent)
    Path("text").write_text("hello\n")
    before = {path: path.read_bytes() for path in results.parent.iterdir()}
    assert main(["report", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert {path: path.read_bytes() for path in results.parent.iterdir()} == before


@pytest.mark.parametrize("url", ["sqlite:///kept", "journal:kept"])
def test_a_study_by_its_storage_and_by_its_file(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = "--runner sim --gpus 0-7 --trials 3 --repeats 2 --slo tps>=1 --study kept -q --storage"
    assert main(["tune", str(SPACE), *options.split(), url]) == 0
    capsys.readouterr()
    found = []
    for source in (url, "kept", str(tmp_path / "kept.jsonl")):
        assert main(["report", source, "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0] == found[1] == found[2]
    assert (found[0]["n_trials"], found[0]["limits"]) == (3, ["tps>=1"])
    assert main(["report", "kept", "--study", "lost"]) == 2
    assert "it has `kept`" in capsys.readouterr().err


def test_nothing_measured_is_a_no(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "results.jsonl"
    path.touch()
    assert main(["report", str(path), "-o", str(tmp_path / "page.html")]) == 1
    assert (tmp_path / "page.html").is_file()


def test_what_is_simulated_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "results.jsonl"
    simulated = PROVENANCE.model_copy(update={"simulated": True})
    ResultsFile(path).append_all(tuple(study(3, provenance=simulated)))
    assert main(["report", str(path)]) == 0
    assert "SIMULATED" in capsys.readouterr().out
