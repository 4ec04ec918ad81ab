"""Command lines and config files as configs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import spacegen
from spacegen import ConfigError
from spacegen.errors import Fault
from spacegen.language.elaborate import read_model
from spacegen.launch.commandline import commands_in, is_command, parse
from spacegen.launch.reading import read_argv, read_launches
from spacegen.launch.sorting import Sorter
from spacegen.questions.configs import Batch
from spacegen.servers.schema import load
from spacegen.source import Source

SGLANG = load("sglang", "0.5.23")
SPACE = spacegen.load(Path(__file__).parent / "cases" / "cli" / "launch.yaml")
DEFAULTS = {p.name: p.default for p in SPACE.parameters}


def arguments(line: str, schema: Any = SGLANG) -> dict[str, Any]:
    [(_, words)] = list(commands_in(line))
    found = parse(words, schema)
    assert found.wrong == ()
    return dict(found.arguments)


@pytest.mark.parametrize(
    "line",
    [
        "--tp 2 --model-path 'a b'",
        "--tp-size=2 --model 'a b'",
        "--tensor-parallel-size 8 --tp-size 2 --model-path=a\\ b",
        'python -m sglang.launch_server --tp 2 --model-path "a b"',
        "sglang serve --tp 2 --model-path 'a b'",
        "HF_HOME=/x nohup python3 -um sglang.launch_server --tp 2 --model 'a b' > log 2>&1 &",
        "cd /x && exec python -m sglang.launch_server --tp 2 --model-path 'a b' # the first",
        "docker run --gpus all -p 1:1 img python3 -m sglang.launch_server --tp 2 --model 'a b' | tee log",
        "set -e\npython -m sglang.launch_server \\\n  --tp 2 \\\n  --model-path 'a b'\nwait\n",
    ],
)
def test_a_command_line_is_read(line: str) -> None:
    assert arguments(line) == {"tp_size": 2, "model_path": "a b"}
    assert is_command(line)


def test_values_are_of_their_types() -> None:
    line = (
        "--mem-fraction-static .8 --trust-remote-code --no-dllm-fdfo --cuda-graph-bs-decode 1 2 4 "
        "--schedule-conservativeness -0.5 --served-model-name 12 --mm-process-config '{\"image\": [1]}'"
    )
    assert arguments(line) == {
        "mem_fraction_static": 0.8,
        "trust_remote_code": True,
        "dllm_fdfo": False,
        "cuda_graph_bs_decode": [1, 2, 4],
        "schedule_conservativeness": -0.5,
        "served_model_name": "12",
        "mm_process_config": {"image": [1]},
    }


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("8k", 8000),
        ("8Ki", 8192),
        ("25.6k", 25600),
        ("1M", 10**6),
        ("8", 8),
        ("1.5Ki", "1.5Ki"),
        ("8K", "8K"),
    ],
)
def test_numbers_may_have_suffixes_where_the_server_reads_them(word: str, value: int | str) -> None:
    assert arguments(f"--max-total-tokens {word}") == {"max_total_tokens": value}
    older = arguments(f"--max-total-tokens {word}", load("sglang", "0.5.6"))
    assert older == {"max_total_tokens": 8 if word == "8" else word}


def test_a_flag_may_clear_its_field() -> None:
    mini = load("minisgl", "0.1.0")
    line = "python -m minisgl --disable-pynccl --tp-size 2"
    assert arguments(line, mini) == {"use_pynccl": False, "tensor_parallel_size": 2}
    space = spacegen.load("mini-sglang")
    config = read_argv("--disable-pynccl", space.model).config
    assert not isinstance(config, Fault)
    assert config["disable_pynccl"] is True


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("--tp_size 2", "`--tp_size` is no flag of sglang==0.5.23", "did you mean `--tp-size`?"),
        ("--tp", "`--tp-size` has no value", None),
        ("--tp --dp 2", "`--tp-size` has no value", None),
        ("--tp 2 3", "`3` follows no flag", None),
        ("--trust-remote-code yes", "`yes` follows no flag", None),
        ("-tp 2", "`-tp` follows no flag", None),
        (
            "--cuda-graph-max-bs 8",
            "`cuda_graph_max_bs` was renamed `cuda_graph_max_bs_decode` in sglang==0.5.23",
            None,
        ),
    ],
)
def test_what_no_parser_takes_is_worded(line: str, message: str, hint: str | None) -> None:
    found = parse(line.split(), SGLANG)
    assert (found.wrong[0].message, found.wrong[0].hint) == (message, hint)


def test_an_ambiguous_flag_names_what_it_could_be() -> None:
    [fault] = parse(["--pp", "2"], SGLANG).wrong
    assert fault.message == "`--pp` is short for several flags"
    assert "--pp-size" in str(fault.hint)


def test_a_config_file_on_the_command_line_is_noted() -> None:
    assert parse(["--config", "a.yaml"], SGLANG).notes == (
        "`--config a.yaml` is not looked into: check that file too",
    )


def read(text: str, name: str = "<stdin>", form: str | None = None) -> Batch:
    return read_launches(Source(name, text), SPACE.model, form)


def test_what_a_launch_does_not_say_is_the_default() -> None:
    [entry] = read("--tp 2").entries
    assert entry.config == {**DEFAULTS, "tp_size": 2}
    assert SPACE.check(entry.config).complete  # type: ignore[arg-type]


def test_what_nobody_reads_has_the_value_of_the_space() -> None:
    text = """
spacegen: 1
target: {server: sglang, version: "0.5.6"}
parameters:
  enable_hierarchical_cache: [false, true]
  hicache_ratio: {values: [2.0, 3.0], default: 3.0, active_when: enable_hierarchical_cache}
  chunked_prefill_size: [512, 1024]
"""
    model = read_model(Source("a.yaml", text))
    [off] = read_launches(Source("<stdin>", "--tp 1"), model).entries
    [on] = read_launches(Source("<stdin>", "--enable-hierarchical-cache"), model).entries
    assert off.config == {"tp_size": 1, "enable_hierarchical_cache": False, "hicache_ratio": 3.0}
    assert on.config == {"enable_hierarchical_cache": True, "hicache_ratio": 2.0}
    assert on.notes == ("`chunked_prefill_size` is not given, and its default, null, is not searched",)


def test_of_two_forms_of_what_is_not_said_the_one_that_keeps_the_rules_is_meant() -> None:
    text = """
spacegen: 1
target: {server: sglang, version: "0.5.6"}
parameters:
  tp_size: [1, 2]
  schedule_conservativeness: {values: [1.0, null], default: 1.0}
rules:
  - {id: scaled, when: tp_size == 2, forbid: {schedule_conservativeness: 1.0}}
"""
    model = read_model(Source("a.yaml", text))
    meant = {tp: read_argv(f"--tp {tp}", model).config["schedule_conservativeness"] for tp in (1, 2)}  # type: ignore[index]
    assert meant == {1: 1.0, 2: None}


@pytest.mark.parametrize(
    ("name", "text", "form"),
    [
        ("a.yaml", "tp-size: 2\nenable-hicache: true\npage-size: 16\n", None),
        ("a.yaml", "tp: 2\nenable_hicache: false\n", "config"),
        ("a.sh", "python -m sglang.launch_server --tp 2", None),
        ("a.argv", "--tp 2", None),
        ("notes.txt", "# mine\n--tp 2", None),
    ],
)
def test_a_launch_is_recognised(name: str, text: str, form: str | None) -> None:
    [entry] = read(text, name, form).entries
    assert not isinstance(entry.config, Fault)
    assert entry.config["tp_size"] == 2
    assert entry.config.keys() >= DEFAULTS.keys()


@pytest.mark.parametrize(
    ("text", "switched"),
    [
        ("--cuda-graph-backend-decode disabled --cuda-graph-backend-prefill disabled", True),
        ("--disable-cuda-graph", True),
        ("--cuda-graph-backend-decode disabled", False),
    ],
)
def test_the_new_words_of_a_switch_are_the_switch(text: str, switched: bool) -> None:
    [entry] = read(text).entries
    assert not isinstance(entry.config, Fault)
    assert entry.config["disable_cuda_graph"] is switched
    assert ("cuda_graph_backend_decode" in entry.config) is not switched


def test_rows_are_still_rows() -> None:
    [entry] = read("tp_size: 2\n", "a.yaml").entries
    assert entry.config == {"tp_size": 2}


def test_a_script_of_several_commands_is_several_configs() -> None:
    batch = read(
        "python -m sglang.launch_server --tp 2 &\n\nsleep 1\npython -m sglang.launch_server --tp 4 &\nwait\n"
    )
    assert batch.several
    assert [entry.label for entry in batch.entries] == ["<stdin>:1", "<stdin>:4"]


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("--tp 'two", "a.sh", "a.sh: no closing quotation"),
        ("echo hello\n", "a.sh", "a.sh holds no command line"),
        ("[1]", "a.yaml", "a.yaml is no config file"),
        ("a: [", "a.yaml", "a.yaml"),
    ],
)
def test_what_cannot_be_read(text: str, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(text, name, "config" if name.endswith("yaml") else None)


def test_no_words_are_all_defaults() -> None:
    for text in ("", "python -m sglang.launch_server"):
        assert read_argv(text, SPACE.model).config == DEFAULTS


def test_one_text_is_one_command() -> None:
    with pytest.raises(ConfigError, match="several commands"):
        read_argv("--tp 2\n--tp 4", SPACE.model)


# What the space is asked about, and what only the target knows


def test_a_config_is_cut_in_two() -> None:
    config = {
        "tensor_parallel_size": 2,
        "host": "h",
        "port": "x",
        "nobody": 1,
        "gpus": 2,
        "trust_remote_code": True,
    }
    found = Sorter(SPACE.base, SPACE.not_searched)(config)
    assert found.config == {"tp_size": 2, "nobody": 1, "gpus": 2, "trust_remote_code": True}
    assert found.passed == ("host",)
    assert [str(fault) for fault in found.wrong] == ["`port` must be a whole number, and `x` is not"]


def test_many_configs_get_the_verdicts_that_each_gets_alone() -> None:
    rows = SPACE.sample(5, seed=2)
    configs = [
        {**rows[0], "host": "h"},
        dict(rows[1]),
        {**rows[2], "port": "x"},
        {**rows[3], "tp": 3},
        {"tensor_parallel_size": 3},
    ]
    together = list(SPACE.check_all(configs))
    assert [str(verdict) for verdict in together] == [str(SPACE.check(config)) for config in configs]
    assert [verdict.valid for verdict in together] == [True, True, False, False, False]
