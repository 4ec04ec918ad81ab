"""Reading configs: formats, guesses, and the words for what cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

import spacegen
from spacegen import ConfigError, Space
from spacegen.errors import Fault
from spacegen.language.model import Domain
from spacegen.questions.configs import read_cell, read_configs
from spacegen.source import Source

MODEL = spacegen.load(Path(__file__).parent / "cases" / "cli" / "server.yaml").model


@pytest.mark.parametrize(
    ("name", "text", "several"),
    [
        ("c.json", '{"tp_size": 1, "memory": null}', False),
        ("c.json", '[{"tp_size": 1, "memory": null}]', True),
        ("c.jsonl", '\n{"tp_size": 1, "memory": null}\n', True),
        ("c.yaml", "tp_size: 1\nmemory: null\n", False),
        ("c.yml", "- {tp_size: 1, memory: ~}\n", True),
        ("c.csv", "tp_size,memory\n1,\n", True),
        ("<stdin>", '{"tp_size": 1, "memory": null}', False),
        ("<stdin>", '  [{"tp_size": 1, "memory": null}]', True),
        ("<stdin>", '{"tp_size": 1,\n "memory": null}', False),
        ("<stdin>", "tp_size: 1\nmemory: null\n", False),
        ("<stdin>", "tp_size,memory\n1,null\n", True),
        ("config", '"tp_size",memory\r\n1,null\r\n', True),
    ],
)
def test_a_config_is_read_in_every_format(name: str, text: str, several: bool) -> None:
    batch = read_configs(Source(name, text), MODEL)
    assert [entry.config for entry in batch.entries] == [{"tp_size": 1, "memory": None}]
    assert batch.several is several


def test_lines_of_json_are_recognised() -> None:
    batch = read_configs(Source("<stdin>", '{"tp_size": 1}\n{"tp_size": 2}\n'), MODEL)
    assert [entry.label for entry in batch.entries] == ["<stdin>:1", "<stdin>:2"]


def test_the_format_can_be_named() -> None:
    assert read_configs(Source("c.txt", '{"tp_size": 1}'), MODEL, "jsonl").several


def test_no_lines_are_no_configs() -> None:
    for name in ("c.jsonl", "c.csv"):
        assert read_configs(Source(name, ""), MODEL).entries == ()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("c.json", "", "c.json:1:1: not JSON: expecting value\n1 | \n  | ^"),
        ("c.json", '{"a": 1,}', "not JSON: "),
        ("c.json", '{"a": 1, "a": 2}', "the key `a` occurs twice"),
        ("c.json", '{"a": Infinity}', "`Infinity` is no value of JSON"),
        ("c.json", '{"a": 1e999}', "`1e999` is too large for a number"),
        ("c.json", f'{{"a": {"1" * 5000}}}', "a number has too many digits"),
        ("c.json", "[" * 100_000, "it is nested too deeply"),
        ("c.yaml", "a: [", "c.yaml:"),
        ("c.yaml", "a: 1\na: 2\n", "c.yaml:2:1"),
        ("c.csv", 'tp_size\n"1', "not CSV: unexpected end of data"),
        ("c.csv", "tp_size,tp_size\n1,2\n", "the column `tp_size` occurs twice"),
    ],
)
def test_what_cannot_be_read_is_said(name: str, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        list(read_configs(Source(name, text), MODEL).entries)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.json", "1"),
        ("c.json", "[1]"),
        ("c.jsonl", "null"),
        ("c.yaml", "- 1"),
        ("c.csv", "tp_size,memory\n1\n"),
    ],
)
def test_one_fault_does_not_stop_the_rest(name: str, text: str) -> None:
    (entry,) = read_configs(Source(name, text), MODEL).entries
    assert isinstance(entry.config, Fault)


def test_a_cell_is_a_scalar_or_a_string_of_the_domain() -> None:
    strings = Domain(("1", "auto", "", None))
    assert read_cell("1", strings) == "1"
    assert read_cell("1", Domain((1, "1"))) == 1
    assert read_cell("auto", strings) == "auto"
    assert read_cell("", strings) is None
    assert read_cell("", Domain(("", "a"))) == ""
    assert read_cell("2024-01-01", Domain(("2024-01-01",))) == "2024-01-01"
    assert read_cell("True", None) is True
    with pytest.raises(spacegen.SpaceError, match="there are no dates"):
        read_cell("2024-01-01", None)


def test_a_csv_of_any_domain_reads_back(tmp_path: Path) -> None:
    values = [None, 'say "hi"', "a,b", "two\nlines", " padded ", "plain", "1", "null", "True"]
    space = spacegen.Space.build("s", {"text": values, "flag": [True, False, None], "ratio": [0.1, 1e-9, 3]})
    everything = space.solutions().materialised()
    everything.to_csv(tmp_path / "s.csv")
    text = (tmp_path / "s.csv").read_text(encoding="utf-8")
    read = read_configs(Source("s.csv", text), space.model)
    assert [entry.config for entry in read.entries] == everything.dicts()


@pytest.mark.parametrize(("separator", "name"), [(";", "semicolons"), ("\t", "tabs")])
def test_other_separators_than_commas_are_named(separator: str, name: str) -> None:
    model = Space.build("s", {"a": [1, 2], "b": [1, 2]}).model
    text = f"a{separator}b\n1{separator}2\n"
    with pytest.raises(ConfigError, match=f"separated by {name}(.|\n)*hint: separate the columns by commas"):
        read_configs(Source("x.csv", text), model)


def test_a_single_cell_is_one() -> None:
    model = Space.build("s", {"a": [1, 2], "b": [1, 2]}).model
    fault = read_configs(Source("x.csv", "a,b\n1\n"), model).entries[0].config
    assert "the row has 1 cell under 2 columns" in str(fault)
