"""A space written for one version of its server and loaded for another."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from spacegen.errors import SpaceError, UsageError
from spacegen.language import catalog
from spacegen.language.elaborate import Settings, load_model, read_model
from spacegen.language.emit import emit
from spacegen.language.expr import Compare, Const, In, Not, Or, Ref, Unset
from spacegen.language.model import NO_DEFAULT, Model, Target
from spacegen.language.scalars import write_scalar
from spacegen.servers.renames import renamed
from spacegen.servers.schema import load
from spacegen.source import Source

NEW = "sglang==0.5.23"
OLD = "sglang==0.5.6"


def read(text: str, version: str = "0.5.6", **settings: Any) -> Model:
    head = f'spacegen: 1\ntarget: {{server: sglang, version: "{version}"}}\n'
    return read_model(Source("space.yaml", head + text), None, Settings(**settings))


def one(entry: str, version: str = "0.5.6", target: str = NEW) -> Model:
    return read(f"parameters:\n  tp_size: [1, 2]\n  {entry}\n", version, target=target)


def values(model: Model, name: str) -> tuple[object, ...]:
    return tuple(model[name].domain)


# Names


def test_a_renamed_parameter_keeps_its_place() -> None:
    model = read("parameters: {tp_size: [1], cuda_graph_max_bs: [null, 8], pp_size: [1]}\n", target=NEW)
    assert [p.name for p in model.parameters] == ["tp_size", "cuda_graph_max_bs_decode", "pp_size"]
    assert model.target == Target("sglang", "0.5.23")
    assert model.notes == ("`cuda_graph_max_bs` is called `cuda_graph_max_bs_decode` in sglang==0.5.23",)


def test_names_lead_back_too() -> None:
    model = one("dsa_decode_backend: [null, fa3]", "0.5.23", OLD)
    assert [p.name for p in model.parameters] == ["tp_size", "nsa_decode_backend"]


def test_the_rules_of_the_space_follow() -> None:
    model = read(
        "parameters:\n"
        "  cuda_graph_max_bs: {values: [8, 16], default: 8, active_when: not disable_cuda_graph}\n"
        "  disable_cuda_graph: [false, true]\n"
        "derived: {twice: cuda_graph_max_bs * 2}\n"
        "rules:\n"
        "  - {id: a, require: cuda_graph_max_bs < 16}\n"
        "  - {id: b, forbid: {cuda_graph_max_bs: 8, disable_cuda_graph: true}}\n"
        "  - {id: c, linear: {terms: {cuda_graph_max_bs: 2}, max: 99}}\n",
        target=NEW,
    )
    new = Ref("cuda_graph_max_bs_decode")
    assert model.rules[0].condition == Compare("<", new, Const(16))
    assert [rule.text for rule in model.rules[:2]] == [
        "cuda_graph_max_bs_decode < 16",
        "forbid: {cuda_graph_max_bs_decode: 8, disable_cuda_graph: true}",
    ]
    assert model.derived[0].text == "cuda_graph_max_bs_decode * 2"
    assert [model.scope(rule) for rule in model.rules] == [
        ("cuda_graph_max_bs_decode",),
        ("cuda_graph_max_bs_decode", "disable_cuda_graph"),
        ("cuda_graph_max_bs_decode",),
    ]
    assert model["cuda_graph_max_bs_decode"].active_when == Not(Ref("disable_cuda_graph"))


def test_a_retargeted_space_reads_back() -> None:
    model = load_model("sglang-throughput-33", settings=Settings(target=NEW))
    again = read_model(Source("again.yaml", emit(model)))
    assert again.parameters == model.parameters
    assert [rule.condition for rule in again.rules] == [rule.condition for rule in model.rules]


def test_overlays_use_the_names_of_their_base(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(
        'spacegen: 1\ntarget: {server: sglang, version: "0.5.6"}\n'
        "parameters: {cuda_graph_max_bs: [8, 16, 32], enable_piecewise_cuda_graph: [false, true]}\n"
    )
    (tmp_path / "top.yaml").write_text(
        "spacegen: 1\nextends: ./base.yaml\npin: {enable_piecewise_cuda_graph: false}\n"
        "restrict: {cuda_graph_max_bs: [8, 16]}\n"
    )
    model = load_model(tmp_path / "top.yaml", settings=Settings(target=NEW))
    new = Ref("cuda_graph_max_bs_decode")
    assert [(rule.id, rule.condition) for rule in model.rules] == [
        ("restrict:cuda_graph_max_bs_decode", In(new, (Const(8), Const(16))))
    ]
    assert model.notes[-1] == (
        "`pin:enable_piecewise_cuda_graph` is left out: the target has no `enable_piecewise_cuda_graph`"
    )


# What the target lacks


def test_a_removed_parameter_is_left_out_and_rules_see_its_old_default() -> None:
    model = read(
        "parameters: {enable_piecewise_cuda_graph: [false, true], enable_torch_compile: [false, true]}\n"
        "rules: [{forbid: enable_piecewise_cuda_graph or enable_torch_compile}]\n",
        target=NEW,
    )
    assert [p.name for p in model.parameters] == ["enable_torch_compile"]
    assert model.rules[0].condition == Not(Or((Const(False), Ref("enable_torch_compile"))))
    assert model.notes == (
        (
            "`enable_piecewise_cuda_graph` is left out: sglang==0.5.23 has no such argument;"
            " prefill graphs are on unless `cuda_graph_backend_prefill` is `disabled`"
        ),
    )


def test_a_newer_parameter_is_left_out_of_an_older_target() -> None:
    model = read(
        "parameters: {attn_dp_size: [1, 2], tp_size: [1, 2]}\nrules: [{require: tp_size >= attn_dp_size}]\n",
        "0.5.23",
        target=OLD,
    )
    assert [p.name for p in model.parameters] == ["tp_size"]
    assert model.rules[0].condition == Compare(">=", Ref("tp_size"), Const(1))
    assert model.notes == ("`attn_dp_size` is left out: sglang==0.5.6 has no such argument",)


def test_values_that_do_not_exist_are_dropped() -> None:
    model = one("attention_backend: [null, fa3, cutlass_mla, dual_chunk_flash_attn]")
    assert values(model, "attention_backend") == (None, "fa3")
    assert model.notes == (
        "`attention_backend` loses cutlass_mla, dual_chunk_flash_attn: sglang==0.5.23 does not take them",
    )


def test_a_parameter_without_values_left_is_left_out() -> None:
    model = one("radix_eviction_policy: [slru, tlru]", "0.5.23", OLD)
    assert [p.name for p in model.parameters] == ["tp_size"]
    assert "`radix_eviction_policy` is left out: sglang==0.5.6 takes none of its values" in model.notes


def test_deprecated_names_are_noted() -> None:
    model = one("enable_dp_attention: [false, true]")
    assert values(model, "enable_dp_attention") == (False, True)
    assert model.notes == (
        "`enable_dp_attention` is deprecated in sglang==0.5.23: set `attn_dp_size`, not `dp_size`",
    )


# Defaults


@pytest.mark.parametrize(
    ("entry", "after", "default"),
    [
        # The target's default, where the file gives none.
        ("hicache_mem_layout: [layer_first, page_first]", ("layer_first", "page_first"), "page_first"),
        # A default that only says what the old target said moves along.
        (
            "hicache_mem_layout: {values: [layer_first, page_first], default: layer_first}",
            ("layer_first", "page_first"),
            "page_first",
        ),
        # Another default is what the author wants.
        (
            "hicache_mem_layout: {values: [layer_first, page_head, page_first], default: page_head}",
            ("layer_first", "page_head", "page_first"),
            "page_head",
        ),
        # A default outside the domain is added.
        ("hicache_mem_layout: [layer_first]", ("layer_first", "page_first"), "page_first"),
        ("swa_full_tokens_ratio: [0.7, 0.8]", (None, 0.7, 0.8), None),
        ("hicache_ratio: {values: [2, 3], default: 2}", (None, 2, 3), None),
        # A domain without the old default keeps to its values.
        ("hicache_mem_layout: [page_head]", ("page_head",), NO_DEFAULT),
        ("hicache_mem_layout: [page_head, page_first]", ("page_head", "page_first"), "page_first"),
    ],
)
def test_defaults_follow_the_target(entry: str, after: tuple[object, ...], default: object) -> None:
    model = one(entry)
    parameter = model.parameters[1]
    assert (tuple(parameter.domain), parameter.default) == (after, default)
    assert any("gains" in note for note in model.notes) == (
        after[0] is None or len(after) > entry.count(",") + 1
    )


def test_null_is_the_default_where_the_older_target_has_a_value() -> None:
    model = one("swa_full_tokens_ratio: [null, 0.7]", "0.5.23", OLD)
    assert values(model, "swa_full_tokens_ratio") == (0.7, 0.8)
    assert model["swa_full_tokens_ratio"].default == 0.8
    assert model.notes == ("`swa_full_tokens_ratio` gains 0.8, its default in sglang==0.5.6",)


def test_the_children_of_a_switch_rest_at_the_new_default() -> None:
    model = read(
        "parameters:\n  enable_hierarchical_cache: [false, true]\n"
        "  hicache_storage_prefetch_policy:\n"
        "    values: [best_effort, timeout]\n    default: best_effort\n"
        "    active_when: enable_hierarchical_cache\n",
        target=NEW,
    )
    at_rest = Compare("==", Ref("hicache_storage_prefetch_policy"), Const("timeout"))
    assert model.conditions[-1].condition.items[1] == at_rest  # type: ignore[attr-defined]


# Versions, packs, fixed values


def test_the_versions_of_rules_are_those_of_the_new_target() -> None:
    text = (
        "parameters: {tp_size: [1, 2]}\nrules:\n  - {id: old, require: tp_size < 3, versions: '<0.5.20'}\n"
        "  - {id: new, require: tp_size < 3, versions: '>=0.5.20'}\n"
    )
    assert [rule.id for rule in read(text).rules] == ["old"]
    assert [rule.id for rule in read(text, target=NEW).rules] == ["new"]


def pack(
    folder: Path, names: str, rule: str, parameters: str, version: str, target: str | None = None
) -> Model:
    (folder / "p.yaml").write_text(f"spacegen: 1\nnames: {names}\nrules: [{{id: r, require: {rule}}}]\n")
    (folder / "space.yaml").write_text(
        f'spacegen: 1\ntarget: {{server: sglang, version: "{version}"}}\ninclude: [./p.yaml]\n'
        f"parameters: {parameters}\n"
    )
    return load_model(folder / "space.yaml", settings=Settings(target=target))


OLD_NAME, NEW_NAME = "cuda_graph_max_bs", "cuda_graph_max_bs_decode"


@pytest.mark.parametrize("names", [OLD, NEW])
@pytest.mark.parametrize("version", ["0.5.6", "0.5.23"])
@pytest.mark.parametrize("target", [None, OLD, NEW])
def test_a_pack_in_any_version_means_the_same(
    tmp_path: Path, names: str, version: str, target: str | None
) -> None:
    in_pack = OLD_NAME if names == OLD else NEW_NAME
    in_space = OLD_NAME if version == "0.5.6" else NEW_NAME
    model = pack(tmp_path, names, f"{in_pack} < 9", f"{{{in_space}: [8, 16]}}", version, target)
    in_model = OLD_NAME if "0.5.6" in (target or version) and target != NEW else NEW_NAME
    assert [p.name for p in model.parameters] == [in_model]
    assert model.rules[0].condition == Compare("<", Ref(in_model), Const(9))
    assert model.rules[0].text == f"{in_model} < 9"


def test_a_pack_sees_the_default_of_the_target_under_its_own_name(tmp_path: Path) -> None:
    model = pack(tmp_path, OLD, "nsa_decode_backend == 'fa3'", "{tp_size: [1, 2]}", "0.5.23")
    assert model.rules[0].condition == Compare("==", Const(None), Const("fa3"))


def test_a_pack_sees_the_default_of_its_own_version_where_the_target_lacks_the_argument(
    tmp_path: Path,
) -> None:
    model = pack(tmp_path, OLD, "tp_size < 2 or enable_piecewise_cuda_graph", "{tp_size: [1, 2]}", "0.5.23")
    assert model.rules[0].condition == Or((Compare("<", Ref("tp_size"), Const(2)), Const(False)))


def test_a_pack_may_name_an_argument_by_another_of_its_flags(tmp_path: Path) -> None:
    model = pack(tmp_path, OLD, "tensor_parallel_size < 2", "{tp_size: [1, 2]}", "0.5.6")
    assert model.rules[0].condition == Compare("<", Ref("tp_size"), Const(2))


def test_a_name_that_no_version_has_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match="unknown name `cuda_graph_maxx`"):
        pack(tmp_path, OLD, "cuda_graph_maxx < 2", "{tp_size: [1, 2]}", "0.5.23")


def test_an_argument_that_must_be_given_is_unknown_to_rules(tmp_path: Path) -> None:
    model = pack(tmp_path, OLD, "model_path == 'a'", "{tp_size: [1, 2]}", "0.5.6")
    assert model.rules[0].condition == Compare("==", Unset("model_path"), Const("a"))


def test_fixed_values_move_too() -> None:
    model = read(
        "parameters: {tp_size: [1, 2]}\n"
        "fixed: {cuda_graph_max_bs: 8, enable_piecewise_cuda_graph: true, attention_backend: cutlass_mla}\n"
        "rules: [{require: tp_size < cuda_graph_max_bs or enable_piecewise_cuda_graph}]\n",
        target=NEW,
    )
    assert dict(model.fixed) == {"cuda_graph_max_bs_decode": 8}
    assert model.rules[0].condition == Or((Compare("<", Ref("tp_size"), Const(8)), Const(False)))
    assert model.notes[1:] == (
        (
            "`enable_piecewise_cuda_graph` is left out: sglang==0.5.23 has no such argument;"
            " prefill graphs are on unless `cuda_graph_backend_prefill` is `disabled`"
        ),
        "`attention_backend` is left out: sglang==0.5.23 takes no cutlass_mla",
    )


# Which target


def test_another_release_of_the_same_base_changes_nothing() -> None:
    text = "parameters: {cuda_graph_max_bs: [8, 16]}\n"
    assert read(text, target="sglang==0.5.6.post2").parameters == read(text).parameters


def test_an_unknown_version_is_served_by_the_nearest_lower_one() -> None:
    model = one("cuda_graph_max_bs: [null, 8]", target="sglang==0.5.99")
    assert model.parameters[1].name == "cuda_graph_max_bs_decode"
    assert model.notes[0] == "no data for sglang 0.5.99: the arguments of 0.5.23 stand in"


def test_a_name_that_the_stand_in_lacks_may_exist() -> None:
    with pytest.raises(SpaceError) as caught:
        read("parameters: {zzz: [1]}\n", "0.5.99")
    assert str(caught.value).endswith(
        "hint: `spacegen target add --python ENV` reads the arguments of an installed server"
    )


def test_a_million_values_are_checked_at_once() -> None:
    started = time.perf_counter()
    model = read("parameters: {max_total_tokens: {from: 1, to: 500000}}\n")
    assert len(model["max_total_tokens"].domain) == 500_000
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize(
    ("version", "target", "name"),
    [
        ("0.5.6", "0.5.16", NEW_NAME),
        ("0.5.23", "0.5.16", NEW_NAME),
        ("0.5.23", "0.5.13", OLD_NAME),
        ("0.5.16", "0.5.23", NEW_NAME),
        ("0.5.16", "0.5.6", OLD_NAME),
        ("0.5.12", "0.5.16", NEW_NAME),
    ],
)
def test_versions_without_data_have_their_own_names(version: str, target: str, name: str) -> None:
    own = OLD_NAME if version in ("0.5.6", "0.5.12") else NEW_NAME
    model = one(f"{own}: [null, 8]", version, f"sglang=={target}")
    assert values(model, name) == (None, 8)


def test_a_space_without_a_target_takes_the_given_one() -> None:
    text = "spacegen: 1\nparameters: {tp_size: [1, 2]}\n"
    model = read_model(Source("s.yaml", text), None, Settings(target=NEW))
    assert (model.target, model["tp_size"].default) == (Target("sglang", "0.5.23"), 1)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("sglang=0.5.23", "`sglang=0.5.23` is no target\nhint: write it like `sglang==0.5.23`"),
        ("0.5.23", "`0.5.23` is no target\nhint: write it like `sglang==0.5.23`"),
        ("sglang==0.5.x", "`sglang==0.5.x` is no target\nhint: write it like `sglang==0.5.23`"),
        ("minisgl==0.1.0", "the space is for sglang, not for minisgl"),
        (
            "sglang==0.3",
            (
                "no data for sglang 0.3, nor for an older version\n"
                "hint: versions with data: `0.5.6.post2`, `0.5.23`"
            ),
        ),
    ],
)
def test_a_target_that_makes_no_sense_is_a_usage_error(target: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        one("pp_size: [1, 2]", target=target)
    assert str(caught.value) == message


@pytest.mark.parametrize("target", [OLD, NEW])
@pytest.mark.parametrize("name", [n for n in catalog.names("spaces") if "sglang-" in n and "mini" not in n])
def test_every_shipped_space_loads_for_both_versions(name: str, target: str) -> None:
    model = load_model(name, settings=Settings(target=target))
    assert str(model.target) == target
    assert model.rules


# All arguments at once

SAMPLES = {"bool": "[false, true]", "int": "[1, 2]", "float": "[0.5, 1.5]", "str": "[x, y]"}


def everything(version: str) -> str:
    """A space over every argument that takes single values."""
    arguments = {a.name: a for a in load("sglang", version).arguments.values() if a.type in SAMPLES}
    domains = {
        name: "[" + ", ".join(map(write_scalar, a.choices)) + "]" if a.choices else SAMPLES[a.type]
        for name, a in arguments.items()
    }
    lines = (f"  {name}: {values}\n" for name, values in domains.items())
    return f'spacegen: 1\ntarget: {{server: sglang, version: "{version}"}}\nparameters:\n{"".join(lines)}'


@pytest.mark.parametrize(("version", "target"), [("0.5.6", NEW), ("0.5.23", OLD)])
def test_a_retargeted_space_is_sound_in_its_new_target(version: str, target: str) -> None:
    written = read_model(Source("all.yaml", everything(version)))
    moved = read_model(Source("all.yaml", everything(version)), None, Settings(target=target))
    # Loading it checks each name, value and default against the schema of the new target.
    again = read_model(Source("again.yaml", emit(moved)))
    assert again.parameters == moved.parameters
    names = [
        (renamed("sglang", p.name, version, target.partition("==")[2]) or p.name) for p in written.parameters
    ]
    emptied = {note.split("`")[1] for note in moved.notes if "takes none of its values" in note}
    assert len(emptied) < 5
    kept = set(load("sglang", target.partition("==")[2]).arguments)
    left_out = [name for name in names if name not in kept]
    assert [p.name for p in moved.parameters] == [n for n in names if n in kept - emptied]
    assert sum("has no such argument" in note for note in moved.notes) == len(left_out) > 20
