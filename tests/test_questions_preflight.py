"""What a preflight is asked about, read from texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from spacegen.errors import ConfigError, Fault
from spacegen.launch.questions import read_questions
from spacegen.source import Source

COMMAND = "python -m sglang.launch_server --model-path m --tp-size 2"


def _asked(name: str, text: str, form: str | None = None) -> list[object]:
    return [question.asked for question in read_questions(Source(name, text), form)]


def test_data_are_configs() -> None:
    assert _asked("a.jsonl", '{"tp_size": 2}\n{"tp_size": 4}\n') == [
        {"config": {"tp_size": 2}},
        {"config": {"tp_size": 4}},
    ]
    assert _asked("<stdin>", '[{"tp_size": 2}]') == [{"config": {"tp_size": 2}}]
    assert _asked("a.yaml", "tp_size: 2\n") == [{"config": {"tp_size": 2}}]


@pytest.mark.parametrize("name", ["a.sh", "a.argv", "a.txt", "<stdin>"])
def test_commands_are_words(name: str) -> None:
    assert (
        _asked(name, f"{COMMAND}\n{COMMAND}\n")
        == [
            {"argv": ["--model-path", "m", "--tp-size", "2"]},
        ]
        * 2
    )


def test_each_command_is_called_by_its_line() -> None:
    questions = read_questions(Source("a.sh", f"#!/bin/sh\n\n{COMMAND}\n"))
    assert [question.label for question in questions] == ["a.sh:3"]


def test_a_file_with_hyphens_is_for_the_server(tmp_path: Path) -> None:
    path = tmp_path / "server.yaml"
    path.write_text("tp-size: 2\n")
    assert _asked(str(path), path.read_text()) == [{"file": str(path)}]
    assert _asked(str(path), "host: a\n", "config") == [{"file": str(path)}]


def test_values_are_those_of_data() -> None:
    (data,) = read_questions(Source("a.json", '{"tp_size": 2}'))
    (command,) = read_questions(Source("a.sh", COMMAND))
    assert (data.values, command.values) == ({"tp_size": 2}, {})


def test_what_cannot_be_read_keeps_its_place() -> None:
    first, second = read_questions(Source("a.jsonl", '{"tp_size"\n{"tp_size": 2}\n'))
    assert isinstance(first.asked, Fault)
    assert first.values == {}
    assert second.label == "a.jsonl:2"


@pytest.mark.parametrize(
    ("name", "text", "form", "message"),
    [
        ("a.sh", "echo hello\n", None, "a.sh has no command that launches a server"),
        ("a.sh", f"{COMMAND} 'x\n", None, "a.sh: a quotation does not end"),
        ("<stdin>", "tp-size: 2\n", "config", "<stdin> is no file"),
    ],
)
def test_what_is_no_launch_is_said(name: str, text: str, form: str | None, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        _asked(name, text, form)
    assert str(raised.value).startswith(message)
