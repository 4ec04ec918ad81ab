"""The argument schemas that ship with the package."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path

import pytest
from packaging.version import Version

from spacegen.errors import SpaceError
from spacegen.servers import schema
from spacegen.servers.schema import REQUIRED, Argument, TargetSchema, load, shipped

EVERY_SCHEMA = [load(server, version) for server, version in shipped()]
SCALARS = {"bool": bool, "int": int, "float": (int, float), "str": str}


def unique(target: TargetSchema) -> list[Argument]:
    return list({id(a): a for a in target.arguments.values()}.values())


def test_shipped_names_each_server_oldest_version_first() -> None:
    assert shipped() == (("minisgl", "0.1.0"), ("sglang", "0.5.6.post2"), ("sglang", "0.5.23"))


@pytest.mark.parametrize("target", EVERY_SCHEMA, ids=str)
def test_a_default_has_the_type_and_is_one_of_the_choices(target: TargetSchema) -> None:
    for argument in unique(target):
        default = argument.default
        if default is None:
            assert argument.nullable, argument
        elif argument.type in SCALARS and default is not REQUIRED:
            assert isinstance(default, SCALARS[argument.type]), argument
            assert isinstance(default, bool) == (argument.type == "bool"), argument
            assert argument.choices is None or default in argument.choices, argument


@pytest.mark.parametrize("target", EVERY_SCHEMA, ids=str)
def test_types_and_actions_are_the_documented_ones(target: TargetSchema) -> None:
    types = {*SCALARS, "list[int]", "list[float]", "list[str]", "json", "object"}
    assert {a.type for a in unique(target)} <= types
    for argument in unique(target):
        switches = argument.action in ("store_true", "store_false", "toggle")
        assert not switches or argument.type == "bool", argument
        assert all(flag.startswith("--") for flag in argument.flags), argument


@pytest.mark.parametrize("target", EVERY_SCHEMA, ids=str)
def test_no_flag_belongs_to_two_fields(target: TargetSchema) -> None:
    fields = {a.name: a for a in unique(target) if target.arguments[a.name] is a}
    flags = [flag for a in fields.values() for flag in a.flags if a.name != "disable_pynccl"]
    assert len(set(flags)) == len(flags)


@pytest.mark.parametrize("target", EVERY_SCHEMA, ids=str)
def test_only_the_model_is_required(target: TargetSchema) -> None:
    assert [a.name for a in unique(target) if a.default is REQUIRED] == ["model_path"]


def test_the_sizes_of_the_schemas_are_as_published() -> None:
    sizes = {str(t): sum(1 for name, a in t.arguments.items() if name == a.name) for t in EVERY_SCHEMA}
    # mini-SGLang: 24 fields and the switch `disable_pynccl`, which is not named as its field is.
    assert sizes == {"minisgl==0.1.0": 25, "sglang==0.5.6.post2": 291, "sglang==0.5.23": 543}


@pytest.mark.parametrize(
    ("version", "name", "default"),
    [
        ("0.5.6", "hicache_mem_layout", "layer_first"),
        ("0.5.23", "hicache_mem_layout", "page_first"),
        ("0.5.6", "swa_full_tokens_ratio", 0.8),
        ("0.5.23", "swa_full_tokens_ratio", None),
        ("0.5.6", "torch_compile_max_bs", 32),
        ("0.5.6", "chunked_prefill_size", None),
    ],
)
def test_defaults_follow_the_version(version: str, name: str, default: object) -> None:
    assert load("sglang", version).arguments[name].default == default


def test_choices_follow_the_version() -> None:
    assert load("sglang", "0.5.6").arguments["radix_eviction_policy"].choices == ("lru", "lfu")
    newer = load("sglang", "0.5.23").arguments
    assert newer["radix_eviction_policy"].choices == ("lru", "lfu", "slru", "priority", "tlru")
    assert "cuda_graph_max_bs" not in newer
    assert "nsa_prefill_backend" not in newer


@pytest.mark.parametrize(
    ("flag_name", "field"),
    [
        ("tp_size", "tensor_parallel_size"),
        ("max_running_requests", "max_running_req"),
        ("max_prefill_length", "max_extend_tokens"),
        ("dummy_weight", "use_dummy_weight"),
        ("port", "server_port"),
        ("num_pages", "num_page_override"),
    ],
)
def test_an_argument_is_found_by_the_names_of_its_flags(flag_name: str, field: str) -> None:
    arguments = load("minisgl", "0.1.0").arguments
    assert arguments[flag_name] is arguments[field]


def test_a_flag_that_clears_a_field_is_off_by_default() -> None:
    arguments = load("minisgl", "0.1.0").arguments
    assert arguments["use_pynccl"].default is True
    assert arguments["use_pynccl"].action == "store_false"
    assert arguments["disable_pynccl"].default is False
    assert arguments["disable_pynccl"].action == "store_true"


def test_the_negative_half_of_a_toggle_is_no_name() -> None:
    arguments = load("sglang", "0.5.23").arguments
    assert arguments["lora_strict_loading"].action == "toggle"
    assert "no_lora_strict_loading" not in arguments


def test_a_deprecated_flag_is_marked() -> None:
    arguments = load("sglang", "0.5.23").arguments
    assert [n for n, a in arguments.items() if a.deprecated and n == a.name] == [
        "enable_dp_attention",
        "disable_cuda_graph",
    ]


@pytest.mark.parametrize("version", ["0.5.6.post2", "0.5.6", "0.5.6.post1", "0.5.6rc1", "0.5.6+local"])
def test_releases_of_one_base_share_their_data_silently(version: str) -> None:
    target = load("sglang", version)
    assert (target.version, target.notes) == ("0.5.6.post2", ())


@pytest.mark.parametrize(
    ("version", "chosen"), [("0.5.9", "0.5.6.post2"), ("0.5.24", "0.5.23"), ("1.0", "0.5.23")]
)
def test_the_nearest_lower_version_stands_in_with_a_note(version: str, chosen: str) -> None:
    target = load("sglang", version)
    assert target.version == chosen
    assert target.notes == (f"no data for sglang {version}: the arguments of {chosen} stand in",)


def test_what_stands_in_has_the_names_of_the_version_that_was_asked_for() -> None:
    arguments = load("sglang", "0.5.16").arguments
    assert arguments["cuda_graph_max_bs_decode"].flags == ("--cuda-graph-max-bs-decode",)
    assert arguments["dsa_prefill_backend"].default == "flashmla_sparse"
    for gone in ("cuda_graph_max_bs", "nsa_prefill_backend", "enable_piecewise_cuda_graph"):
        assert gone not in arguments
    assert "enable_piecewise_cuda_graph" in load("sglang", "0.5.9").arguments


SHIPPED_SGLANG = "versions with data: `0.5.6.post2`, `0.5.23`"


@pytest.mark.parametrize(
    ("server", "version", "message", "hint"),
    [
        ("sglnag", "0.5.6", "unknown server `sglnag`", "did you mean `sglang`?"),
        ("triton", "1", "unknown server `triton`", "servers with data: `minisgl`, `sglang`"),
        ("sglang", "0.4.0", "no data for sglang 0.4.0, nor for an older version", SHIPPED_SGLANG),
        ("sglang", "latest", "`latest` is not a version", SHIPPED_SGLANG),
    ],
)
def test_what_cannot_be_found_says_what_there_is(server: str, version: str, message: str, hint: str) -> None:
    with pytest.raises(SpaceError) as caught:
        load(server, version)
    assert str(caught.value) == f"{message}\nhint: {hint}"


def test_versions_are_ordered_as_versions_not_as_text() -> None:
    versions = [Version(v) for s, v in shipped() if s == "sglang"]
    assert versions == sorted(versions)


def test_a_schema_is_read_within_milliseconds() -> None:
    target = schema.known()["sglang", "0.5.23"]
    fastest = min(_read_once(target) for _ in range(5))
    assert fastest < 0.1


def _read_once(path: Path) -> float:
    started = time.perf_counter()
    schema._read(path)
    return time.perf_counter() - started


def test_an_argument_has_its_name_as_text_whoever_asked_for_it_first() -> None:
    class Name(StrEnum):
        RANKS = "tp_size"

    schema.forget()
    assert type(load("sglang", "0.5.23").arguments[Name.RANKS].name) is str
