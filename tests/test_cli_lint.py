"""`spacegen lint --fix`: what becomes of the file; annotations that nothing in a message can break."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from spacegen import load
from spacegen.cli.lint import annotation, steps
from spacegen.cli.main import main
from spacegen.language import catalog
from spacegen.questions.lint.finding import Finding, Severity
from spacegen.source import Source, Span

BEFORE = "spacegen: 1\nparameters:\n  a: [1, 2, 9] # é\nrules:\n  - {id: r, require: a < 5, because: x}\n"
AFTER = BEFORE.replace(", 9]", "]")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "space.yaml"
    path.write_text(BEFORE, encoding="utf-8")
    return path


def test_the_file_loses_the_value_and_what_is_left_is_linted(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.chmod(0o640)
    assert main(["lint", str(file), "--fix"]) == 0
    assert file.read_text(encoding="utf-8") == AFTER
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    said = capsys.readouterr()
    assert "`a` loses the value `9`" in said.err
    assert "dead-value" not in said.out
    assert [path.name for path in file.parent.iterdir()] == ["space.yaml"]
    assert load(file).count() == 2


def test_a_second_time_changes_nothing(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["lint", str(file), "--fix"])
    before = file.stat().st_mtime_ns
    capsys.readouterr()
    assert main(["lint", str(file), "--fix"]) == 0
    assert file.stat().st_mtime_ns == before
    assert "there is nothing to fix" in capsys.readouterr().err


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "marked"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["unix", "dos"])
def test_bytes_stay_as_they_are(tmp_path: Path, mark: bytes, end: bytes) -> None:
    path = tmp_path / "space.yaml"
    path.write_bytes(mark + BEFORE.encode().replace(b"\n", end))
    assert main(["lint", str(path), "--fix"]) == 0
    assert path.read_bytes() == mark + AFTER.encode().replace(b"\n", end)


def test_a_link_stays_a_link(file: Path) -> None:
    link = file.with_name("link.yaml")
    link.symlink_to(file)
    assert main(["lint", str(link), "--fix"]) == 0
    assert link.is_symlink()
    assert file.read_text(encoding="utf-8") == AFTER


def test_a_file_that_cannot_be_written_is_said_to_be_so(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.chmod(0o440)
    assert main(["lint", str(file), "--fix"]) == 2
    assert capsys.readouterr().err == (
        f"error: {file} is read-only\nhint: `chmod u+w {file}` lets it be written\n"
    )
    assert file.read_text(encoding="utf-8") == BEFORE


def test_a_dry_run_is_a_patch(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    assert main(["lint", "./space.yaml", "--fix", "--dry-run", "-q"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[:2] == ["--- space.yaml", "+++ space.yaml"]
    assert "-  a: [1, 2, 9] # é\n+  a: [1, 2] # é\n" in said.out
    assert said.err == ""
    assert file.read_text(encoding="utf-8") == BEFORE


def test_a_patch_says_where_a_file_has_no_last_line_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "space.yaml"
    path.write_text("spacegen: 1\nrules: [{id: r, require: a < 5, because: x}]\nparameters: {a: [1, 9]}")
    assert main(["lint", str(path), "--fix", "--dry-run"]) == 0
    assert "-parameters: {a: [1, 9]}\n\\ No newline at end of file\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (BEFORE.replace("a < 5", "a > 9"), 1),
        (BEFORE.replace("a < 5", "b < 5"), 1),
        (BEFORE.replace("a: [", "a: [["), 1),
    ],
    ids=["empty", "unsound", "no-yaml"],
)
def test_a_file_with_errors_stays_as_it_is(file: Path, text: str, status: int) -> None:
    file.write_text(text, encoding="utf-8")
    assert main(["lint", str(file), "--fix"]) == status
    assert file.read_text(encoding="utf-8") == text


def test_one_file_that_must_not_change_keeps_the_others_from_changing(file: Path) -> None:
    assert main(["lint", str(file), "h100", "--fix"]) == 2
    assert file.read_text(encoding="utf-8") == BEFORE


@pytest.mark.parametrize("option", [["--set", "x=1"], ["--where", "a == 1"], ["--target", "sglang==0.5.6"]])
def test_no_part_of_a_space_can_be_fixed(
    file: Path, option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lint", str(file), "--fix", *option]) == 2
    assert option[0] in capsys.readouterr().err


def test_an_annotation_escapes_what_would_end_it() -> None:
    span = Span(Source("a,b:c%.yaml", ""), 3, 4)
    finding = Finding("dead-value", Severity.WARNING, "50 %\r\n::error::x", span, "a: b, c")
    assert annotation(finding) == (
        "::warning file=a%2Cb%3Ac%25.yaml,line=3,col=4,title=spacegen lint%3A dead-value"
        "::50 %25%0D%0A::error::x%0Ahint: a: b, c"
    )
    assert annotation(Finding("lopsided", Severity.INFO, "m")) == (
        "::notice title=spacegen lint%3A lopsided::m"
    )


def test_severities_decide_the_exit_status(file: Path) -> None:
    assert main(["lint", str(file)]) == 0
    assert main(["lint", str(file), "--strict"]) == 1
    assert main(["lint", str(file), "--strict", "--ignore", "dead-value"]) == 0
    assert main(["lint", str(file), "--strict", "--select", "no-reason"]) == 0


def test_what_justified_the_removal_of_values_is_no_warning_afterwards(file: Path) -> None:
    file.write_text(
        "spacegen: 1\nparameters: {a: [1, 2, 9], b: [1, 2, 9], c: [null, 5, 6, 7], d: [x, y, zed]}\nrules:\n"
        "  - {id: low, require: a <= 4, because: x}\n"
        "  - {id: not-nine, forbid: b == 9, because: x}\n"
        "  - {id: not-six, require: c != 6, because: x}\n"
        "  - {id: waits, when: d == 'zed', require: a > 4, because: x}\n"
    )
    assert main(["lint", str(file), "--strict"]) == 1
    assert main(["lint", str(file), "--strict", "--fix"]) == 0
    assert "[1, 2], b: [1, 2], c: [null, 5, 7], d: [x, y]}" in file.read_text()


def test_a_value_that_is_not_there_is_a_warning_where_it_looks_misspelled(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(
        "spacegen: 1\nparameters: {a: [triton, flashinfer], b: [1, 2]}\nrules:\n"
        "  - {id: r, when: a == 'flash_infer', require: b == 1, because: x}\n"
    )
    assert main(["lint", str(file), "--strict"]) == 1
    said = capsys.readouterr().out
    assert "warning: rule `r` compares `a` with `flash_infer`, which it cannot be: never true" in said
    assert "hint: did you mean `flashinfer`?" in said


def test_a_space_that_cannot_be_linted_does_not_stop_the_others(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    large = file.with_name("large.yaml")
    domains = "".join(f"  p{i}: {{range: {{from: 1, to: 40}}}}\n" for i in range(8))
    large.write_text(f"spacegen: 1\nparameters:\n{domains}")
    names = ["./nowhere.yaml", str(large), str(file)]
    assert main(["lint", *names, "--engine", "backtrack"]) == 2
    said = capsys.readouterr()
    assert "no such file: ./nowhere.yaml" in said.err
    assert f"error: {large}: " in said.err
    assert "no solution has `a` = `9`" in said.out


def test_people_on_a_terminal_see_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("spacegen.cli.lint.monotonic", iter(range(0, 1000, 2)).__next__)
    with steps("a space", quiet=False) as progress:
        progress(1, 4)
    assert "a space" in capsys.readouterr().err
    with steps("a space", quiet=True) as progress:
        progress(1, 4)
    assert capsys.readouterr().err == ""


def test_files_of_an_installed_package_stay_as_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "installed", lambda: True)
    path = catalog.find("spaces", "sglang-throughput-33")
    before = path.read_bytes()
    assert main(["lint", str(path), "--fix"]) == 2
    assert "part of the installed package" in capsys.readouterr().err
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "github", "--json"], "`--format github` and `--json` both say what is printed"),
        (["--fix", "--dry-run", "--json"], "`--dry-run` prints a patch, and no findings"),
        (["--select", "dead-value", "--ignore", "dead-value"], "`dead-value` is both selected and ignored"),
    ],
)
def test_options_that_do_not_meet_are_refused(
    file: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert main(["lint", str(file), *options]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"error: {message}\nhint: leave out ")
    assert file.read_text(encoding="utf-8") == BEFORE


def test_a_folder_is_nothing_to_lint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"error: {tmp_path} is a folder, not a file\n")
