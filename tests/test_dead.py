"""Values that no solution has."""

from __future__ import annotations

from pathlib import Path

from spacegen import Space, load
from spacegen.questions.dead import in_words

RULES = ["a < 3 or b == 'x'", "b != 'x'"]


def test_dead_values_are_those_without_a_solution() -> None:
    space = Space.build("s", {"a": [1, 2, 3], "b": ["x", "y"], "c": [False, True]}, RULES)
    assert space.dead_values() == {"a": (3,), "b": ("x",)}
    alive = {name: {config[name] for config in space.solutions()} for name in ("a", "b", "c")}
    assert alive == {"a": {1, 2}, "b": {"y"}, "c": {False, True}}


def test_a_pin_makes_no_value_dead() -> None:
    space = Space.build("s", {"a": [1, 2, 3], "b": ["x", "y"]}, RULES).pinned(a=1)
    assert space.dead_values() == {"b": ("x",)}


def test_nor_does_an_overlay(tmp_path: Path) -> None:
    path = tmp_path / "over.yaml"
    path.write_text(
        "spacegen: 1\nextends: sglang-throughput-10\npin: {tp_size: 2}\nrestrict: {dp_size: [1, 2]}\n"
    )
    assert load(path).dead_values() == {}


def test_a_space_without_rules_has_none() -> None:
    assert Space.build("s", {"a": [1, 2]}).dead_values() == {}


def test_words() -> None:
    assert in_words({"a": (None, 3), "b": ("x",)}) == "`a` null, 3; `b` x"
