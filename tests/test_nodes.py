from __future__ import annotations

from typing import Any

import pytest

from spacegen.errors import SpaceError
from spacegen.language import nodes
from spacegen.language.nodes import Tree, read_tree
from spacegen.source import Source


def tree(text: str) -> Tree:
    return read_tree(Source("t.yaml", text))


def refusal(text: str) -> str:
    with pytest.raises(SpaceError) as caught:
        tree(text)
    return str(caught.value).splitlines()[0]


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: 1\nb: [x, 2.5, null, true]\n", {"a": 1, "b": ["x", 2.5, None, True]}),
        ("a: '1'\nb: \"true\"\nc: |\n  2\n", {"a": "1", "b": "true", "c": "2\n"}),
        ("on: yes\n", {"on": "yes"}),
        ("a: &x [1, 2]\nb: *x\n", {"a": [1, 2], "b": [1, 2]}),
        ("a: >-\n  one\n  two\n", {"a": "one two"}),
        ("%YAML 1.2\n---\na: 1\n...\n", {"a": 1}),
        ("a:\n", {"a": None}),
    ],
)
def test_yaml_is_plain_data(text: str, data: Any) -> None:
    found = tree(text)
    assert found.data == data
    assert not found.faults


def test_every_part_has_its_place() -> None:
    found = tree("rules:\n  - {id: x, require: 'a < 2'}\n  - id: é\n    forbid: b\n")
    assert str(found.at()) == "t.yaml:1:1"
    assert str(found.at(("rules", 0, "require"))) == "t.yaml:2:22"
    assert str(found.at(("rules", 1))) == "t.yaml:3:5"
    assert str(found.at_key(("rules", 1, "forbid"))) == "t.yaml:4:5"
    assert str(found.at(("rules", 1, "forbid"))) == "t.yaml:4:13"
    assert found.keys(("rules", 1)) == ("id", "forbid")


def test_steps_that_the_data_lacks_are_skipped() -> None:
    found = tree("a: [1, 2]\n")
    assert found.at(("a", "values", 1)) == found.at(("a", 1))
    assert found.at_key(("a", "default")) == found.at(("a",))


def test_columns_count_characters_not_bytes() -> None:
    assert str(tree("é𝔘: [ö, x]\n").at(("é𝔘", 1))) == "t.yaml:1:9"


def test_an_alias_stands_where_its_anchor_does() -> None:
    assert str(tree("a: &x [1, 2]\nb: *x\n").at(("b", 1))) == "t.yaml:1:11"


def test_faults_that_leave_the_rest_readable_are_collected() -> None:
    found = tree("a: .nan\na: 1\n7: x\nb: !t 2\nc: 2024-01-01\n")
    assert [f.message for f in found.faults] == [
        "`.nan` is not a number that rules can compare",
        "the key `a` is given twice",
        "a key must be a string, and `7` is none",
        "tags are not allowed: `!t`",
        "`2024-01-01` would be a date, and there are no dates",
    ]
    assert found.data == {"a": ".nan", "b": 2, "c": "2024-01-01"}


def test_odd_numbers_are_suspects_not_faults() -> None:
    found = tree("a: [1_000, 017, 0o7, '1_000']\n")
    assert found.data == {"a": ["1_000", 17, "0o7", "1_000"]}
    assert [f.message for f in found.suspects] == [
        "`1_000` is a string, not a number",
        "`017` is the number 17",
        "`0o7` is a string, not a number",
    ]


def test_nesting_is_bounded() -> None:
    assert tree("[" * 50 + "]" * 50).data is not None
    assert refusal("[" * 51 + "]" * 51) == "t.yaml:1:51: nested more than 50 levels deep"
    assert refusal("[" * 100_000) == "t.yaml:1:51: nested more than 50 levels deep"
    assert "nested more than 50" in refusal("- " * 100_000)


def test_aliases_cannot_nest_deeper_than_text() -> None:
    deep = "[" * 30 + "1" + "]" * 30
    assert "nested more than 50" in refusal(f"a: &a {deep}\nb: {'[' * 25}*a{']' * 25}\n")


def test_aliases_count_as_what_they_stand_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "MAX_NODES", 100)
    assert tree(f"a: &a [{'1, ' * 20}]\nb: [*a, *a]\n").data
    assert "more than 100 values" in refusal(f"a: &a [{'1, ' * 20}]\nb: [*a, *a, *a, *a]\n")
    assert "more than 100 values" in refusal(f"a: &a {'x' * 6400}\nb: *a\n")


def test_a_billion_laughs_are_refused() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 40)]
    assert "more than 1,000,000 values" in refusal("\n".join(lines))
