"""Findings of a space: every code as docs/lint.md shows it, and what is said where."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from spacegen import Space, load
from spacegen.errors import EngineError, SpaceError
from spacegen.language import catalog
from spacegen.questions.lint.finding import CODES, Finding, Severity
from spacegen.questions.lint.lint import grouped, unreadable

PAGE = Path(__file__).parents[1] / "docs" / "lint.md"
SECTION = re.compile(r"^### ([a-z-]+)\n\n(\w+)\..*?^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = {match[1]: (match[2], match[3]) for match in SECTION.finditer(PAGE.read_text(encoding="utf-8"))}


def lint(path: Path) -> tuple[Finding, ...]:
    try:
        return load(path).lint()
    except SpaceError as error:
        return unreadable(error)


def codes(space: Space) -> list[str]:
    return [finding.code for finding in space.lint()]


def test_the_page_has_every_code() -> None:
    assert list(EXAMPLES) == list(CODES)


@pytest.mark.parametrize("code", EXAMPLES)
def test_the_example_of_a_code_has_that_finding(code: str, tmp_path: Path) -> None:
    severity, text = EXAMPLES[code]
    path = tmp_path / "space.yaml"
    path.write_text(text, encoding="utf-8")
    found = [finding for finding in lint(path) if finding.code == code]
    assert found, lint(path)
    assert {finding.severity for finding in found} == {Severity(severity.lower())}
    assert all(finding.span and finding.span.source.name == str(path) for finding in found)
    assert all(finding.as_dict()["line"] > 1 for finding in found)


def test_a_sound_space_has_no_finding(tmp_path: Path) -> None:
    path = tmp_path / "sound.yaml"
    path.write_text(
        "spacegen: 1\nparameters:\n  a: {values: [1, 2], default: 1}\n  b: {values: [1, 2], default: 1}\n"
        "rules:\n  - {id: r, require: a <= b, because: b is larger}\n"
    )
    assert lint(path) == ()


def test_a_dead_value_stands_where_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "dead.yaml"
    path.write_text(
        "spacegen: 1\nparameters:\n  a: [1, 2, 9]\n  b:\n    values:\n      - 1\n      - 9\n"
        "  c: {values: [null], range: {from: 1, to: 9}}\n"
        "rules:\n  - {id: r, require: a < 5 and b < 5, because: x}\n  - {id: s, require: c < 8, because: x}\n"
    )
    found = [f for f in lint(path) if f.code == "dead-value"]
    assert [(f.span.line, f.span.column) for f in found if f.span] == [(3, 13), (7, 9), (8, 30)]
    assert [f.values for f in found] == [(9,), (9,), (8, 9)]
    assert [f.rules for f in found] == [("r",), ("r",), ("s",)]


def test_what_somebody_narrowed_on_purpose_is_no_finding() -> None:
    space = Space.build("s", {"a": [1, 2, 3], "b": [1, 2]}, ["a + b < 9"])
    narrowed = {"frozen-parameter", "dead-value"}
    assert not narrowed & set(codes(space.pinned(a=1)))
    assert not narrowed & set(codes(space.where("a == 1")))


def test_what_is_dead_because_of_a_pin_is_only_a_note() -> None:
    space = Space.build("s", {"a": [1, 2, 3], "b": [1, 2, 3]}, ["a <= b"]).pinned(a=2)
    found = [f for f in space.lint() if f.code == "dead-value"]
    assert [(f.parameters, f.values, f.severity) for f in found] == [(("b",), (1,), Severity.INFO)]
    assert set(found[0].rules) == {"rule-1", "pin:a"}


def test_a_restriction_that_keeps_a_dead_value_is_told_at_its_place(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(
        "spacegen: 1\nparameters:\n  a: [1, 2, 3, 9]\n  b: [1, 2]\n"
        "rules:\n  - {id: r, require: a < 5, because: x}\n"
    )
    path = tmp_path / "over.yaml"
    for restriction, column in (("[1, 9]", 19), ("{values: [1, 9], because: x}", 28)):
        path.write_text(f"spacegen: 1\nextends: ./base.yaml\nrestrict: {{a: {restriction}}}\n")
        found = [f for f in lint(path) if f.code == "dead-value"]
        assert [(str(f.span), f.values, f.rules) for f in found] == [(f"{path}:3:{column}", (9,), ("r",))]


def test_defaults_may_be_impossible_together_only() -> None:
    space = Space.build("s", {}).with_parameter("a", [1, 2], default=2).with_parameter("b", [1, 2, 3])
    space = space.with_parameter("c", [1, 2], default=1).with_rule("a < b").with_rule("b < c + 2")
    assert "bad-defaults" in codes(space)
    found = next(f for f in space.lint() if f.code == "bad-defaults")
    assert found.parameters == ("a", "c")
    assert found.rules == ("rule-1", "rule-2")


def test_one_is_not_true() -> None:
    space = Space.build("s", {"a": [False, True], "b": [0, 1]}, ["a == true", "b == 1"])
    assert "duplicate-rule" not in codes(space)


def test_rules_of_one_pack_are_told_together() -> None:
    found = [
        Finding("cannot-fail", Severity.INFO, id, rules=(id,), pack=pack)
        for id, pack in (("a", "p"), ("b", "q"), ("c", "p"), ("d", None), ("e", None))
    ]
    assert [f.message for f in grouped(found)] == [
        "2 rules of the pack `p` cannot fail: `a`, `c`",
        "b",
        "d",
        "e",
    ]


def test_progress_is_told_rule_by_rule() -> None:
    seen: list[tuple[int, int]] = []
    space = Space.build("s", {"a": [1, 2], "b": [1, 2]}, ["a <= b", "a < 3"])
    space.lint(lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


def test_an_engine_that_cannot_count_says_so() -> None:
    space = Space.build("s", {f"p{i}": range(40) for i in range(8)}, engine="backtrack")
    with pytest.raises(EngineError):
        space.lint()


@pytest.mark.parametrize("name", catalog.names("spaces"))
def test_a_shipped_space_is_sound(name: str) -> None:
    found = load(name).lint()
    assert [str(f) for f in found if f.severity == Severity.ERROR] == []
    assert {f.code for f in found} & {"no-reason", "bad-defaults", "reserved-id", "duplicate-rule"} == set()


def test_the_pair_of_the_ten_parameters_that_is_never_set_together() -> None:
    pairs = [f.parameters for f in load("sglang-throughput-10").lint() if f.code == "never-both"]
    assert pairs == [("max_running_requests", "max_total_tokens")]


def test_what_an_overlay_makes_dead_in_its_base_is_a_note(tmp_path: Path) -> None:
    base = tmp_path / "base.yaml"
    base.write_text(
        "spacegen: 1\nconstants: {gpus: 8}\nparameters: {a: [1, 8, 9]}\n"
        "rules: [{id: r, require: a <= gpus, because: x}]\n"
    )
    over = tmp_path / "over.yaml"
    over.write_text("spacegen: 1\nextends: ./base.yaml\nconstants: {gpus: 4}\n")
    dead = [(f.values, f.severity) for f in lint(over) if f.code == "dead-value"]
    assert dead == [((8,), Severity.INFO), ((9,), Severity.INFO)]
    assert [f.severity for f in lint(base) if f.code == "dead-value"] == [Severity.WARNING]
