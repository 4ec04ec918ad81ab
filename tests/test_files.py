from __future__ import annotations

from pathlib import Path

import pytest

from spacegen.errors import SpaceError
from spacegen.language import files
from spacegen.language.files import read_source, shown


def refusal(path: Path) -> str:
    with pytest.raises(SpaceError) as caught:
        read_source(path, path.name)
    return str(caught.value)


def test_a_file_is_read_without_its_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: \xc3\xa9\r\n")
    source = read_source(path, "space.yaml")
    assert (source.name, source.text) == ("space.yaml", "name: é\r\n")


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").touch()
    assert refusal(tmp_path / "nothing") == "no such file: nothing"
    assert refusal(tmp_path / "space") == "no such file: space\nhint: did you mean `space.yaml`?"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path.name} is a folder, not a file"


def test_an_impossible_path_is_refused() -> None:
    assert refusal(Path("a\0b")).startswith("cannot read ")
    assert refusal(Path("a" * 300)) == f"cannot read {'a' * 300}: file name too long"


def test_other_encodings_show_the_first_bad_byte(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"spacegen: 1\nname: caf\xe9\n")
    assert refusal(path) == (
        "latin.yaml:2:10: not UTF-8 text: byte 0xe9\n"
        "2 | name: caf\ufffd\n  |          ^\n"
        "hint: save the file as UTF-8"
    )
    path.write_bytes("spacegen: 1\n".encode("utf-16"))
    assert "latin.yaml:1:1: not UTF-8 text: byte 0xff" in refusal(path)


def test_a_huge_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 2**20)
    path = tmp_path / "huge.yaml"
    path.write_bytes(b"#" * (2**20 + 1))
    assert refusal(path) == "huge.yaml is larger than 1 MiB"


def test_paths_are_shown_relative_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "a" / "b.yaml") == "a/b.yaml"
    assert shown(Path("/elsewhere/b.yaml")) == "/elsewhere/b.yaml"
