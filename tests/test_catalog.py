from __future__ import annotations

from pathlib import Path

import pytest

from spacegen.errors import SpaceError
from spacegen.language import catalog


def refusal(shelf: catalog.Shelf, name: str) -> str:
    with pytest.raises(SpaceError) as caught:
        catalog.find(shelf, name)
    return str(caught.value)


def test_every_bundled_name_has_a_file() -> None:
    for shelf in ("spaces", "rules"):
        found = catalog.names(shelf)
        assert found
        assert all(catalog.find(shelf, name).is_file() for name in found)
    assert "h100" in catalog.names("spaces")
    assert "sglang/gpus" in catalog.names("rules")


def test_an_unknown_name_gets_the_closest_or_the_list() -> None:
    assert refusal("spaces", "h1000") == "no space is called `h1000`\nhint: did you mean `h100`?"
    assert refusal("rules", "zzz").startswith(
        "no rule pack is called `zzz`\nhint: bundled rule packs: `hardware/"
    )


@pytest.mark.parametrize("name", ["../spaces/h100", "/etc/passwd", "..", "", "a\0b", "h100/../h100"])
def test_a_name_leads_nowhere_else(name: str) -> None:
    assert "no space is called" in refusal("spaces", name)


def test_a_file_of_that_name_is_pointed_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("zzz").touch()
    assert refusal("spaces", "zzz").endswith("hint: for the file of that name write `./zzz`")


@pytest.mark.parametrize(
    ("name", "path"), [("h100", False), ("./h100", True), ("a/b", True), ("x.yaml", True), ("x.yml", True)]
)
def test_a_path_has_a_slash_or_the_suffix(name: str, path: bool) -> None:
    assert catalog.is_path(name) is path
