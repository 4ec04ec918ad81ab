"""The models of launches: names, types, choices, defaults, and the words for what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

import spacegen
from spacegen import UsageError
from spacegen.launch.config import LaunchConfig, launch_model, validate
from spacegen.launch.mistakes import worded
from spacegen.servers.schema import REQUIRED, load

SGLANG = load("sglang", "0.5.23")
OLDER = load("sglang", "0.5.6.post2")
MINI = load("minisgl", "0.1.0")


def said(arguments: dict[str, Any], schema: Any = SGLANG, *, flags: bool = False) -> list[str]:
    return [str(worded(mistake, schema)) for mistake in validate(schema, arguments, flags=flags)]


def test_a_model_has_the_defaults_and_the_aliases_of_its_target() -> None:
    model = launch_model("sglang", "0.5.23")
    launch: Any = model(model_path="m", tensor_parallel_size=4)  # type: ignore[call-arg]
    assert (launch.tp_size, launch.port, launch.schedule_policy) == (4, 30000, "fcfs")
    assert launch_model("sglang", "0.5.23") is model


@pytest.mark.parametrize("schema", [SGLANG, OLDER, MINI], ids=str)
def test_every_default_is_of_its_type(schema: Any) -> None:
    fields = {n: a for n, a in schema.arguments.items() if a.name == n and a.default is not REQUIRED}
    assert (
        validate(schema, {n: a.default for n, a in fields.items() if a.flags and a.action != "store_false"})
        == ()
    )


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({"model_path": "m", "tp": 2}, "extra_forbidden"),
        ({"tp_size": 2}, "missing"),
        ({"model_path": "m", "tp_size": "2"}, "int_type"),
        ({"model_path": "m", "tp_size": True}, "int_type"),
        ({"model_path": "m", "schedule_policy": "lpn"}, "literal_error"),
        ({"model_path": "m", "cuda_graph_bs_decode": 4}, "list_type"),
    ],
)
def test_a_model_refuses(arguments: dict[str, Any], kind: str) -> None:
    with pytest.raises(ValidationError) as caught:
        launch_model("sglang", "0.5.23")(**arguments)
    assert [error["type"] for error in caught.value.errors()] == [kind]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"tp_sise": 2}, "`tp_sise` is no argument of sglang==0.5.23\nhint: did you mean `tp_size`?"),
        (
            {"cuda_graph_max_bs": 64},
            "`cuda_graph_max_bs` was renamed `cuda_graph_max_bs_decode` in sglang==0.5.23",
        ),
        (
            {"tp_size": 2, "tensor_parallel_size": 2},
            "`tp_size` and `tensor_parallel_size` are one argument of sglang==0.5.23",
        ),
        ({"tp_size": "2"}, '`tp_size` must be a whole number, and `"2"` is not'),
        ({"tp_size": 2.5}, "`tp_size` must be a whole number, and `2.5` is not"),
        ({"mem_fraction_static": "most"}, "`mem_fraction_static` must be a number, and `most` is not"),
        ({"enable_mixed_chunk": 1}, "`enable_mixed_chunk` must be true or false, and `1` is not"),
        ({"host": ["a"]}, "`host` must be a string, and `['a']` is not"),
        (
            {"cuda_graph_bs_decode": ["a"]},
            "`cuda_graph_bs_decode` must be a list of numbers, and `['a']` is not",
        ),
        (
            {"cuda_graph_backend_decode": "ful"},
            "`cuda_graph_backend_decode` cannot be `ful`: sglang==0.5.23 takes full, breakable, disabled",
        ),
    ],
)
def test_a_mistake_is_worded(arguments: dict[str, Any], words: str) -> None:
    assert [text.removesuffix("\nhint: did you mean `full`?") for text in said(arguments)] == [words]


def test_every_mistake_is_found_at_once_and_in_order() -> None:
    assert [mistake.name for mistake in validate(SGLANG, {"x": 1, "tp_size": 2.5, "y": 2})] == [
        "x",
        "tp_size",
        "y",
    ]


def test_null_is_not_given() -> None:
    assert said({"tp_size": None, "host": None}) == []


def test_a_name_from_later_is_worded_too() -> None:
    [words] = said({"cuda_graph_max_bs_decode": 8}, OLDER)
    assert words.startswith("`cuda_graph_max_bs_decode` is called `cuda_graph_max_bs` before 0.5.14")


def test_a_value_that_no_words_set_is_a_mistake_of_commands_only() -> None:
    assert said({"uses_mamba_radix_cache": True}) == []
    assert said({"uses_mamba_radix_cache": True}, flags=True) == [
        "no command line of sglang==0.5.23 sets `uses_mamba_radix_cache` to `true`\nhint: it has no flag"
    ]
    with pytest.raises(UsageError, match="no command line"):
        LaunchConfig(SGLANG, {"uses_mamba_radix_cache": True}).argv()


def test_a_negative_flag_clears_its_field() -> None:
    assert LaunchConfig(MINI, {"use_pynccl": False}).argv()[3:] == ("--disable-pynccl",)
    assert LaunchConfig(MINI, {"disable_pynccl": True}).argv()[3:] == ("--disable-pynccl",)
    assert LaunchConfig(MINI, {"disable_pynccl": False, "use_pynccl": True}).argv()[3:] == ()
    assert said({"disable_pynccl": "yes"}, MINI) == [
        '`disable_pynccl` must be true or false, and `"yes"` is not'
    ]


def test_defaults_are_left_out_unless_all_is_wanted() -> None:
    launch = LaunchConfig(SGLANG, {"tp_size": 1, "page_size": None, "port": 30000, "dllm_fdfo": False})
    assert launch.argv()[3:] == ("--no-dllm-fdfo",)
    assert launch.argv(full=True)[3:] == ("--tp-size", "1", "--port", "30000", "--no-dllm-fdfo")
    assert launch.command == ("python", "-m", "sglang.launch_server")
    assert launch.mistakes() == ()


# Complete launches

SPACE = spacegen.load("tests/cases/cli/launch.yaml")


def test_arguments_of_the_launch_are_in_every_solution() -> None:
    space = SPACE.completed({"model": "m", "port": 1})
    assert space.first(1)[0] | {"model_path": "m", "port": 1, "trust_remote_code": True} == space.first(1)[0]
    assert space.count() == SPACE.count()


def test_texts_are_read_by_the_type_of_the_argument() -> None:
    space = SPACE.completed_as(
        {"--served-model-name": "123", "port": "8000", "cuda-graph-bs-decode": "[1, 2]"}
    )
    found = space.first(1)[0]
    assert (found["served_model_name"], found["port"], found["cuda_graph_bs_decode"]) == ("123", 8000, [1, 2])


def test_a_negative_flag_keeps_its_name() -> None:
    space = spacegen.load("mini-sglang").without("disable_pynccl")
    with pytest.raises(UsageError, match="is a parameter of this space"):
        space.completed({"disable_pynccl": True})
    with pytest.raises(UsageError, match="is a parameter of this space"):
        space.completed({"use_pynccl": True})
    whole = spacegen.load("mini-sglang").completed({"host": "::"})
    assert whole.first(1)[0]["server_host"] == "::"


def test_a_space_without_a_target_takes_no_arguments() -> None:
    space = spacegen.Space.build("s", {"a": [1]})
    assert space.completed({}) is not None
    with pytest.raises(UsageError, match="names no server"):
        space.completed({"port": 1})


def test_what_a_space_holds_fixed_is_checked_too() -> None:
    base = SPACE.base.replace(fixed={"port": "x"})
    with pytest.raises(UsageError, match="`port` must be a whole number"):
        spacegen.Space(base).completed({})


def test_rules_see_the_arguments_of_the_launch() -> None:
    ordinary = spacegen.load("sglang-tuner-18")
    attention = spacegen.load("sglang-tuner-18", fixed={"enable_dp_attention": True})
    # Without attention data parallelism the replicas take GPUs of their own.
    assert not any(s["tp_size"] == 8 and s["dp_size"] == 8 for s in ordinary.sample(300, seed=1))
    assert attention.where("tp_size == 8 and dp_size == 8").count() > 0
    assert attention.first(1)[0]["enable_dp_attention"] is True
