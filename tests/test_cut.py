"""Small changes of YAML texts: one value less or another end, and every other character as it was."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacegen.language.cut import scalar_text, with_scalar, without_item
from spacegen.language.nodes import Path, read_tree
from spacegen.source import Source


def cut(text: str, i: int, path: Path = ("a",)) -> str | None:
    after = without_item(Source("t", text), path, i)
    return None if after is None else after.text


@pytest.mark.parametrize(
    ("text", "i", "after"),
    [
        ("a: [1, 2, 3] # c\n", 0, "a: [2, 3] # c\n"),
        ("a: [1, 2, 3] # c\n", 1, "a: [1, 3] # c\n"),
        ("a: [1, 2, 3] # c\n", 2, "a: [1, 2] # c\n"),
        ("a: [ 1 ,2 , 3 , ]\n", 2, "a: [ 1 ,2 , ]\n"),
        ("é: 1\na: ['€', \"x,y\", z]", 1, "é: 1\na: ['€', z]"),
        ("a: [1,\r\n  2,\r\n  3]\r\n", 1, "a: [1,\r\n  3]\r\n"),
        ("a: [\n  1,  # one\n  2,  # two\n  3\n]\n", 2, "a: [\n  1,  # one\n  2,  # two\n]\n"),
        ("a: [\n  1,  # one\n  2,  # two\n]\n", 1, "a: [\n  1,  # one\n]\n"),
        ("a: [null, 5,\n  8]\n", 2, "a: [null, 5]\n"),
        ("a: [5,\n  8  # eight\n]\n", 1, "a: [5\n]\n"),
        ("a: [\n  1,  # one\n  2  # two\n]\n", 1, "a: [\n  1,  # one\n]\n"),
        ("a: [1,  # these\n  2]\n", 0, "a: [# these\n  2]\n"),
        ("a:\n  - 1\n  - 2  # two\n  # below\n  - 3#\n", 1, "a:\n  - 1\n  # below\n  - 3#\n"),
        ("a:\n  - 1\n  # above\n  - 2\n  - 3\n", 1, "a:\n  - 1\n  # above\n  - 3\n"),
        ("a:\n- 1 # one\n-   2   # two\n", 1, "a:\n- 1 # one\n"),
        ("a:\n  - -1\n  - 2\nb: 3", 0, "a:\n  - 2\nb: 3"),
        ("a: [null, true, 1]\n", 2, "a: [null, true]\n"),
    ],
)
def test_an_item_goes_and_all_else_stays(text: str, i: int, after: str) -> None:
    assert cut(text, i) == after


@pytest.mark.parametrize(
    "text",
    ["a: &x [1, 2]\nb: *x\n", "b: &x [1, 2]\na: *x\n", "a: [&x 1, 2]\nb: *x\n", "a: 3\n", "b: [1]\n"],
    ids=["anchor", "alias", "item", "scalar", "nothing"],
)
def test_what_is_shared_or_no_list_is_left_alone(text: str) -> None:
    assert cut(text, 0) is None


VALUES = st.none() | st.booleans() | st.integers(-99, 99) | st.sampled_from(["x", "'a, b'", '"#"', "ü"])
GAPS = st.sampled_from(["", " ", "  "])


@given(st.data(), st.lists(VALUES, min_size=1, max_size=6), st.booleans())
def test_cutting_leaves_the_other_items(data: st.DataObject, values: list[object], block: bool) -> None:
    spelled = [v if isinstance(v, str) else json.dumps(v) for v in values]
    if block:
        text = "a:\n" + "".join(f"  -{data.draw(GAPS)} {v}{data.draw(GAPS)}\n" for v in spelled)
    else:
        text = f"a: [{','.join(f'{data.draw(GAPS)}{v}{data.draw(GAPS)}' for v in spelled)}]\n"
    i = data.draw(st.integers(0, len(values) - 1))
    before = read_tree(Source("t", text)).data["a"]
    after = cut(text, i)
    if after is None:
        assert block  # without items it is no list
        assert len(values) == 1
    else:
        assert repr(read_tree(Source("t", after)).data["a"]) == repr([*before[:i], *before[i + 1 :]])


def test_a_scalar_changes_alone() -> None:
    source = Source("t", "a: {from: 0.70, to: 0.90} # c\n")
    assert scalar_text(source, ("a", "from")) == "0.70"
    after = with_scalar(source, ("a", "from"), "0.80")
    assert after is not None
    assert after.text == "a: {from: 0.80, to: 0.90} # c\n"
    assert with_scalar(source, ("a",), "1") is None
    assert scalar_text(source, ("a", "step")) is None
    assert scalar_text(Source("t", "a: '1'"), ("a",)) is None


def test_a_shared_scalar_does_not_change() -> None:
    assert with_scalar(Source("t", "a: &x 1\nb: *x\n"), ("a",), "2") is None
