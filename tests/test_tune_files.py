"""The files of a study: names of their own, and nothing else is lost for them."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree

import pytest

from spacegen import UsageError
from spacegen.cli.main import main
from spacegen.tune.files import check_files, file_name, storage_file, study_name
from spacegen.tune.results import ResultsFile

SPACE = """\
spacegen: 1
name: node
target: {server: sglang, version: "0.5.23"}
parameters:
  tp_size: [1, 2, 4, 8]
  chunked_prefill_size: [null, 2048]
"""
SHORT = ["--runner", "sim", "--trials", "2", "--repeats", "1", "-q"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "node.yaml").write_text(SPACE)
    return tmp_path


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of a study `old`."""
    made = tmp_path_factory.mktemp("old")
    (made / "node.yaml").write_text(SPACE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        assert main(["tune", "node.yaml", *SHORT, "--study", "old"]) == 0
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["fünf", "日本", "a-b", "tuner-18-simulated", "node@2", "x_1.5+y=2", "Ω"])
def test_a_name_that_fits_is_the_name_of_its_files(name: str) -> None:
    assert file_name(name) == name


def test_no_two_names_share_files() -> None:
    names = ["a b", "a/b", "a-b", "a:b", "a\\b", "a\nb", " a-b", "a-b.", "-a-b", "../a-b", "..", "/", "?"]
    names += ["u\u0308", "ü", "l" * 200, "l" * 201, "c%d", "c-d"]
    found = [file_name(name) for name in names]
    assert len(set(found)) == len(names)
    assert all(one == Path(one).name and not one.startswith((".", "-")) for one in found)
    assert max(map(len, found)) < 80


@pytest.mark.parametrize("name", ["", "  "])
def test_a_study_has_a_name(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="a study needs a name"):
        study_name(name)
    assert main(["tune", "node.yaml", *SHORT, "--study", name]) == 2
    assert "a study needs a name" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["node.yaml"]


def test_a_study_of_any_script(folder: Path) -> None:
    assert main(["tune", "node.yaml", *SHORT, "--study", "日本/fünf"]) == 0
    stem = file_name("日本/fünf")
    assert stem.startswith("日本-fünf-")
    assert {f"{stem}.db", f"{stem}.json", f"{stem}.jsonl"} <= {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("-o node.yaml", "node.yaml is no front of a study, and stays"),
        ("-o old.jsonl", "old.jsonl is no front of a study, and stays"),
        ("--study old -o old.db", "the storage and the front would be one file"),
        ("--study other -o old.db", "old.db is no front of a study, and stays"),
        ("--storage journal:x -o x", "the storage and the front would be one file"),
        ("--storage journal -o spacegen.journal", "the storage and the front would be one file"),
        ("--storage sqlite:///./x --results x", "the storage and the results would be one file"),
        ("--results new -o ./new", "the results and the front would be one file"),
        ("--results node.yaml", "node.yaml is no results file, and stays"),
        ("-o .", "cannot write .: it is a folder"),
        ("-o nowhere/x.json", "there is no folder `nowhere`"),
    ],
)
def test_no_other_file_is_lost(
    words: str, said: str, folder: Path, old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copytree(old, folder, dirs_exist_ok=True)
    before = contents(folder)
    assert main(["tune", "node.yaml", *SHORT, "--trials", "4", *words.split()]) == 2
    assert said in capsys.readouterr().err
    assert contents(folder).keys() <= before.keys()  # SQLite takes files away
    assert (folder / "old.db").read_bytes().startswith(b"SQLite")
    kept = ("node.yaml", "old.json", "old.jsonl")
    assert all((folder / name).read_bytes() == before[str(folder / name)] for name in kept)


def test_an_earlier_front_is_replaced_even_by_that_of_another_study(folder: Path) -> None:
    front = folder / "front.json"
    assert main(["tune", "node.yaml", *SHORT, "--study", "one", "-o", str(front)]) == 0
    front.write_text(json.dumps(json.loads(front.read_text())))
    assert main(["tune", "node.yaml", *SHORT, "--study", "two", "-o", str(front)]) == 0
    assert json.loads(front.read_text())["study_name"] == "two"


def test_a_page_replaces_pages_of_its_own_only(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", "node.yaml", *SHORT, "--study", "one"]) == 0
    page = folder / "page.html"
    page.write_text("<!doctype html>\n<html><body>mine</body></html>\n")
    assert main(["report", "one.db", "-o", str(page)]) == 2
    assert "is no page of a report, and stays" in capsys.readouterr().err
    page.write_text("")
    assert main(["report", "one.db", "-o", str(page)]) == 0
    assert main(["report", "one.db", "-o", str(page)]) == 0


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite:///a/b.db", "a/b.db"),
        ("sqlite:////a/b.db", "/a/b.db"),
        ("sqlite:///:memory:", None),
        ("journal:x", "x"),
        ("journal", "spacegen.journal"),
        ("memory", None),
        ("postgresql://host/base", None),
    ],
)
def test_the_file_of_a_storage(url: str, file: str | None) -> None:
    assert storage_file(url) == (None if file is None else Path(file))


def test_what_may_be_written_to_is_no_file(tmp_path: Path) -> None:
    check_files("memory", None, Path("/dev/stdout"))
    check_files(f"sqlite:///{tmp_path}/x.db", tmp_path / "x.jsonl", tmp_path / "x.json")
    assert list(tmp_path.iterdir()) == []


def test_results_never_mix_studies_of_one_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["tune", "node.yaml", *SHORT, "--study", "m", "--seed"]
    assert main([*words, "1"]) == 0
    assert main([*words, "2", "--storage", "journal:j", "--results", "j.jsonl"]) == 0
    before = contents(folder)
    first, second = (folder / name for name in ("m.jsonl", "j.jsonl"))
    for more in (
        ["--storage", "memory", "--results", "m.jsonl"],
        ["--storage", "journal:j"],
        ["--results", "j.jsonl", "--trials", "4"],
    ):
        capsys.readouterr()
        assert main([*words, "2", *more]) == 2
        said = capsys.readouterr().err
        assert "has records of a study `m` that is not" in said
        assert "hint: `--results OTHER`" in said
        assert (first.read_bytes(), second.read_bytes()) == (before[str(first)], before[str(second)])
    # Each goes on with its own.
    assert main([*words, "1", "--trials", "3"]) == 0
    assert main([*words, "2", "--trials", "3", "--storage", "journal:j", "--results", "j.jsonl"]) == 0
    found = [ResultsFile(path).records() for path in (first, second)]
    assert [[record.trial for record in records] for records in found] == [[0, 1, 2]] * 2
    ids = [{record.study_id for record in records} for records in found]
    assert len(ids[0]) == len(ids[1]) == 1
    assert None not in ids[0] | ids[1]
    assert ids[0] != ids[1]


def test_a_report_tells_studies_of_one_name_apart(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for storage in ("one", "two"):
        words = ["--study", "m", "--storage", f"journal:{storage}", "--results", f"{storage}.jsonl"]
        assert main(["tune", "node.yaml", *SHORT, *words]) == 0
    (folder / "both").write_text((folder / "one.jsonl").read_text() + (folder / "two.jsonl").read_text())
    capsys.readouterr()
    assert main(["report", "both"]) == 2
    ids = [ResultsFile(folder / f"{name}.jsonl").records()[0].study_id for name in ("one", "two")]
    assert f"it has `m#{ids[0]}`, `m#{ids[1]}`; name it with" in capsys.readouterr().err
    assert main(["report", "both", "--study", f"m#{ids[1]}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_trials"] == 2
