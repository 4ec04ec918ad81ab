"""Rule packs in a space: where they are found, whose names they use, what is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from spacegen.errors import SpaceError
from spacegen.language.elaborate import Settings, load_model
from spacegen.language.expr import Compare, Const, Ref, Sum
from spacegen.language.model import Model

TARGETED = """\
target: {server: sglang, version: "0.5.6"}
include: [./p.yaml]
parameters: {tp_size: [1, 2]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def load(folder: Path, settings: Settings = Settings(), **files: str) -> Model:
    """The space `space` among files given by their stems; `__` makes a folder."""
    for stem, text in files.items():
        path = folder / f"{stem.replace('__', '/')}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"spacegen: 1\n{text}")
    return load_model(folder / "space.yaml", settings=settings)


def ids(model: Model) -> list[str]:
    return [rule.id for rule in model.rules]


def test_packs_come_before_the_space_and_each_once(folder: Path) -> None:
    model = load(
        folder,
        space="include: [./one.yaml, ./two.yaml]\nparameters: {a: [1, 2]}\nrules: [{require: a < 4}]\n",
        one="include: [./deep/base.yaml]\nrules: [{id: one, require: a < 2}]\n",
        two="include: [./deep/base.yaml]\nrules: [{id: two, require: a < 3}]\n",
        deep__base="rules: [{id: base, require: a < 1}]\n",
    )
    assert ids(model) == ["base", "one", "two", "rule-1"]
    assert [rule.pack for rule in model.rules] == ["./deep/base.yaml", "./one.yaml", "./two.yaml", None]
    assert str(model.rules[0].span).endswith("deep/base.yaml:2:9")


def test_relative_paths_start_at_the_pack_and_stay_in_the_folder(folder: Path) -> None:
    text = "include: [./deep/one.yaml]\nparameters: {a: [1, 2]}\n"
    model = load(
        folder, space=text, deep__one="include: [../top.yaml]\n", top="rules: [{id: top, require: a < 2}]\n"
    )
    assert ids(model) == ["top"]
    with pytest.raises(SpaceError, match="leads out of the folder of the space"):
        load(folder, space=text, deep__one="include: [../../top.yaml]\n")


def test_a_link_out_of_the_folder_is_an_escape(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "pack.yaml"
    outside.write_text("spacegen: 1\n")
    (folder / "link.yaml").symlink_to(outside)
    with pytest.raises(SpaceError, match="leads out of the folder of the space"):
        load(folder, space="include: [./link.yaml]\nparameters: {a: [1, 2]}\n")


def test_a_name_that_the_space_lacks_is_the_targets_default(folder: Path) -> None:
    model = load(
        folder,
        space=TARGETED,
        p="names: sglang==0.5.6\nrules: [{id: r, require: tp_size + pp_size < 9}]\n",
    )
    assert model.rules[0].condition == Compare("<", Sum((Ref("tp_size"), Const(1))), Const(9))
    assert model["tp_size"].default == 1


def test_a_fixed_value_comes_before_the_targets_default(folder: Path) -> None:
    model = load(
        folder,
        space=f"{TARGETED}fixed: {{pp_size: 4}}\n",
        p="names: sglang==0.5.6\nrules: [{id: r, require: tp_size < pp_size}]\n",
    )
    assert model.rules[0].condition == Compare("<", Ref("tp_size"), Const(4))


def test_without_a_target_such_a_rule_is_left_out_and_noted(folder: Path) -> None:
    model = load(
        folder,
        space="include: [./p.yaml]\nparameters: {a: [1, 2]}\n",
        p="derived: {twice: b * 2}\nrules:\n  - {id: r, require: a < b}\n  - {id: s, require: a < twice}\n"
        "  - {id: t, require: a < 2}\n",
    )
    assert ids(model) == ["t"]
    assert model.derived == ()
    assert model.notes == (
        "`twice` is left out: the space has no target and no `b`",
        "rule `r` is left out: the space has no target and no `b`",
        "rule `s` is left out: the space has no target and no `twice`",
    )


def test_the_space_wins_over_the_names_of_a_pack(folder: Path) -> None:
    pack = "constants: {n: 3, m: 5}\nderived: {d: a + n}\nrules: [{id: r, require: a < n + m}]\n"
    text = "include: [./p.yaml]\nparameters: {a: [1, 2], n: [1, 2]}\nconstants: {m: 7}\n"
    model = load(folder, space=text, p=pack)
    assert model.rules[0].condition == Compare("<", Ref("a"), Sum((Ref("n"), Const(7))))
    assert [(c.name, c.value) for c in model.constants] == [("m", 7)]
    assert model.derived[0].expr == Sum((Ref("a"), Ref("n")))


def test_constants_of_packs_can_be_set(folder: Path) -> None:
    files = {
        "space": "include: [./p.yaml]\nparameters: {a: [1, 2]}\n",
        "p": "constants: {n: 3}\nrules: [{id: r, require: a < n}]\n",
    }
    assert load(folder, Settings(constants={"n": 2}), **files).rules[0].condition == Compare(
        "<", Ref("a"), Const(2)
    )


def test_a_pack_lends_its_unit_to_constants_without_one(folder: Path) -> None:
    pack = "constants: {gpus: {value: null, unit: GPUs}, memory: {value: 1, unit: MiB}}\n"
    model = load(
        folder,
        space="include: [./p.yaml]\nconstants: {gpus: 8, memory: {value: 80, unit: GiB}}\n"
        "parameters: {a: [1, 2]}\n",
        p=pack,
    )
    assert [(c.name, c.value, c.unit) for c in model.constants] == [
        ("gpus", 8, "GPUs"),
        ("memory", 80, "GiB"),
    ]


def test_packs_may_repeat_a_derived_value(folder: Path) -> None:
    model = load(
        folder,
        space="include: [./p.yaml, ./q.yaml]\nparameters: {a: [1, 2]}\n",
        p="derived: {d: a + 1}\n",
        q="derived: {d: a + 1}\n",
    )
    assert [d.name for d in model.derived] == ["d"]


def test_strict_packs_are_loaded_only_when_asked_for(folder: Path) -> None:
    files = {
        "space": "strict: [./p.yaml]\nparameters: {a: [1, 2]}\n",
        "p": "rules: [{id: strict, require: a < 2}]\n",
    }
    assert ids(load(folder, **files)) == []
    assert ids(load(folder, Settings(strict_target=True), **files)) == ["strict"]


def test_rules_of_a_pack_without_an_id_carry_its_name(folder: Path) -> None:
    model = load(
        folder, space="include: [./p.yaml]\nparameters: {a: [1, 2]}\n", p="rules: [{require: a < 2}]\n"
    )
    assert ids(model) == ["./p.yaml/rule-1"]


def test_a_pack_about_other_versions_is_left_out_whole(folder: Path) -> None:
    pack = """\
names: sglang=={0}
versions: "{1}"
constants: {{size: {2}}}
derived: {{whole: tp_size * size}}
rules: [{{id: of-{3}, require: whole < 9}}]
"""
    files = {
        "old": pack.format("0.5.6", "<0.5.23", 2, "old"),
        "new": pack.format("0.5.23", ">=0.5.23", 3, "new"),
    }
    space = TARGETED.replace("./p.yaml", "./old.yaml, ./new.yaml")
    old = load(folder, space=space, **files)
    new = load(folder, Settings(target="sglang==0.5.23"), space=space, **files)
    assert (ids(old), ids(new)) == (["of-old"], ["of-new"])
    assert [c.value for m in (old, new) for c in m.constants] == [2, 3]
    nowhere = load(folder, space=space.replace('target: {server: sglang, version: "0.5.6"}\n', ""), **files)
    assert ids(nowhere) == []


def test_versions_of_a_pack_must_be_a_range(folder: Path) -> None:
    with pytest.raises(SpaceError, match=r"p\.yaml:2:11: `new` is not a range of versions"):
        load(folder, space=TARGETED, p="versions: new\n")
