"""From the text of a space to its model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spacegen.errors import SpaceError, UsageError
from spacegen.language import catalog
from spacegen.language.elaborate import Settings, load_model, read_model
from spacegen.language.expr import (
    Compare,
    Const,
    In,
    Not,
    Or,
    Product,
    Ref,
    Unset,
)
from spacegen.language.model import NO_DEFAULT, Constant, Kind, Model
from spacegen.source import Source

SPACE = """\
spacegen: 1
name: node
description: a small space
target: {server: sglang, version: "0.5.6"}
constants:
  device_num: 8
  memory: {value: 80, unit: GB}
  input_len:
parameters:
  tp_size: [1, 2, 4, 8]
  pp_size: {values: [1, 2], default: 2, group: parallelism, impact: high, unit: stages, description: stages}
  mem_fraction_static: {values: [null], range: {from: 0.70, to: 0.94, step: 0.01}, default: null}
  enable_hierarchical_cache: [false, true]
  hicache_ratio: {values: [1, 2, 3], default: 2.0, active_when: enable_hierarchical_cache}
  schedule_policy: {values: [lof, fcfs], default: fcfs, ordered: true}
derived:
  total: {value: gpus * 2, unit: GPUs}
  gpus: tp_size * pp_size
rules:
  - id: gpus-available
    require: gpus <= device_num
    because: a launch cannot use more GPUs than the node has
    source: experience
    kind: needs
  - {when: schedule_policy == "fcfs", require: {pp_size: 1, enable_hierarchical_cache: false}}
  - {id: advice, forbid: tp_size > 4, kind: heuristic}
  - {id: old, require: tp_size < 2, versions: "<0.5.6"}
  - {id: new, require: tp_size < 8, versions: ">=0.5.6"}
  - {id: prompts, require: input_len < 4096}
fixed: {enable_metrics: true}
"""


def read(text: str, **settings: Any) -> Model:
    return read_model(Source("space.yaml", text), None, Settings(**settings))


def small(body: str, **settings: Any) -> Model:
    return read(f"spacegen: 1\nparameters: {{a: [1, 2], b: [false, true]}}\n{body}", **settings)


@pytest.fixture(scope="module")
def node() -> Model:
    return read(SPACE)


def ids(model: Model) -> list[str]:
    return [rule.id for rule in model.rules]


def test_a_space_has_its_head(node: Model) -> None:
    assert (node.name, node.description, str(node.target)) == ("node", "a small space", "sglang==0.5.6")
    assert node.fixed == {"enable_metrics": True}
    assert node.notes == ()


def test_parameters_keep_what_the_file_says(node: Model) -> None:
    pp = node["pp_size"]
    assert (pp.default, pp.group, pp.impact, pp.unit, pp.description) == (
        2,
        "parallelism",
        "high",
        "stages",
        "stages",
    )
    assert str(pp.span) == "space.yaml:11:3"
    assert node["schedule_policy"].domain.ordered
    assert len(node["mem_fraction_static"].domain) == 26
    assert 0.82 in node["mem_fraction_static"].domain


def test_a_default_comes_from_the_file_then_the_target(node: Model) -> None:
    assert node["tp_size"].default == 1
    assert node["mem_fraction_static"].default is None
    assert node["enable_hierarchical_cache"].default is False


def test_a_default_is_spelt_as_the_domain_does(node: Model) -> None:
    assert repr(node["hicache_ratio"].default) == "2"


def test_null_stands_for_a_default_that_the_domain_does_not_list() -> None:
    head = 'spacegen: 1\ntarget: {server: sglang, version: "0.5.6"}\n'
    assert read(f"{head}parameters: {{tp_size: [2, null, 4]}}\n")["tp_size"].default is None
    assert read(f"{head}parameters: {{tp_size: [2, null, 1]}}\n")["tp_size"].default == 1
    # The model has no default: it must be given.
    assert read(f"{head}parameters: {{model_path: [null, a]}}\n")["model_path"].default is NO_DEFAULT


def test_a_default_of_the_target_outside_the_domain_is_none() -> None:
    model = read('spacegen: 1\ntarget: {server: sglang, version: "0.5.6"}\nparameters: {tp_size: [2, 4]}\n')
    assert model["tp_size"].default is NO_DEFAULT


def test_constants_have_values_units_or_nothing(node: Model) -> None:
    assert node.constants == (
        Constant("device_num", 8),
        Constant("memory", 80, "GB"),
        Constant("input_len", NO_DEFAULT),
    )


def test_derived_values_are_written_out_whatever_their_order(node: Model) -> None:
    total, gpus = node.derived
    assert gpus.expr == Product((Ref("tp_size"), Ref("pp_size")))
    assert total.expr == Product((gpus.expr, Const(2)))
    assert (total.text, total.unit) == ("gpus * 2", "GPUs")


def test_rules_keep_what_the_file_says(node: Model) -> None:
    rule = node.rules[0]
    assert rule.condition == Compare("<=", Product((Ref("tp_size"), Ref("pp_size"))), Const(8))
    assert (rule.text, rule.because) == (
        "gpus <= device_num",
        "a launch cannot use more GPUs than the node has",
    )
    assert (rule.source, rule.kind, rule.pack) == ("experience", Kind.NEEDS, None)
    assert str(rule.span) == "space.yaml:20:5"


def test_when_is_an_implication(node: Model) -> None:
    rule = node.rules[1]
    assert rule.id == "rule-2"
    assert isinstance(rule.condition, Or)
    assert rule.condition.items[0] == Not(Compare("==", Ref("schedule_policy"), Const("fcfs")))
    assert rule.text == 'when schedule_policy == "fcfs": {pp_size: 1, enable_hierarchical_cache: false}'


def test_rules_about_other_versions_are_left_out(node: Model) -> None:
    assert ids(node) == ["gpus-available", "rule-2", "advice", "new", "prompts"]


def test_a_constant_without_a_value_is_unknown(node: Model) -> None:
    assert node.rules[-1].condition == Compare("<", Unset("input_len"), Const(4096))


def test_without_a_target_versioned_rules_are_noted() -> None:
    model = small("rules:\n  - {id: v, require: a < 2, versions: '>1'}\n")
    assert ids(model) == []
    assert model.notes == ("rule `v` is left out: it is about versions, and the space has no target",)


def test_a_space_without_a_name_takes_that_of_its_file() -> None:
    assert small("").name == "space"


def test_constants_can_be_set() -> None:
    model = read(SPACE, constants={"device_num": 4, "input_len": 100, "memory": None})
    assert [c.value for c in model.constants] == [4, NO_DEFAULT, 100]
    assert model.constants[1].unit == "GB"
    assert model.rules[0].condition == Compare("<=", model.derived[1].expr, Const(4))


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        ({"device_nums": 4}, "the space has no constant `device_nums`\nhint: did you mean `device_num`?"),
        (
            {"zzz": 4},
            "the space has no constant `zzz`\nhint: its constants: `device_num`, `memory`, `input_len`",
        ),
        (
            {"device_num": "4"},
            '`device_num` cannot be "4": the space gives it 8\nhint: give it a value of the same type',
        ),
    ],
)
def test_setting_what_cannot_be_set_is_a_usage_error(constants: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(SPACE, constants=constants)
    assert str(caught.value) == message


KINDS = """\
kinds: [rejects, needs]
rules:
  - {id: none, require: a < 2}
  - {id: rejects, require: a < 2, kind: rejects}
  - {id: needs, require: a < 2, kind: needs}
  - {id: heuristic, require: a < 2, kind: heuristic}
"""


def test_a_space_says_which_kinds_it_takes() -> None:
    assert ids(small(KINDS)) == ["none", "rejects", "needs"]
    assert ids(small(KINDS, with_kinds=frozenset({Kind.HEURISTIC}))) == [
        "none",
        "rejects",
        "needs",
        "heuristic",
    ]
    assert ids(small(KINDS, without_kinds=frozenset({Kind.NEEDS}))) == ["none", "rejects"]
    assert ids(small(KINDS.replace("kinds: [rejects, needs]\n", ""))) == [
        "none",
        "rejects",
        "needs",
        "heuristic",
    ]


def test_single_rules_can_be_left_out() -> None:
    model = read(SPACE, without_rules=frozenset({"advice", "old", "hicache_ratio.active_when"}))
    assert "advice" not in ids(model)
    assert model["hicache_ratio"].active_when is None
    assert read(SPACE)["hicache_ratio"].active_when == Ref("enable_hierarchical_cache")


def test_leaving_out_an_unknown_rule_is_a_usage_error() -> None:
    with pytest.raises(UsageError) as caught:
        read(SPACE, without_rules=frozenset({"advise"}))
    assert str(caught.value) == "the space has no rule `advise`\nhint: did you mean `advice`?"


def test_faults_of_a_file_are_told_before_those_of_the_settings() -> None:
    with pytest.raises(SpaceError, match="unknown name"):
        small("rules: [{require: c < 2}]\n", constants={"x": 1})


def test_odd_numbers_are_noted_where_all_else_is_well() -> None:
    model = small("constants: {n: 1_000}\n")
    assert model.notes == (
        "space.yaml:3:16: `1_000` is a string, not a number; write the number without underscores: 1000",
    )


def test_of_very_many_faults_the_first_are_told() -> None:
    with pytest.raises(SpaceError) as caught:
        small("rules:\n" + "".join(f"  - require: x{i}\n" for i in range(150)))
    assert len(caught.value.faults) == 101
    assert caught.value.faults[0].message == "unknown name `x0`"
    assert caught.value.faults[-1].message == "and 50 more faults"


def test_a_space_without_a_folder_has_no_relative_packs() -> None:
    with pytest.raises(SpaceError, match="this space is in no folder"):
        small("include: [./p.yaml]\n")


# Overlays


def overlay(tmp_path: Path, text: str, **settings: Any) -> Model:
    (tmp_path / "base.yaml").write_text(SPACE)
    (tmp_path / "over.yaml").write_text(f"spacegen: 1\nextends: ./base.yaml\n{text}")
    return load_model(tmp_path / "over.yaml", settings=Settings(**settings))


def test_an_overlay_narrows_by_rules_and_leaves_the_domains(tmp_path: Path) -> None:
    model = overlay(
        tmp_path,
        "pin: {schedule_policy: lof}\nrestrict: {tp_size: [4, 1]}\nrules: [{require: pp_size < 2}]\n",
    )
    assert ids(model)[-3:] == ["pin:schedule_policy", "restrict:tp_size", "rule-1"]
    assert model.rules[-3].condition == Compare("==", Ref("schedule_policy"), Const("lof"))
    assert model.rules[-2].condition == In(Ref("tp_size"), (Const(4), Const(1)))
    assert model["tp_size"].domain == read(SPACE)["tp_size"].domain
    assert (model.rules[-3].text, model.rules[-3].because) == (
        'schedule_policy == "lof"',
        "the overlay pins `schedule_policy`",
    )


def test_an_overlay_says_why_it_narrows(tmp_path: Path) -> None:
    model = overlay(
        tmp_path,
        "pin: {schedule_policy: {value: lof, because: it is fair, source: log line 3}}\n"
        "restrict: {tp_size: {values: [4, 1], because: two run out of memory}}\n",
    )
    pinned, restricted = model.rules[-2:]
    assert (pinned.text, pinned.because, pinned.source) == (
        'schedule_policy == "lof"',
        "it is fair",
        "log line 3",
    )
    assert restricted.condition == In(Ref("tp_size"), (Const(4), Const(1)))
    assert (restricted.because, restricted.source) == ("two run out of memory", None)


def test_what_is_wrong_inside_a_long_restriction_is_told_at_its_place(tmp_path: Path) -> None:
    with pytest.raises(SpaceError) as wrong:
        overlay(tmp_path, "restrict: {tp_size: {values: [4, 5], because: x}}\npin: {pp_size: {valu: 1}}\n")
    assert [(str(f.span)[-4:], f.message) for f in wrong.value.faults] == [
        ("3:34", "`tp_size` cannot be 5 in the base"),
        ("4:17", "unknown key `valu`"),
    ]


def test_an_overlay_can_override_constants_and_kinds(tmp_path: Path) -> None:
    text = (
        "constants: {device_num: 2, memory: 40, extra: 1}\nkinds: [needs]\n"
        "derived: {half: gpus // device_num}\n"
    )
    model = overlay(tmp_path, text)
    assert [(c.name, c.value, c.unit) for c in model.constants] == [
        ("device_num", 2, None),
        ("memory", 40, "GB"),
        ("input_len", NO_DEFAULT, None),
        ("extra", 1, None),
    ]
    assert "advice" not in ids(model)
    assert model.derived[-1].name == "half"
    assert overlay(tmp_path, text, constants={"device_num": 3}).constants[0].value == 3


def test_an_overlay_takes_its_own_name_and_the_description_of_the_base(tmp_path: Path) -> None:
    model = overlay(tmp_path, "")
    assert (model.name, model.description) == ("over", "a small space")
    assert overlay(tmp_path, "name: mine\n").name == "mine"


def test_overlays_stack(tmp_path: Path) -> None:
    overlay(tmp_path, "pin: {schedule_policy: lof}\nkinds: []\n")
    (tmp_path / "top.yaml").write_text("spacegen: 1\nextends: ./over.yaml\npin: {tp_size: 2}\n")
    assert ids(load_model(tmp_path / "top.yaml")) == [
        "rule-2",
        "new",
        "prompts",
        "pin:schedule_policy",
        "pin:tp_size",
    ]


def test_an_overlay_can_stand_on_a_bundled_space() -> None:
    model = read("spacegen: 1\nextends: sglang-throughput-10\nrules: [{id: mine, require: 1 < 2}]\n")
    assert len(model.parameters) == 10
    assert ids(model)[-1] == "mine"


# The spaces that come with the package


@pytest.mark.parametrize("name", catalog.names("spaces"))
def test_a_bundled_space_loads_without_notes_but_on_what_was_not_given(name: str) -> None:
    model = load_model(name)
    # Rules about a model or a machine are left out until one is given.
    assert [note for note in model.notes if not note.startswith("no `--")] == []
    assert all(parameter.default is not NO_DEFAULT for parameter in model.parameters)


@pytest.mark.parametrize("name", catalog.names("spaces"))
def test_a_bundled_space_is_the_same_by_its_path(name: str) -> None:
    assert load_model(catalog.find("spaces", name)) == load_model(name)
