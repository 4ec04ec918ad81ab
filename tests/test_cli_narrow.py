"""`spacegen narrow`: a space without the values that measurements speak against."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from records import PROVENANCE, record
from spacegen.cli.main import main
from spacegen.tune.outcome import Cause, Outcome
from spacegen.tune.results import ResultsFile

SPACE = """\
spacegen: 1
name: small
target: {server: sglang, version: "0.5.6"}
parameters:
  tp_size: [1, 2, 4, 8]
  cuda_graph_max_bs: [null, 8, 16, 32]
  mem_fraction_static: {range: {from: 0.7, to: 0.9, step: 0.01}}
rules:
  - require: "tp_size < 8 or mem_fraction_static < 0.85"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a space and thirty measurements: four ranks are best, one rank is out of memory."""
    (tmp_path / "small.yaml").write_text(SPACE)
    found = []
    for i in range(30):
        tp = (1, 2, 4)[i % 3]
        config = {
            "tp_size": tp,
            "cuda_graph_max_bs": (8, 16)[i % 2],
            "mem_fraction_static": (70 + i % 20) / 100,
        }
        outcome = Outcome(metrics={"mean_ttft_ms": 100 - 9 * tp - i / 30, "output_throughput": 100 * tp + i})
        if tp == 1:
            outcome = Outcome.failed(Cause.LOADING_MEMORY, "no memory")
        found.append(record(i, config, outcome, provenance=PROVENANCE))
    ResultsFile(tmp_path / "results.jsonl").append_all(tuple(found))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _narrow(*words: str) -> int:
    return main(["narrow", "small.yaml", "--from", "results.jsonl", *words])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "no/narrow.yaml"], "no/narrow.yaml cannot be written: there is no folder no\n"),
        (["-o", "small.yaml"], "small.yaml is no overlay written by spacegen, and stays\n"),
        (["-o", "-", "--json"], "stdout takes one of `--output -` and `--json`\n"),
    ],
)
def test_where_the_overlay_goes_is_looked_at_before_the_results(
    words: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["narrow", "small.yaml", "--from", "nowhere.jsonl", *words]) == 2
    assert capsys.readouterr().err.startswith(f"error: {said}")


@pytest.mark.parametrize(
    ("bound", "said"),
    [
        ("0", "no config keeps mean_ttft_ms<=0: the best are those that miss it by the least\n"),
        ("63.1", "1 config keeps mean_ttft_ms<=63.1\n"),
        ("70", "10 configs keep mean_ttft_ms<=70\n"),
    ],
)
def test_it_is_told_how_many_configs_keep_a_service_level(
    bound: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _narrow("--slo", f"mean_ttft_ms<={bound}") == 0
    assert said in capsys.readouterr().out
    assert _narrow("--slo", f"mean_ttft_ms<={bound}", "--json") == 0
    assert json.loads(capsys.readouterr().out)["kept_limits"] == int(
        said.split(maxsplit=1)[0].replace("no", "0")
    )


def test_records_that_an_overlay_leaves_out_are_said_to_be_that(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "less.yaml").write_text("spacegen: 1\nextends: small.yaml\npin: {tp_size: 8}\n")
    assert main(["narrow", "less.yaml", "--from", "results.jsonl"]) == 2
    assert "hint: it has their parameters, but leaves them out" in capsys.readouterr().err


def test_what_goes_is_printed_although_the_overlay_cannot_be_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    assert _narrow("-o", "/dev/full") == 2
    out, err = capsys.readouterr()
    assert out.startswith("30 configs measured")
    assert err == "error: no space left on device\n"


def test_an_overlay_says_which_values_go_and_why(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _narrow("-o", "narrow.yaml") == 0
    out, err = capsys.readouterr()
    assert err == "wrote narrow.yaml\n"
    assert "30 configs measured, of which 10 failed; 4 count as the best" in out
    assert "tp_size    1 (the default)        0 of 4  10 of 30     17.7 %" not in out
    assert _narrow("-o", "narrow.yaml", "--keep-best", "0.5") == 0
    out, _ = capsys.readouterr()
    assert "tp_size    1 (the default)         0 of 10  10 of 30      0.6 %" in out
    assert "tp_size    2                       0 of 10  10 of 30      0.6 %" in out
    text = (folder / "narrow.yaml").read_text()
    assert "extends: ./small.yaml" in text or "extends: small.yaml" in text
    assert (
        "values: [4, 8]\n    because: 'results.jsonl: in none of the 10 best of 30 configs: "
        "1 (10, the default), 2 (10)'\n    source: spacegen/measured/measured-tp-size\n"
    ) in text
    assert main(["count", "narrow.yaml"]) == 0
    counted = int(capsys.readouterr().out.split()[0])
    left, before = (int(word) for word in out.splitlines()[-1].split() if word.isdigit())
    assert counted == left < before


def test_the_overlay_may_be_all_that_stdout_gets(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _narrow("-o", "narrow.yaml", "-q") == 0
    capsys.readouterr()
    assert _narrow("-o", "-") == 0
    out, err = capsys.readouterr()
    assert (out, err) == ((folder / "narrow.yaml").read_text(), "")
    assert not (folder / "-").exists()


def test_the_same_measurements_again_change_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "narrow.yaml"
    assert _narrow("-o", "narrow.yaml", "--keep-best", "50%") == 0
    first = path.stat().st_mtime_ns, path.read_bytes()
    assert _narrow("-o", "narrow.yaml", "--keep-best", "50%") == 0
    assert (path.stat().st_mtime_ns, path.read_bytes()) == first
    assert main(["narrow", "narrow.yaml", "--from", "results.jsonl", "-o", "narrow.yaml"]) == 0
    assert path.read_bytes() == first[1]
    assert "20 configs of the results are not in this space: ignored" in capsys.readouterr().out


def test_programs_get_all_of_it_and_no_file_unless_asked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _narrow("--json", "--keep-best", "50%", "--maximize", "tps") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["goals"] == ["maximize tps"]
    assert (found["configs"], found["failed"], len(found["best"])) == (30, 10, 10)
    assert [one["value"] for one in found["values_dropped"]] == [1, 2]
    assert found["values_dropped"][0]["default"] is True
    assert found["edits"][0]["ways"] == {"tp_size": [4, 8]}
    assert 0 < found["after"] < found["before"]
    assert sorted(path.name for path in folder.iterdir()) == ["results.jsonl", "small.yaml"]


def test_rates_may_count_for_each_gpu(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert folder.is_dir()
    assert _narrow("--json", "--per-gpu") == 2
    assert "no record has the metric `tps_per_gpu`" in capsys.readouterr().err
    gpus = [
        one.model_copy(update={"outcome": one.outcome.model_copy(update={"gpu_ids": ("0", "1")})})
        for one in ResultsFile(folder / "results.jsonl").records()
    ]
    ResultsFile(folder / "gpus.jsonl").append_all(tuple(gpus))
    assert main(["narrow", "small.yaml", "--from", "gpus.jsonl", "--json", "--per-gpu"]) == 0
    assert json.loads(capsys.readouterr().out)["goals"] == ["minimize ttft", "maximize tps_per_gpu"]


@pytest.mark.parametrize("flag", ["--keep-best", "--chance"])
@pytest.mark.parametrize("text", ["0", "0%", "3", "120%", "most"])
def test_a_share_is_within_0_and_1(
    folder: Path, flag: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert folder.is_dir()
    assert _narrow(flag, text) == 2
    assert f"`{flag} {text}` is not a share" in capsys.readouterr().err


def test_what_cannot_be_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["narrow", "small.yaml"]) == 2
    assert "hint: `spacegen tune` and `spacegen run` write them" in capsys.readouterr().err
    (folder / "mine.yaml").write_text(SPACE)
    assert _narrow("-o", "mine.yaml") == 2
    assert (folder / "mine.yaml").read_text() == SPACE
    assert "mine.yaml" in capsys.readouterr().err
    assert _narrow("--minimize", "speed") == 2
    assert "no record has the metric `speed`" in capsys.readouterr().err
    assert main(["narrow", "small.yaml", "--from", "nowhere.jsonl"]) == 2
    assert "cannot read nowhere.jsonl" in capsys.readouterr().err


def test_records_of_another_space_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = ResultsFile(folder / "results.jsonl").records()
    wide = PROVENANCE.model_copy(update={"space": "wide"})
    other = [one.model_copy(update={"provenance": wide, "config": {"tp_size": 1}}) for one in known]
    ResultsFile(folder / "wide.jsonl").append_all(tuple(other))
    assert main(["narrow", "small.yaml", "--from", "wide.jsonl", "-o", "narrow.yaml"]) == 2
    error = capsys.readouterr().err
    assert "error: the records are of `wide`, not of `small`\nhint: narrow the space that was" in error
    assert not (folder / "narrow.yaml").exists()
    # Beside records of the space they do not count; nor does the name alone, as overlays have their own.
    assert _narrow("--from", "wide.jsonl") == 0
    assert "1 config of the results is not in this space: ignored" in capsys.readouterr().out
    same = [one.model_copy(update={"provenance": wide}) for one in known]
    ResultsFile(folder / "same.jsonl").append_all(tuple(same))
    assert main(["narrow", "small.yaml", "--from", "same.jsonl"]) == 0


def test_records_of_another_version_are_read_under_its_names(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newer = PROVENANCE.model_copy(update={"target": "sglang==0.5.23"})
    records = [
        one.model_copy(
            update={
                "provenance": newer,
                "config": {
                    "tp_size": one.config["tp_size"],
                    "cuda_graph_max_bs_decode": one.config["cuda_graph_max_bs"],
                    "mem_fraction_static": one.config["mem_fraction_static"],
                },
            }
        )
        for one in ResultsFile(folder / "results.jsonl").records()
    ]
    ResultsFile(folder / "newer.jsonl").append_all(tuple(records))
    command = ["narrow", "small.yaml", "--from", "newer.jsonl", "-q", "--chance", "100%", "-o", "narrow.yaml"]
    assert main(command) == 0
    assert "outside" not in capsys.readouterr().out
    text = (folder / "narrow.yaml").read_text()
    assert "tp_size:\n    value: 4" in text or "tp_size:\n    values: [4, 8]" in text
    assert "cuda_graph_max_bs_decode" not in text
    assert main(["count", "narrow.yaml"]) == 0
    assert main(["count", "narrow.yaml", "--target", "sglang==0.5.23"]) == 0
