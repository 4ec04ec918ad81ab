"""Every distinct kind of input error as a file, with its whole message beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from spacegen.errors import SpaceError
from spacegen.language.elaborate import load_model

FOLDER = Path(__file__).parent / "cases" / "bad"
CASES = sorted(FOLDER.glob("*.yaml"))


def message(case: Path) -> str:
    with pytest.raises(SpaceError) as caught:
        load_model(Path(case.name))
    return f"{caught.value}\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_bad_file_gets_its_message(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    assert message(case) == case.with_suffix(".txt").read_text(encoding="utf-8")


def test_every_message_has_its_case() -> None:
    assert [text.stem for text in sorted(FOLDER.glob("*.txt"))] == [case.stem for case in CASES]


def test_messages_follow_the_house_style() -> None:
    for text in sorted(FOLDER.glob("*.txt")):
        for part in text.read_text(encoding="utf-8").strip().split("\n\n"):
            first, *rest = part.splitlines()
            assert not first.endswith("."), text.name
            assert all(line.startswith("hint: ") for line in rest[2:]), text.name
