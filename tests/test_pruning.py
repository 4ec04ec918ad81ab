"""Files without dead values: the same solutions, and nothing else changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings

from spacegen import Space, load
from spacegen.errors import SpaceError
from spacegen.language.elaborate import read_model
from spacegen.language.emit import emit
from spacegen.language.expr import Scalar
from spacegen.language.model import Domain, Model
from spacegen.questions.edits import runs
from spacegen.questions.lint.pruning import Pruned, prune
from spacegen.questions.why.together import only_rules
from spacegen.source import Source
from strategies import models


def pruned(path: Path) -> Pruned:
    space = load(path)
    source = next(s for s in space.model.sources if s.name == str(path))

    def accepts(changed: Source) -> bool:
        return Space(read_model(changed, path.parent)).count() == space.count()

    return prune(space.model, space.engine, source, accepts)


def fix(folder: Path, parameters: str, rule: str) -> Pruned:
    path = folder / "space.yaml"
    path.write_text(
        f"spacegen: 1\nparameters: {parameters}\nrules: [{{id: r, require: {rule}, because: x}}]\n"
    )
    return pruned(path)


def shown(found: Pruned) -> str:
    return found.source.text.splitlines()[1].removeprefix("parameters: ")


@pytest.mark.parametrize(
    ("before", "rule", "after"),
    [
        ("{a: [1, 2, 9]}", "a < 5", "{a: [1, 2]}"),
        ("{a: {values: [9, 1, 2], default: 1}}", "a < 5", "{a: {values: [1, 2], default: 1}}"),
        ("{a: {from: 1, to: 9}}", "a < 5", "{a: {from: 1, to: 4}}"),
        ("{a: {from: 9, to: 1, step: -2}}", "a < 5", "{a: {from: 3, to: 1, step: -2}}"),
        ("{a: {from: 0.70, to: 0.9, step: 0.05}}", "a > 0.72", "{a: {from: 0.75, to: 0.9, step: 0.05}}"),
        (
            "{a: {values: [null, 50], range: {from: 1, to: 9}}}",
            "a > 2 and a < 8",
            "{a: {values: [null], range: {from: 3, to: 7}}}",
        ),
    ],
)
def test_dead_values_go(tmp_path: Path, before: str, rule: str, after: str) -> None:
    found = fix(tmp_path, before, rule)
    assert shown(found) == after
    assert found.kept == ()


@pytest.mark.parametrize(
    ("before", "rule", "after", "why"),
    [
        ("{a: {values: [1, 9], default: 9}}", "a < 5", None, "it is the default"),
        ("{a: {from: 1, to: 9}}", "a not in [4, 5]", None, "they stand inside a range"),
        ("{a: {from: 0x0, to: 0x9}}", "a > 5", None, "the range is not written in decimals"),
        ("{a: {values: [50], range: {from: 1, to: 9}}}", "a > 9", None, "they are the whole range"),
        ("{a: {values: [50], range: {from: 1, to: 9}}}", "a < 50", None, "nothing else is in the list"),
        ("{a: &x [1, 9], b: *x}", "a < 5", None, "other parts of the file share it"),
    ],
)
def test_some_values_stay_for_a_reason(
    tmp_path: Path, before: str, rule: str, after: str | None, why: str
) -> None:
    found = fix(tmp_path, before, f'"{rule}"' if "[" in rule else rule)
    assert shown(found) == (after or before)
    assert [kept.why for kept in found.kept] == [why]


def test_a_value_without_which_the_file_does_not_load_stays(tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(
        "spacegen: 1\nparameters: {a: [1, 9], b: [1, 9]}\n"
        "rules: [{id: r, require: a < 5 and b < 5, because: x}]\n"
    )
    space = load(path)
    found = prune(
        space.model, space.engine, space.model.sources[0], lambda changed: "a: [1, 9]" in changed.text
    )
    assert found.removed == (("b", 9),)
    assert [(kept.parameter, kept.values) for kept in found.kept] == [("a", (9,))]


def test_an_overlay_loses_values_of_its_own_lists_only(tmp_path: Path) -> None:
    base = tmp_path / "base.yaml"
    base.write_text(
        "spacegen: 1\nparameters: {a: [1, 2, 9], b: [1, 9]}\n"
        "rules: [{id: r, require: a < 5 and b < 5, because: x}]\n"
    )
    over = tmp_path / "over.yaml"
    over.write_text("spacegen: 1\nextends: ./base.yaml\nrestrict: {a: [1, 9]} # c\n")
    found = pruned(over)
    assert found.source.text == "spacegen: 1\nextends: ./base.yaml\nrestrict: {a: [1]} # c\n"
    over.write_text("spacegen: 1\nextends: ./base.yaml\nrestrict: {a: {values: [1, 9], because: x}}\n")
    found = pruned(over)
    assert (
        found.source.text == "spacegen: 1\nextends: ./base.yaml\nrestrict: {a: {values: [1], because: x}}\n"
    )
    assert found.removed == (("a", 9),)
    assert [(kept.parameter, kept.values) for kept in found.kept] == [("b", (9,))]
    assert "base.yaml" in found.kept[0].why


@settings(max_examples=100, deadline=None)
@given(model=models())
def test_a_random_space_keeps_its_solutions_and_has_no_dead_value_left_but_defaults(model: Model) -> None:
    try:
        source = Source("random.yaml", emit(only_rules(model, model.rules)))
        space = Space(read_model(source))
    except SpaceError:
        return  # what has no text, such as a constant without a value
    if not space.count():
        return
    found = prune(space.model, space.engine, source, lambda s: Space(read_model(s)).count() == space.count())
    after = Space(read_model(found.source))
    assert sorted(map(repr, after.solutions())) == sorted(map(repr, space.solutions()))
    kept = {(k.parameter, repr(v)) for k in found.kept for v in k.values}
    dead = {(name, repr(v)) for name, values in after.dead_values().items() for v in values}
    assert dead <= kept


@pytest.mark.parametrize(
    ("domain", "values", "told"),
    [
        (range(1, 101), [1, 2, *range(51, 101)], "`1`, `2`, `51` … `100` (52 values)"),
        (range(1, 101), [100, 99, 1], "`1`, `99`, `100`"),
        ([None, True, "x", 1, 2.5, 3], [3, None, "x", 1, True], "`null`, `true`, `x`, `1`, `3`"),
        (list("abcdefgh"), list("abcdefgh"), "`a`, `b`, `c`, `d`, `e`, `f`, `g`, `h`"),
        (
            range(40),
            range(0, 40, 2),
            "`0`, `2`, `4`, `6`, `8`, `10`, `12`, `14`, `16`, `18`, …, `38` (20 values)",
        ),
    ],
)
def test_many_values_are_told_by_their_ends(
    domain: Sequence[Scalar], values: Sequence[Scalar], told: str
) -> None:
    assert runs(values, Domain(tuple(domain))) == told
