from __future__ import annotations

import pytest

from spacegen.errors import SpaceError
from spacegen.language.versions import base_release, matches


@pytest.mark.parametrize(
    ("versions", "version", "inside"),
    [
        (">=0.5.5,<0.5.9", "0.5.6", True),
        (">=0.5.5,<0.5.9", "0.5.9", False),
        ("==0.5.6", "0.5.6.post2", True),
        ("==0.5.6", "0.5.6+cu128", True),
        (">=0.5.6", "0.5.6rc1", True),
        ("!=0.5.6", "0.5.6.post2", False),
        ("~=0.5.6", "0.5.23", True),
        ("", "0.5.6", True),
    ],
)
def test_a_range_is_matched_on_the_base_release(versions: str, version: str, inside: bool) -> None:
    assert matches(versions, version) is inside


def test_the_base_release_drops_what_follows_the_numbers() -> None:
    assert base_release("0.5.6.post2+cu128") == "0.5.6"


@pytest.mark.parametrize("versions", ["new", ">=", "0.5.6", ">=0.5 <0.6"])
def test_an_unreadable_range_is_refused(versions: str) -> None:
    with pytest.raises(SpaceError, match="is not a range of versions"):
        matches(versions, "0.5.6")


def test_an_unreadable_version_is_refused() -> None:
    with pytest.raises(SpaceError, match="is not a version"):
        base_release("main")
